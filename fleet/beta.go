package fleet

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// What a result made on a beta says of the release to come. It never opens or
// closes a gate.
const (
	BetaWorks  = "beta-works" // also with a note
	BetaBroken = "beta-broken"
)

// NoticeBetaBroken is told when an app does not work on the beta of a release:
// its vendor can still mend it before the release exists.
const NoticeBetaBroken = "verdict.beta-broken"

// HeadStart is what a result on a beta is good for.
type HeadStart struct {
	Beta  string `json:"beta,omitempty"`  // BetaWorks or BetaBroken; "" for a result that is of no beta
	Build string `json:"build,omitempty"` // of the beta
	// Overtaken: the release itself has a result of the same app and group.
	Overtaken bool `json:"overtaken,omitempty"`
	// AskVendor: somebody has to tell the vendor of the app, who is reached at
	// Vendor ("" where nobody recorded how).
	AskVendor bool   `json:"ask_vendor,omitempty"`
	Vendor    string `json:"vendor_contact,omitempty"`
}

// HeadStart returns what a result is good for before its release exists, the
// zero value when it is of no beta.
func (f *Fleet) HeadStart(seg storage.Segment, v storage.Verdict) (HeadStart, error) {
	if betaState(v) == "" {
		return HeadStart{}, nil
	}
	w, err := f.world(seg)
	if err != nil {
		return HeadStart{}, err
	}
	s := w.current.Load()
	h := HeadStart{Beta: betaState(v), Build: v.PhoneBuild, Overtaken: s.overtaken(v)}
	if h.Beta == BetaBroken && !h.Overtaken && v.RevokedAt.IsZero() {
		h.AskVendor = true
		if app, err := s.app(v.BundleID); err == nil { // its app may be gone
			h.Vendor = app.VendorContact
		}
	}
	return h, nil
}

// betaState returns what a result says of a release to come, "" when it is of no
// beta.
func betaState(v storage.Verdict) string {
	switch {
	case !policy.BetaBuild(v.PhoneBuild):
		return ""
	case v.Result == string(policy.ResultBroken):
		return BetaBroken
	default:
		return BetaWorks
	}
}

// overtaken reports whether a result on a beta is history because the release
// itself has one of the same app and group.
func (s *snapshot) overtaken(v storage.Verdict) bool {
	return slices.ContainsFunc(s.records.Verdicts, func(own storage.Verdict) bool {
		return own.Group == v.Group && own.BundleID == v.BundleID && version.Equal(own.Release, v.Release) &&
			betaState(own) == "" && own.RevokedAt.IsZero()
	})
}

// headStarts returns the results on betas that a group still looks at: of every
// app, release and model the newest that is neither withdrawn, expired nor
// overtaken. A broken one does not expire.
func (s *snapshot) headStarts(group string, now time.Time) []storage.Verdict {
	type key struct{ app, release, model string }
	newest := map[key]storage.Verdict{}
	for _, v := range s.records.Verdicts {
		state := betaState(v)
		expired := state == BetaWorks && !v.Expires.IsZero() && !v.Expires.After(now)
		if state == "" || v.Group != group || !v.RevokedAt.IsZero() || expired || s.overtaken(v) {
			continue
		}
		k := key{v.BundleID, v.Release, v.Model}
		if had, ok := newest[k]; !ok || v.At.After(had.At) || v.At.Equal(had.At) && state == BetaBroken {
			newest[k] = v
		}
	}
	var list []storage.Verdict
	for _, v := range newest {
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b storage.Verdict) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.ID, b.ID)) })
	return list
}

// headStart returns the one result that tells most about an app on a release: a
// broken one before one that works, then the newest.
func headStart(list []storage.Verdict, bundleID, release string) (storage.Verdict, bool) {
	var found storage.Verdict
	for _, v := range list {
		if v.BundleID == bundleID && version.Equal(v.Release, release) && (betaState(v) == BetaBroken || betaState(found) != BetaBroken) {
			found = v
		}
	}
	return found, found.ID != ""
}

// testable returns the release that a result is of, or why there can be none. One
// that Apple has not posted is named as the phone names it, and only by a phone
// that runs its beta; that it runs this one is not asked here.
func (f *Fleet) testable(ctx context.Context, seg storage.Segment, s *snapshot, r VerdictRequest) (string, error) {
	_, unknown := s.release(r.Release)
	if unknown == nil || r.External || r.Device == "" {
		return r.Release, unknown
	}
	p, err := f.phone(ctx, seg, r.Device)
	if err != nil {
		return "", err
	}
	if !policy.BetaBuild(p.OS.Build) {
		return "", unknown
	}
	if now := s.runs(&p); version.Equal(now, r.Release) {
		return now, nil
	}
	return r.Release, nil
}

// betaNotices returns the notice that an app does not work on a beta, if v says
// so.
func (f *Fleet) betaNotices(seg storage.Segment, app storage.App, v storage.Verdict) []storage.Notice {
	if betaState(v) != BetaBroken {
		return nil
	}
	found := map[string]string{"id": v.ID, "app": v.BundleID, "name": app.Name, "version": v.AppVersion, "build": v.PhoneBuild, "model": v.Model}
	if app.VendorContact != "" {
		found["vendor"] = app.VendorContact
	}
	return []storage.Notice{f.notice(seg, storage.Notice{Kind: NoticeBetaBroken, At: v.At, Group: v.Group, Release: v.Release, Phone: v.Phone, Params: found})}
}
