package main

import (
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// TestKeptPlaceText: both views of a phone say where its link named.
func TestKeptPlaceText(t *testing.T) {
	t.Parallel()
	kept := &fleet.KeptPlaceView{Group: "stock", Ring: "production", At: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}
	for tag, want := range map[string]string{
		"en": "stock, Production; that move was refused when it enrolled (2026-11-20 09:00",
		"ja": "stock、本番（登録時",
	} {
		g := testGlobals(tag)
		detail := fleet.DeviceDetail{KeptPlace: kept}
		for view, text := range map[string]string{"show": g.deviceText(api.Device{DeviceDetail: detail}), "explain": g.explainText(fleet.ExplainView{KeptPlace: kept})} {
			if !strings.Contains(text, want) {
				t.Errorf("%s, %s: want %q in\n%s", tag, view, want, text)
			}
		}
		if text := g.explainText(fleet.ExplainView{}); strings.Contains(text, g.text.T("Its link named")) {
			t.Errorf("%s: of a phone where its link put it:\n%s", tag, text)
		}
	}
}
