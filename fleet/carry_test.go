package fleet_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// older is the release that the results of 26.6.1 are carried over from.
const older = "26.6"

// by records a result of another person's.
func (w *world) by(actor, onRelease, method, result string) (fleet.Judged, error) {
	return w.fleet.RecordVerdict(w.ctx, seg, fleet.Act{Actor: actor, Reason: "test"}, fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: onRelease, Result: result, Method: method, Note: "seen",
		External: true, Evidence: "vendor's letter", Group: "sales", Model: "iPhone15,2", AppVersion: "1.0",
	})
}

// carrying returns a world whose policy carries over, with a full result of
// 26.6 and a quick check of 26.6.1.
func carrying(t *testing.T) (w *world, base, smoke fleet.Judged) {
	t.Helper()
	w = newWorld(t)
	w.enrol("V1", "sales", storage.RingVerification).settle()
	w.enrol("P1", "sales", storage.RingProduction).settle()
	on := true
	w.decides("retail", fleet.PolicyChange{CarryOver: &on})
	base, err := w.by("uid:2(sato)", older, "full", "works")
	w.must(err)
	if app := w.gate().Apps[0]; app.State != policy.StatusProvisional {
		t.Fatalf("before the quick check: %s, want provisional", app.State)
	}
	smoke, err = w.by("uid:2(sato)", release, "smoke", "works")
	w.must(err)
	return w, base, smoke
}

// TestApprovalRestsOnBoth: an approval by carry-over keeps both results it
// rests on, and taking back the older one pauses the rollout.
func TestApprovalRestsOnBoth(t *testing.T) {
	t.Parallel()
	w, base, smoke := carrying(t)
	if gate := w.gate(); gate.Phase != policy.PhaseVerified || gate.Apps[0].State != policy.StatusCarried {
		t.Fatalf("%s, %s, want verified, carried", gate.Phase, gate.Apps[0].State)
	}
	_, err := w.approve("+3d")
	w.must(err)
	world, err := w.store.World(w.ctx, seg)
	w.must(err)
	want := []string{base.ID, smoke.ID}
	slices.Sort(want)
	if diff := cmp.Diff(want, world.Approvals[0].Verdicts); diff != "" {
		t.Errorf("results the approval rests on (-want +got):\n%s", diff)
	}
	w.restart()
	w.clock.Add(time.Minute)
	_, err = w.fleet.RevokeVerdict(w.ctx, seg, w.act("wrong phone"), base.ID)
	w.must(err)
	if gate := w.gate(); gate.Phase != policy.PhasePaused {
		t.Errorf("after the older result was taken back: %s, want paused", gate.Phase)
	}
}

// TestCarryOverIsNoEdit: turning carry-over on may not open a gate.
func TestCarryOverIsNoEdit(t *testing.T) {
	t.Parallel()
	w, _, _ := carrying(t)
	off, on := false, true
	w.decides("retail", fleet.PolicyChange{CarryOver: &off})
	if app := w.gate().Apps[0]; app.Why != policy.WhyCarryOverOff {
		t.Fatalf("turned off: %s %s, want carry-over-off", app.State, app.Why)
	}
	_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("in a hurry"), "retail", fleet.PolicyChange{CarryOver: &on})
	if r := refusal(t, err); r.Code != "opens-gates" || !strings.Contains(r.Params["gates"], "sales/"+release) {
		t.Errorf("%s %v, want opens-gates naming sales/%s", r.Code, r.Params, release)
	}
}

// TestForeignBrokenBase: a broken result on an older release keeps a patch
// closed, and only its own tester takes it back.
func TestForeignBrokenBase(t *testing.T) {
	t.Parallel()
	w, _, _ := carrying(t)
	found, err := w.by("uid:3(kato)", older, "pilot", "broken")
	w.must(err)
	if app := w.gate().Apps[0]; app.Why != policy.WhyBaseBroken {
		t.Fatalf("%s %s, want base-broken", app.State, app.Why)
	}
	// The older release itself is nobody's concern any more.
	_, err = w.fleet.Decline(w.ctx, seg, w.act("replaced"), "sales", older)
	w.must(err)
	_, err = w.fleet.RevokeVerdict(w.ctx, seg, w.act("in a hurry"), found.ID)
	if r := refusal(t, err); r.Code != "foreign-broken" {
		t.Errorf("another's result: %s, want foreign-broken", r.Code)
	}
	_, err = w.fleet.RevokeVerdict(w.ctx, seg, fleet.Act{Actor: "uid:3(kato)", Reason: "wrong phone"}, found.ID)
	w.must(err)
	if app := w.gate().Apps[0]; app.State != policy.StatusCarried {
		t.Errorf("own slip taken back: %s, want carried", app.State)
	}
}

func TestEvidenceFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sum := strings.Repeat("0123456789abcdef", 4)
	record := func(method string, files ...fleet.EvidenceFile) (fleet.Judged, error) {
		return w.fleet.RecordVerdict(w.ctx, seg, w.act("test"), fleet.VerdictRequest{
			BundleID: "com.example.pos", Release: release, Result: "works", Method: method, EvidenceFiles: files,
			External: true, Evidence: "letter", Group: "sales", Model: "iPhone15,2", AppVersion: "1.0",
		})
	}
	for name, tc := range map[string]struct {
		method string
		files  []fleet.EvidenceFile
		code   string
	}{
		"method":     {"thorough", nil, "not-one-of"},
		"folder":     {"", []fleet.EvidenceFile{{Name: "a/b", SHA256: sum}}, "not-a-file-name"},
		"no name":    {"", []fleet.EvidenceFile{{SHA256: sum}}, "not-a-file-name"},
		"short hash": {"", []fleet.EvidenceFile{{Name: "a", SHA256: sum[2:]}}, "not-a-sha256"},
		"upper case": {"", []fleet.EvidenceFile{{Name: "a", SHA256: strings.ToUpper(sum)}}, "not-a-sha256"},
		"no hex":     {"", []fleet.EvidenceFile{{Name: "a", SHA256: "x" + sum[1:]}}, "not-a-sha256"},
		"too many":   {"", make([]fleet.EvidenceFile, 11), "too-many-files"},
	} {
		_, err := record(tc.method, tc.files...)
		if e, ok := errors.AsType[*fleet.InvalidError](err); !ok || e.Code != tc.code {
			t.Errorf("%s: %v, want %s", name, err, tc.code)
		}
	}
	v, err := record("automated", fleet.EvidenceFile{Name: "run.log", SHA256: sum})
	w.must(err)
	if diff := cmp.Diff([]storage.EvidenceFile{{Name: "run.log", SHA256: sum}}, v.EvidenceFiles); diff != "" || v.Method != "automated" {
		t.Errorf("method %s, files (-want +got):\n%s", v.Method, diff)
	}
	if entries := w.acts("verdict.record"); entries[0].Detail["evidence_sha256"] != sum || entries[0].Detail["method"] != "automated" {
		t.Errorf("audit: %v", entries[0].Detail)
	}
}

// TestApplyNamesWhatOpensTogether: a policy that nobody has yet and a group that
// gets it open a gate together, which neither does alone.
func TestApplyNamesWhatOpensTogether(t *testing.T) {
	t.Parallel()
	w, _, _ := carrying(t)
	off := false
	w.decides("retail", fleet.PolicyChange{CarryOver: &off})
	_, err := w.apply(`{"policies": [{"name": "loose", "carry_over": true}], "groups": [{"name": "stock"}, {"name": "sales", "policy": "loose"}]}`, false)
	e, ok := errors.AsType[*fleet.EntryError](err)
	if r := refusal(t, err); r.Code != "opens-gates" || !ok || e.At != "groups[1]" {
		t.Errorf("%v, want opens-gates at groups[1]", err)
	}
}
