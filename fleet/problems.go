package fleet

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/storage"
)

// ProblemRequest says that a business app does not work on a production phone.
type ProblemRequest struct {
	BundleID string `json:"bundle_id"`
	Device   string `json:"device"` // UDID of the phone
	Note     string `json:"note"`   // what was seen
}

// ProblemView is such a report as people see it.
type ProblemView struct {
	ID         string    `json:"id"`
	BundleID   string    `json:"bundle_id"`
	AppVersion string    `json:"app_version,omitempty"` // absent when the phone had not told it
	Release    string    `json:"release"`
	Group      string    `json:"group"`
	Device     string    `json:"device"`
	Model      string    `json:"model"`
	Note       string    `json:"note"`
	By         string    `json:"by"`
	At         time.Time `json:"at"`
	Open       bool      `json:"open"`
	ClosedAt   time.Time `json:"closed_at,omitzero"`
	ClosedBy   string    `json:"closed_by,omitempty"`
	ClosedFor  string    `json:"closed_for,omitempty"` // reason
}

func problemView(p storage.Problem) ProblemView {
	return ProblemView{
		ID: p.ID, BundleID: p.BundleID, AppVersion: p.AppVersion, Release: p.Release, Group: p.Group, Device: p.Phone, Model: p.Model,
		Note: p.Note, By: p.By, At: p.At, Open: p.ClosedAt.IsZero(), ClosedAt: p.ClosedAt, ClosedBy: p.ClosedBy, ClosedFor: p.ClosedFor,
	}
}

// ReportProblem records that a business app does not work on a production
// phone. Group, release (with the letter of an improvement where that has a gate),
// model and app version are those the phone itself told.
// It says nothing about any gate; as many reports as the group's policy names
// stop a rollout.
func (f *Fleet) ReportProblem(ctx context.Context, seg storage.Segment, a Act, r ProblemRequest) (ProblemView, error) {
	if strings.TrimSpace(r.Note) == "" {
		return ProblemView{}, invalid("note", "note-missing", "say what was seen, so that somebody can look into it")
	}
	if r.Device == "" {
		return ProblemView{}, invalid("device", "problem-device-missing", "name the phone on which it was seen")
	}
	var problem storage.Problem
	err := f.decide(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		p, err := f.phone(ctx, seg, r.Device)
		if err != nil {
			return storage.WorldChange{}, err
		}
		if err := reportable(s, &p, r); err != nil {
			return storage.WorldChange{}, err
		}
		runs := s.runs(&p)
		app, _ := shortVersion(p.Apps, r.BundleID)
		problem = storage.Problem{
			ID: uuid.NewString(), BundleID: r.BundleID, AppVersion: app, Group: p.Group, Release: runs, Model: p.Model, Phone: p.UDID,
			Note: r.Note, By: a.Actor, At: f.now(),
		}
		entry := f.entry(a, "problem.report", problem.BundleID+"/"+problem.Release, map[string]string{
			"id": problem.ID, "group": problem.Group, "phone": problem.Phone, "model": problem.Model, "app_version": problem.AppVersion,
		})
		return storage.WorldChange{Problems: []storage.Problem{problem}, Audit: []storage.AuditEntry{entry}}, nil
	})
	if a.DryRun {
		problem.ID = "" // there is no such report
	}
	return problemView(problem), err
}

// reportable refuses a report that is about no production phone with the app,
// or that there is already.
func reportable(s *snapshot, p *storage.Phone, r ProblemRequest) error {
	if _, err := s.app(r.BundleID); err != nil {
		return err
	}
	group, err := s.group(p.Group)
	switch {
	case p.State != storage.PhoneEnrolled:
		return notEnrolled(p)
	case err != nil || p.Ring != storage.RingProduction:
		return refused("not-a-production-phone", "phone %s is no production phone; what a verification phone shows is a result for `kannuki verdict record`", p.UDID).with("phone", p.UDID)
	case !slices.Contains(group.Apps, r.BundleID):
		return refused("app-not-in-group", "%s is not a business app of group %s", r.BundleID, p.Group).with("app", r.BundleID, "group", p.Group)
	case p.OS.Version == "":
		return refused("release-unknown", "phone %s has not told which iOS it runs; ask it with `kannuki device refresh %s`", p.UDID, p.UDID).with("phone", p.UDID)
	}
	runs := s.runs(p)
	i := slices.IndexFunc(s.records.Problems, func(q storage.Problem) bool {
		return q.ClosedAt.IsZero() && q.Phone == p.UDID && q.BundleID == r.BundleID && version.Equal(q.Release, runs)
	})
	if i < 0 {
		return nil
	}
	id := s.records.Problems[i].ID
	return refused("reported-already", "%s is reported broken on phone %s already, as %s", r.BundleID, p.UDID, id).with("app", r.BundleID, "phone", p.UDID, "id", id)
}

// CloseProblem ends a report: from now on it stops nothing.
func (f *Fleet) CloseProblem(ctx context.Context, seg storage.Segment, a Act, id string) (ProblemView, error) {
	if strings.TrimSpace(a.Reason) == "" {
		return ProblemView{}, invalid("reason", "reason-missing", "closing a report needs a reason")
	}
	var problem storage.Problem
	err := f.decide(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		i := slices.IndexFunc(s.records.Problems, func(p storage.Problem) bool { return p.ID == id })
		if i < 0 {
			return storage.WorldChange{}, &NotFoundError{What: "problem", Name: id}
		}
		problem = s.records.Problems[i]
		if !problem.ClosedAt.IsZero() {
			return storage.WorldChange{}, refused("problem-closed", "the report was closed already, by %s", problem.ClosedBy).with("by", problem.ClosedBy)
		}
		problem.ClosedAt, problem.ClosedBy, problem.ClosedFor = f.now(), a.Actor, a.Reason
		entry := f.entry(a, "problem.close", problem.BundleID+"/"+problem.Release, map[string]string{"id": id, "group": problem.Group, "phone": problem.Phone})
		return storage.WorldChange{Problems: []storage.Problem{problem}, Audit: []storage.AuditEntry{entry}}, nil
	})
	return problemView(problem), err
}

// ProblemQuery selects reports; the zero value selects all.
type ProblemQuery struct {
	Release, Group string
	Open           bool // not those that were closed
}

// Problems returns the reports that match, oldest first.
func (f *Fleet) Problems(seg storage.Segment, q ProblemQuery) ([]ProblemView, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, err
	}
	out := []ProblemView{}
	for _, p := range w.current.Load().records.Problems {
		if (q.Release == "" || q.Release == p.Release) && (q.Group == "" || q.Group == p.Group) && (!q.Open || p.ClosedAt.IsZero()) {
			out = append(out, problemView(p))
		}
	}
	slices.SortFunc(out, func(a, b ProblemView) int { return a.At.Compare(b.At) })
	return out, nil
}

// reported returns on how many phones an app that can keep the gate closed was
// reported broken since a time, and still is.
func (s *snapshot) reported(group, release string, since time.Time) int {
	phones := map[string]bool{}
	for _, p := range s.records.Problems {
		if p.Group == group && version.Equal(p.Release, release) && p.ClosedAt.IsZero() && p.At.After(since) && s.closing(p.BundleID) {
			phones[p.Phone] = true
		}
	}
	return len(phones)
}
