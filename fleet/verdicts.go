package fleet

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// VerdictRequest is what a tester found.
type VerdictRequest struct {
	BundleID string    `json:"bundle_id"`
	Release  string    `json:"release"`
	Result   string    `json:"result"` // works, works-with-note or broken
	Method   string    `json:"method"` // full (also ""), smoke, automated or pilot
	Device   string    `json:"device"` // UDID of the verification phone it was found on
	Note     string    `json:"note"`
	Expires  time.Time `json:"expires,omitzero"`

	// EvidenceFiles are told by their hashes; the files are not kept here.
	EvidenceFiles []EvidenceFile `json:"evidence_files,omitempty"`

	// External marks a result made elsewhere: it needs evidence and names what
	// a phone would have reported. It is shown as external for ever.
	External   bool   `json:"external,omitempty"`
	Evidence   string `json:"evidence,omitempty"`
	Group      string `json:"group,omitempty"`
	Model      string `json:"model,omitempty"`
	AppVersion string `json:"app_version,omitempty"`
}

// RecordVerdict records a test result. What was tested is not taken from the
// tester's words: release, model and app version come from the phone's own
// report, and a phone that is not a verification phone of a group with this
// app, or not on the release, is refused. On a phone with a beta it is of a
// release that Apple need not have posted yet; see HeadStart. What comes back says
// what it does.
func (f *Fleet) RecordVerdict(ctx context.Context, seg storage.Segment, a Act, r VerdictRequest) (Judged, error) {
	if err := r.check(f.now()); err != nil {
		return Judged{}, err
	}
	w, err := f.world(seg)
	if err != nil {
		return Judged{}, err
	}
	var before *snapshot
	var made storage.WorldChange
	v := storage.Verdict{
		ID: uuid.NewString(), BundleID: r.BundleID, Release: r.Release, Result: r.Result, Method: cmp.Or(r.Method, string(policy.MethodFull)), Note: r.Note,
		By: a.Actor, At: f.now(), Expires: r.Expires,
	}
	var hashes string
	v.EvidenceFiles, hashes = storedEvidence(r.EvidenceFiles)
	err = f.decide(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		app, err := s.app(r.BundleID)
		if err != nil {
			return storage.WorldChange{}, err
		}
		if v.Release, err = f.testable(ctx, seg, s, r); err != nil {
			return storage.WorldChange{}, err
		}
		if r.External {
			err = f.testifyExternally(w, s, r, &v)
		} else {
			err = f.testifyByPhone(ctx, seg, s, r, &v)
		}
		if err != nil {
			return storage.WorldChange{}, err
		}
		entry := f.entry(a, "verdict.record", v.BundleID+"/"+v.Release, map[string]string{
			"result": v.Result, "method": v.Method, "group": v.Group, "phone": v.Phone, "model": v.Model, "app_version": v.AppVersion, "id": v.ID,
		})
		if hashes != "" {
			entry.Detail["evidence_sha256"] = hashes
		}
		if betaState(v) != "" {
			entry.Detail["beta"] = v.PhoneBuild
		}
		before, made = s, storage.WorldChange{Verdicts: []storage.Verdict{v}, Audit: []storage.AuditEntry{entry}, Notices: f.betaNotices(seg, app, v)}
		return made, nil
	})
	if err != nil {
		return Judged{}, err
	}
	done := f.judge(w, before, made, v)
	if done.DryRun = a.DryRun; done.DryRun {
		done.ID = "" // there is no such result
	}
	return done, nil
}

// testifyByPhone fills a verdict from the report of the phone it was made on.
func (f *Fleet) testifyByPhone(ctx context.Context, seg storage.Segment, s *snapshot, r VerdictRequest, v *storage.Verdict) error {
	if r.Device == "" {
		return invalid("device", "device-missing", "name the verification phone, or record an external result with evidence")
	}
	p, err := f.phone(ctx, seg, r.Device)
	if err != nil {
		return err
	}
	if p.State != storage.PhoneEnrolled {
		return notEnrolled(&p)
	}
	group, err := s.group(p.Group)
	if err != nil {
		return refused("not-a-verification-phone", "phone %s is in no group", r.Device).with("phone", r.Device)
	}
	switch {
	case p.Ring != storage.RingVerification:
		return refused("production-phone", "phone %s is a production phone of %s; results come from verification phones", r.Device, p.Group).
			with("phone", r.Device, "group", p.Group)
	case !version.Equal(s.runs(&p), r.Release):
		return refused("phone-not-on-release", "phone %s reports %s, not %s", r.Device, orUnknown(s.runs(&p)), r.Release).
			with("phone", r.Device, "os", s.runs(&p), "release", r.Release, "group", p.Group)
	case !slices.Contains(group.Apps, r.BundleID):
		return refused("app-not-in-group", "%s is not a business app of group %s", r.BundleID, p.Group).with("app", r.BundleID, "group", p.Group)
	}
	i := slices.IndexFunc(p.Apps, func(app storage.InstalledApp) bool { return app.BundleID == r.BundleID })
	if i < 0 || p.AppsAt.IsZero() {
		return refused("app-version-unknown", "phone %s has not reported the version of %s since it runs this release; ask it with `kannuki device refresh %s`", r.Device, r.BundleID, r.Device).
			with("phone", r.Device, "app", r.BundleID)
	}
	v.Group, v.Phone, v.Ring, v.PhoneOS, v.PhoneExtra, v.Model = p.Group, p.UDID, p.Ring, p.OS.Version, p.OS.SupplementalExtra, p.Model
	v.AppVersion, v.PhoneBuild = p.Apps[i].ShortVersion, p.OS.Build
	return nil
}

func orUnknown(s string) string {
	if s == "" {
		return "no iOS version"
	}
	return s
}

// RevokeVerdict takes a result back. It stays in the history; an approval that
// rests on it is paused by that. A broken one that no later one cleared can be
// taken back only by whoever recorded it.
func (f *Fleet) RevokeVerdict(ctx context.Context, seg storage.Segment, a Act, id string) (Judged, error) {
	if strings.TrimSpace(a.Reason) == "" {
		return Judged{}, invalid("reason", "reason-missing", "taking a result back needs a reason")
	}
	w, err := f.world(seg)
	if err != nil {
		return Judged{}, err
	}
	var before *snapshot
	var made storage.WorldChange
	err = f.decide(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		i := slices.IndexFunc(s.records.Verdicts, func(x storage.Verdict) bool { return x.ID == id })
		if i < 0 {
			return storage.WorldChange{}, &NotFoundError{What: "verdict", Name: id}
		}
		v := s.records.Verdicts[i]
		if !v.RevokedAt.IsZero() {
			return storage.WorldChange{}, refused("revoked", "the result was taken back already, by %s", v.RevokedBy).with("by", v.RevokedBy)
		}
		v.RevokedAt, v.RevokedBy, v.RevokedFor = f.now(), a.Actor, a.Reason
		before, made = s, storage.WorldChange{
			Verdicts: []storage.Verdict{v},
			Audit:    []storage.AuditEntry{f.entry(a, "verdict.revoke", v.BundleID+"/"+v.Release, map[string]string{"id": id})},
		}
		return made, f.ownSlip(w, s, a, v, made)
	})
	if err != nil {
		return Judged{}, err
	}
	done := f.judge(w, before, made, made.Verdicts[0])
	done.DryRun = a.DryRun
	return done, nil
}

// ownSlip refuses to take back what another found broken, unless a later test cleared it,
// and a result of another that keeps an older one from counting again and a gate closed by
// that. Opening a gate takes a test or two people. A mistake of one's own is no opinion
// about somebody else's test. What is broken counts whatever became of the gate of its
// release: a patch could be carried over from there one day.
func (f *Fleet) ownSlip(w *worldState, s *snapshot, a Act, v storage.Verdict, c storage.WorldChange) error {
	if v.By == a.Actor {
		return nil
	}
	if s.unhidden().policy.Uncleared(policyVerdict(v), f.now()) {
		return refused("foreign-broken", "%s found that %s does not work on %s for group %s, and nobody else can take that back; record a newer result that it works, or use `kannuki gate override`",
			v.By, v.BundleID, v.Release, v.Group).with("by", v.By, "app", v.BundleID, "release", v.Release, "group", v.Group)
	}
	opened := f.opened(w, s, c)
	if len(opened) == 0 {
		return nil
	}
	gates := strings.Join(gateNames(opened), ", ")
	return refused("foreign-newer", "without what %s found of %s on %s an older result would count again and open closed gates: %s; record a new result there first",
		v.By, v.BundleID, v.Release, gates).with("by", v.By, "app", v.BundleID, "release", v.Release, "gates", gates)
}

// VerdictQuery selects results; the zero value selects all.
type VerdictQuery struct {
	Release, BundleID, Group, Device, Result string
	InForce                                  bool // neither withdrawn nor expired, nor of a beta that its release overtook; one that says broken does not expire
}

// Verdicts returns the results that match, oldest first.
func (f *Fleet) Verdicts(seg storage.Segment, q VerdictQuery) ([]storage.Verdict, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, err
	}
	if _, err := policy.ParseResult(q.Result); q.Result != "" && err != nil {
		return nil, notOneOf("result", q.Result, "works", "works-with-note", "broken")
	}
	now, s := f.now(), w.current.Load()
	out := []storage.Verdict{}
	for _, v := range s.records.Verdicts {
		expired := v.Result != string(policy.ResultBroken) && !v.Expires.IsZero() && !v.Expires.After(now)
		over := !v.RevokedAt.IsZero() || expired || (betaState(v) != "" && s.overtaken(v))
		if (q.Release == "" || q.Release == v.Release) && (q.BundleID == "" || q.BundleID == v.BundleID) &&
			(q.Group == "" || q.Group == v.Group) && (q.Device == "" || q.Device == v.Phone) &&
			(q.Result == "" || q.Result == v.Result) && (!q.InForce || !over) {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b storage.Verdict) int { return a.At.Compare(b.At) })
	return out, nil
}

// Verdict returns one result, or a *NotFoundError.
func (f *Fleet) Verdict(seg storage.Segment, id string) (storage.Verdict, error) {
	w, err := f.world(seg)
	if err != nil {
		return storage.Verdict{}, err
	}
	for _, v := range w.current.Load().records.Verdicts {
		if v.ID == id {
			return v, nil
		}
	}
	return storage.Verdict{}, &NotFoundError{What: "verdict", Name: id}
}

// phone reads a phone and names it when it does not exist.
func (f *Fleet) phone(ctx context.Context, seg storage.Segment, udid string) (storage.Phone, error) {
	p, err := f.store.Phone(ctx, seg, udid)
	if errors.Is(err, storage.ErrNotFound) {
		return p, &NotFoundError{What: "phone", Name: udid}
	}
	return p, wrap("read phone", err)
}
