package api_test

import (
	"encoding/json"
	"testing"

	"github.com/kannuki-mdm/kannuki/server/api"
)

func TestTried(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer any
		want   string
	}{
		"says nothing":   {struct{ A, B int }{1, 2}, `{"A":1,"B":2,"dry_run":true}`},
		"no key at all":  {struct{}{}, `{"dry_run":true}`},
		"says so itself": {map[string]any{"a": "}", "dry_run": true}, `{"a":"}","dry_run":true}`},
		"one inside":     {map[string]any{"effect": map[string]any{"dry_run": true}}, `{"effect":{"dry_run":true},"dry_run":true}`},
		"no object":      {[]int{1}, `[1]`},
		"null":           {nil, `null`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := json.Marshal(api.Tried(tc.answer))
			if err != nil || string(got) != tc.want {
				t.Errorf("got %s, %v, want %s", got, err, tc.want)
			}
			if object := tc.want[0] == '{'; api.OnlyTried(got) != object {
				t.Errorf("%s says that it was only tried: %t, want %t", got, !object, object)
			}
		})
	}
}
