package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// TestDeclarationCheck: the phones of every page are shown, each kind of problem
// with its next step once, and the exit code tells that there are some.
func TestDeclarationCheck(t *testing.T) {
	t.Parallel()
	faulty := func(udid, problem string) fleet.DeclaredDevice {
		return fleet.DeclaredDevice{UDID: udid, Problems: []fleet.DeclaredFault{{Identifier: "kannuki.settings", Problem: problem}}}
	}
	pages := map[string]fleet.DeclaredCheck{
		"":  {Checked: 5, Pending: 1, Faulty: 3, Devices: []fleet.DeclaredDevice{faulty("PHONE-1", fleet.FaultInvalid), faulty("PHONE-2", fleet.FaultInvalid)}, Next: 2},
		"2": {Checked: 5, Pending: 1, Faulty: 3, Devices: []fleet.DeclaredDevice{faulty("PHONE-3", fleet.FaultForeign)}},
	}
	out, err := command(t, func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(pages[r.URL.Query().Get("after")])
	}, "declaration", "check")
	if shown, ok := errors.AsType[*shownError](err); !ok || shown.exit != exitError {
		t.Errorf("ended with %v, want exit code %d", err, exitError)
	}
	for _, want := range []string{"PHONE-1", "PHONE-2", "PHONE-3", "3 phones hold something else", "Told: 5. Not reported yet: 1."} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	for _, once := range []string{"refused by the phone: See what it refuses", "not of this server: Restart"} {
		if strings.Count(out, once) != 1 {
			t.Errorf("%q is there %d times, want once, in\n%s", once, strings.Count(out, once), out)
		}
	}
}
