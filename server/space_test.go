package server_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// TestDiskNearlyFull: people can look, pause and revoke, nothing else, phones
// are served, and all of it works again once there is room, without a restart.
func TestDiskNearlyFull(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	p := in.phone("00008120-D", nil)
	in.enrol(p, "sales", "production")
	addApp := func(id string) error {
		return in.post("/v1/apps", map[string]string{"bundle_id": id, "name": id, "importance": "critical", "reason": "test"}, nil)
	}
	wantCode := func(what string, err error, status int, code string) {
		t.Helper()
		e, ok := errors.AsType[*api.Error](err)
		if !ok || e.Status != status || e.Code != code {
			t.Errorf("%s: got error %v, want status %d, code %s", what, err, status, code)
		}
	}
	in.space.Store(&server.Space{Total: 100 << 30, Free: 1 << 30})
	if d := in.health().Disk; d.State != api.DiskLow {
		t.Errorf("with 1 GiB left: %+v, want low", d)
	}
	in.must(addApp("com.example.low"))

	in.space.Store(&server.Space{Total: 100 << 30, Free: 1 << 20})
	if d := in.health().Disk; d != (api.Disk{TotalBytes: 100 << 30, FreeBytes: 1 << 20, State: api.DiskReadOnly}) {
		t.Errorf("with 1 MiB left: %+v, want read-only", d)
	}
	wantCode("adding an app", addApp("com.example.full"), http.StatusInsufficientStorage, api.CodeDiskFull)
	wantCode("a link", in.post("/v1/enrollment/links", map[string]string{"group": "sales", "ring": "production"}, nil), http.StatusInsufficientStorage, api.CodeDiskFull)
	for _, path := range []string{
		"/v1/rollouts/sales/99.9/pause", "/v1/verdicts/none/revoke", "/v1/tokens/none/revoke", "/v1/devices/none/queue/none/cancel",
	} {
		err := in.post(path, map[string]string{"reason": "test"}, nil)
		if e, ok := errors.AsType[*api.Error](err); !ok || e.Code == api.CodeDiskFull {
			t.Errorf("%s: got error %v, want one about what does not exist: it stops something", path, err)
		}
	}
	in.must(p.Step(t.Context()))

	in.space.Store(nil)
	in.must(addApp("com.example.room"))
	if d := in.health().Disk; d.State != api.DiskOK {
		t.Errorf("with room: %+v, want ok", d)
	}
	noViolations(t, p)
}

func TestSpaceStates(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		total, free uint64 // MiB
		want        api.DiskState
	}{
		{1 << 20, 3000, api.DiskOK}, // a large disk: bytes decide
		{1 << 20, 2000, api.DiskLow},
		{1 << 20, 511, api.DiskReadOnly},
		{40, 8, api.DiskOK}, // a small one: percent
		{40, 5, api.DiskLow},
		{40, 1, api.DiskReadOnly},
		{40, 0, api.DiskReadOnly},
	} {
		t.Run(fmt.Sprint(test.total, test.free), func(t *testing.T) {
			t.Parallel()
			if got := (server.Space{Total: test.total << 20, Free: test.free << 20}).State(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
