package fleet

import (
	"cmp"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/storage"
)

// unapproved reports whether a production phone of a group arrived on a
// release that no standing approval covers: of that release, or of a newer one
// that the phone's model can get. What was approved for other models alone says
// nothing about a phone.
func (f *Fleet) unapproved(w *worldState, p *storage.Phone, release string) bool {
	if p.Ring != storage.RingProduction || p.Group == "" || release == "" {
		return false
	}
	_, excused := f.excuse(w, p, release)
	return !excused
}

// excuse returns the approval that covers a release on a phone: one of the release
// itself before one of a newer release, and of those the first.
func (f *Fleet) excuse(w *worldState, p *storage.Phone, release string) (found storage.Approval, excused bool) {
	s, now := w.current.Load(), f.now()
	reaches := func(approved string) bool {
		r, _ := s.catalog.Release(approved)
		return version.Newer(approved, release) && r.AppliesTo(p.Model)
	}
	for _, a := range s.records.Approvals {
		if a.Group != p.Group || !a.WithdrawnAt.IsZero() || !excuses(a, p, now) {
			continue
		}
		if version.Equal(a.Release, release) {
			return a, true
		}
		if !excused && reaches(a.Release) {
			found, excused = a, true
		}
	}
	return found, excused
}

// excuses reports whether an approval is why a phone is where it is. It is one for
// the models it covers, an override while it lasts, and after that for a phone that
// was installing because of it.
func excuses(a storage.Approval, p *storage.Phone, now time.Time) bool {
	if a.Override == nil {
		return covers(a, p.Model)
	}
	told := p.Announced.Enforcement
	return told != nil && told.SourceID == a.ID || !over(a, now) && covers(a, p.Model)
}

// leak is an unapproved update of a phone that is still on what it came to.
type leak struct {
	release string
	// answer is an approval of a newer release for the phone's model that was given
	// since, which it does not have yet; zero of a leak that nobody has answered.
	answer storage.Approval
}

func (l leak) open() bool { return l.answer.ID == "" }

// leakOf returns the leak that a phone is, false for none. It ends when the phone
// moves on, when what it is on is approved, and, of a background improvement, when the
// group's policy has it belong to its base.
func (f *Fleet) leakOf(w *worldState, p *storage.Phone) (leak, bool) {
	if p.Arrival == nil || p.State != storage.PhoneEnrolled || p.Ring != storage.RingProduction || p.Group == "" {
		return leak{}, false
	}
	runs := w.current.Load().runs(p)
	l := leak{release: cmp.Or(p.Arrival.Release, runs)} // an older server did not write it down
	if version.Extra(l.release) != "" && !version.Equal(l.release, runs) {
		return leak{}, false
	}
	for _, on := range []string{l.release, runs} {
		a, excused := f.excuse(w, p, on)
		switch {
		case excused && version.Equal(a.Release, on):
			return leak{}, false
		case excused && l.open():
			l.answer = a
		}
	}
	return l, true
}
