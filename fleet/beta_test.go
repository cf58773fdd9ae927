package fleet_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// toCome is a release that nobody has posted.
const toCome = "99.0"

// onBeta returns a tester whose phone runs the beta of a release to come.
func onBeta(t *testing.T) (*world, *phone) {
	t.Helper()
	w := newWorld(t)
	w.enrol("P1", "sales", storage.RingProduction).settle()
	tester := w.enrol("V1", "sales", storage.RingVerification)
	tester.settle()
	tester.install(toCome, "99A5260n")
	return w, tester
}

func (w *world) early(udid, onRelease, result string) (fleet.Judged, error) {
	return w.fleet.RecordVerdict(w.ctx, seg, w.act("head start"), fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: onRelease, Result: result, Device: udid, Note: "the till stays empty",
	})
}

// TestBetaBeforeItsRelease: a phone with a beta can tell of a release that Apple
// has not posted; no other phone can, and nothing but its own report makes it so.
func TestBetaBeforeItsRelease(t *testing.T) {
	t.Parallel()
	w, tester := onBeta(t)
	v, err := w.early("V1", "99", "works")
	w.must(err)
	if v.Release != toCome || v.PhoneBuild != "99A5260n" {
		t.Errorf("recorded for %s on build %s, want what the phone reports", v.Release, v.PhoneBuild)
	}
	if entries := w.acts("verdict.record"); entries[0].Detail["beta"] != "99A5260n" {
		t.Errorf("audit entry: %v, want the build of the beta", entries[0].Detail)
	}
	if _, err := w.early("V1", "99.1", "works"); refusal(t, err).Code != "phone-not-on-release" {
		t.Errorf("another release to come: %v", err)
	}
	if _, err := w.by("uid:2(sato)", toCome, "full", "works"); !isNotFound(err) {
		t.Errorf("a result from outside: %v, want that the release is not known", err)
	}
	if _, err := w.early("P1", toCome, "works"); !isNotFound(err) {
		t.Errorf("a phone without a beta: %v, want that the release is not known", err)
	}
	tester.install(toCome, "99A334")
	if _, err := w.early("V1", toCome, "works"); !isNotFound(err) {
		t.Errorf("a build that is no beta's: %v, want that the release is not known", err)
	}
}

// TestBetaInMatrix: what a beta showed has a column until the release itself was
// tested; a broken one of any model says more than one that works.
func TestBetaInMatrix(t *testing.T) {
	t.Parallel()
	w, tester := onBeta(t)
	other := w.enrol("V2", "sales", storage.RingVerification)
	other.model = "iPhone16,1"
	other.settle()
	other.install(toCome, "99A5260n")
	cells := func(of string) (fleet.Matrix, string) {
		t.Helper()
		list, err := w.fleet.Matrices(seg, "sales")
		w.must(err)
		i := slices.Index(list[0].Releases, of)
		if i < 0 {
			return list[0], ""
		}
		c := list[0].Apps[0].Cells[i]
		return list[0], c.State + " " + c.Why
	}
	record := func(udid, onRelease, result string) fleet.Judged {
		t.Helper()
		v, err := w.early(udid, onRelease, result)
		w.must(err)
		return v
	}
	broken := record("V1", toCome, "broken")
	record("V2", toCome, "works")
	m, got := cells(toCome)
	if diff := cmp.Diff([]string{toCome}, m.Betas); diff != "" || got != "beta-broken beta-build" || m.Releases[0] != toCome {
		t.Errorf("betas %v, cell %q of %v, want beta-broken in the first column", m.Betas, got, m.Releases)
	}
	w.clock.Add(time.Hour)
	record("V1", toCome, "works-with-note")
	if _, got := cells(toCome); got != "beta-works beta-build" {
		t.Errorf("after it works on the next beta: %q", got)
	}
	if _, err := w.fleet.RevokeVerdict(w.ctx, seg, w.act("not mine to keep"), broken.ID); err != nil {
		t.Errorf("taking a result on a beta back: %v", err)
	}

	tester.install(release, "23G5083a") // the beta of a release that is known
	early := record("V1", release, "broken")
	if m, got := cells(release); got != "beta-broken beta-build" || slices.Contains(m.Betas, release) {
		t.Errorf("a beta of a known release: %q, betas %v", got, m.Betas)
	}
	tester.install(release, "23G83")
	own := record("V1", release, "works")
	if _, got := cells(release); got != "works " {
		t.Errorf("after the release itself was tested: %q", got)
	}
	list, err := w.fleet.Verdicts(seg, fleet.VerdictQuery{Release: release, InForce: true})
	w.must(err)
	if len(list) != 1 || list[0].ID != own.ID {
		t.Errorf("in force: %v, want the result of the release alone", list)
	}
	if h, err := w.fleet.HeadStart(seg, early.Verdict); err != nil || !h.Overtaken || h.AskVendor {
		t.Errorf("head start = %+v, %v, want it overtaken and nobody to ask", h, err)
	}
}

// TestBetaBrokenIsTold: the vendor is asked before the release exists.
func TestBetaBrokenIsTold(t *testing.T) {
	t.Parallel()
	w, _ := onBeta(t)
	portal := "https://vendor.example/support"
	_, err := w.fleet.SetApp(w.ctx, seg, w.act("where to ask"), "com.example.pos", fleet.AppChange{Vendor: &portal})
	w.must(err)
	_, err = w.early("V1", toCome, "works")
	w.must(err)
	v, err := w.early("V1", toCome, "broken")
	w.must(err)
	all := w.notices()
	if len(all) == 0 {
		t.Fatal("nothing was told")
	}
	var told []storage.Notice
	for _, n := range all {
		if n.Kind == fleet.NoticeBetaBroken {
			told = append(told, n)
		}
	}
	want := []storage.Notice{{
		ID: told[0].ID, Seq: told[0].Seq, Kind: fleet.NoticeBetaBroken, At: w.clock.Now(), Group: "sales", Release: toCome, Phone: "V1",
		Params: map[string]string{
			"id": v.ID, "app": "com.example.pos", "name": "pos", "version": "1.0", "build": "99A5260n", "model": "iPhone15,2", "vendor": portal,
		},
	}}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	h, err := w.fleet.HeadStart(seg, v.Verdict)
	w.must(err)
	if diff := cmp.Diff(fleet.HeadStart{Beta: fleet.BetaBroken, Build: "99A5260n", AskVendor: true, Vendor: portal}, h); diff != "" {
		t.Errorf("head start (-want +got):\n%s", diff)
	}
}
