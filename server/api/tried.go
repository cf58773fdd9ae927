package api

import (
	"bytes"
	"encoding/json"
)

// Tried returns an answer to what was only tried: an object says so, under
// "dry_run", as its last key unless it does already. Everything else is returned as it
// is.
func Tried(answer any) any {
	data, err := json.Marshal(answer)
	if err != nil {
		return answer // whoever writes it hears of that
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(data, &keys) != nil || keys == nil || keys["dry_run"] != nil {
		return answer
	}
	data = bytes.TrimSuffix(data, []byte("}"))
	if len(keys) > 0 {
		data = append(data, ',')
	}
	return json.RawMessage(append(data, `"dry_run":true}`...))
}

// OnlyTried reports whether an answer says that nothing was changed.
func OnlyTried(answer []byte) bool {
	var said struct {
		DryRun bool `json:"dry_run"`
	}
	return json.Unmarshal(answer, &said) == nil && said.DryRun
}
