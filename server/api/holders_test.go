package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

// everyPhone is a store in which each serial number is that of one phone.
type everyPhone struct{ *memory.Store }

func (everyPhone) PhonesBySerial(_ context.Context, _ storage.Segment, serial string) ([]storage.Phone, error) {
	return []storage.Phone{{UDID: "U" + serial, Serial: serial, State: storage.PhoneEnrolled}}, nil
}

// roomy is a server with room on its disk.
type roomy struct{ api.Operations }

func (roomy) Disk() api.Disk { return api.Disk{} }

// TestHoldersOfManyPhones: as many phones as docs/api.md promises fit into one
// request, with names and references as long as they can be; one more is too many.
func TestHoldersOfManyPhones(t *testing.T) {
	t.Parallel()
	facts, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	f := fleet.New(everyPhone{memory.New(memory.Options{})}, nil, time.Now, fleet.Options{Facts: facts})
	if err := f.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	somebody := func(*http.Request) (api.Principal, error) { return api.Principal{Segment: storage.DefaultSegment}, nil }
	h := api.NewHandler(f, nil, roomy{}, somebody, func() {}, slog.New(slog.DiscardHandler))
	for _, tt := range []struct {
		phones, status, changes int
		want                    string
	}{
		{10_000, http.StatusOK, 10_000, `"changes"`},
		{10_001, http.StatusBadRequest, 0, "too-many-holders"},
		{12_000, http.StatusBadRequest, 0, "more than 70000 keys and values"},
	} {
		in := api.HoldersRequest{Reason: "list", DryRun: true}
		for i := range tt.phones {
			in.Holders = append(in.Holders, fleet.HolderSetting{Phone: fmt.Sprintf("%040d", i), Holder: fmt.Sprintf("S%063d", i)})
		}
		body, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/holders", strings.NewReader(string(body))))
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) || strings.Count(w.Body.String(), `"after"`) != tt.changes {
			t.Errorf("%d phones in %d bytes: %d %.300s, want %d and %s", tt.phones, len(body), w.Code, w.Body, tt.status, tt.want)
		}
	}
}
