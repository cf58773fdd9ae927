package fleet_test

import (
	"encoding/json"
	"testing"
)

func decodeInto(t *testing.T, body []byte, out any) {
	t.Helper()
	if err := json.Unmarshal(body, out); err != nil {
		t.Fatal(err)
	}
}
