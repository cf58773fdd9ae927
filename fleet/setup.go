package fleet

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Names of groups and bundle identifiers appear in commands, URLs and audit
// entries, so they keep to plain characters.
const (
	groupPattern  = `^[a-z0-9][a-z0-9._-]{0,62}$`
	bundlePattern = `^[A-Za-z0-9][A-Za-z0-9.-]{0,154}$`
)

// AppRequest describes a business app to add or change.
type AppRequest struct {
	BundleID   string `json:"bundle_id"`
	Name       string `json:"name"`
	Importance string `json:"importance"`
}

// AddApp adds a business app, or changes its name. Changing the importance of
// an app that gates rest on could open them, so that needs its own decision
// and is refused here.
func (f *Fleet) AddApp(ctx context.Context, seg storage.Segment, a Act, r AppRequest) (storage.App, error) {
	if !regexp.MustCompile(bundlePattern).MatchString(r.BundleID) {
		return storage.App{}, invalid("bundle_id", "%q is not a bundle identifier such as com.example.pos", r.BundleID)
	}
	importance, err := policy.ParseImportance(r.Importance)
	if err != nil {
		return storage.App{}, invalid("importance", "%v", err)
	}
	if r.Name == "" {
		r.Name = r.BundleID
	}
	var app storage.App
	err = f.decide(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		app = storage.App{BundleID: r.BundleID, Name: r.Name, Importance: string(importance), CreatedAt: f.now()}
		if was, err := s.app(r.BundleID); err == nil {
			if was.Importance != app.Importance && usedBy(s, r.BundleID) != "" {
				return storage.WorldChange{}, &RefusedError{
					Code:    "opens-gates",
					Message: "the importance of " + was.Name + " decides gates of group " + usedBy(s, r.BundleID) + "; changing it needs two people",
				}
			}
			app.CreatedAt = was.CreatedAt
		}
		entry := f.entry(a, "app.add", r.BundleID, map[string]string{"name": r.Name, "importance": app.Importance})
		return storage.WorldChange{Apps: []storage.App{app}, Audit: []storage.AuditEntry{entry}}, nil
	})
	return app, err
}

func usedBy(s *snapshot, bundleID string) string {
	for _, g := range s.records.Groups {
		if slices.Contains(g.Apps, bundleID) {
			return g.Name
		}
	}
	return ""
}

// Apps returns the business apps, sorted by bundle identifier.
func (f *Fleet) Apps(seg storage.Segment) ([]storage.App, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, err
	}
	return slices.Clone(w.current.Load().records.Apps), nil
}

// GroupRequest describes a group to add.
type GroupRequest struct {
	Name          string        `json:"name"`
	Apps          []string      `json:"apps"`
	Candidate     string        `json:"candidate"`
	Rights        string        `json:"rights"`
	MinimumNotice time.Duration `json:"minimum_notice"`
}

// AddGroup adds a group, or adds apps to one that exists. Taking an app away
// could open a closed gate and is not possible here.
func (f *Fleet) AddGroup(ctx context.Context, seg storage.Segment, a Act, r GroupRequest) (storage.Group, error) {
	if !regexp.MustCompile(groupPattern).MatchString(r.Name) {
		return storage.Group{}, invalid("name", "%q: want lower-case letters, digits, '.', '_' or '-', at most 63", r.Name)
	}
	if r.Candidate == "" {
		r.Candidate = string(policy.CandidateManual)
	}
	if _, err := policy.ParseCandidate(r.Candidate); err != nil {
		return storage.Group{}, invalid("candidate", "%v", err)
	}
	if r.Rights == "" {
		r.Rights = "managed"
	}
	if !slices.Contains([]string{"updates", "managed", "full"}, r.Rights) {
		return storage.Group{}, invalid("rights", "%q is not one of updates, managed, full", r.Rights)
	}
	if r.MinimumNotice < 0 || r.MinimumNotice > 30*24*time.Hour {
		return storage.Group{}, invalid("minimum_notice", "want between 0 and 720h")
	}
	var group storage.Group
	err := f.decide(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		for _, id := range r.Apps {
			if _, err := s.app(id); err != nil {
				return storage.WorldChange{}, err
			}
		}
		group = storage.Group{
			Name: r.Name, Candidate: r.Candidate, Rights: r.Rights, ModelClass: string(policy.ModelClassHardware),
			OnExpiry: string(policy.OnExpiryExtendRisk), MinimumNotice: r.MinimumNotice, CreatedAt: f.now(),
		}
		apps := slices.Clone(r.Apps)
		if was, err := s.group(r.Name); err == nil {
			group = was
			apps = append(apps, was.Apps...)
		}
		slices.Sort(apps)
		group.Apps = slices.Compact(apps)
		entry := f.entry(a, "group.add", r.Name, map[string]string{"apps": strings.Join(group.Apps, ",")})
		return storage.WorldChange{Groups: []storage.Group{group}, Audit: []storage.AuditEntry{entry}}, nil
	})
	return group, err
}

// GroupView is a group with the number of its phones.
type GroupView struct {
	Name         string   `json:"name"`
	Apps         []string `json:"apps"`
	Candidate    string   `json:"candidate"`
	Rights       string   `json:"rights"`
	Verification int      `json:"verification"`
	Production   int      `json:"production"`
}

// Groups returns the groups, sorted by name.
func (f *Fleet) Groups(seg storage.Segment) ([]GroupView, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, err
	}
	var out []GroupView
	for _, g := range w.current.Load().records.Groups {
		size := w.census.size(g.Name)
		out = append(out, GroupView{
			Name: g.Name, Apps: append([]string{}, g.Apps...), Candidate: g.Candidate, Rights: g.Rights,
			Verification: size[storage.RingVerification], Production: size[storage.RingProduction],
		})
	}
	return out, nil
}

// Group returns one group, or a *NotFoundError.
func (f *Fleet) Group(seg storage.Segment, name string) (storage.Group, error) {
	w, err := f.world(seg)
	if err != nil {
		return storage.Group{}, err
	}
	return w.current.Load().group(name)
}

// RemoveGroup removes a group that has no phones.
func (f *Fleet) RemoveGroup(ctx context.Context, seg storage.Segment, a Act, name string) error {
	return f.decide(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		if _, err := s.group(name); err != nil {
			return storage.WorldChange{}, err
		}
		w, err := f.world(seg)
		if err != nil {
			return storage.WorldChange{}, err
		}
		if size := w.census.size(name); size[storage.RingVerification]+size[storage.RingProduction] > 0 {
			return storage.WorldChange{}, &RefusedError{Code: "group-has-phones", Message: "group " + name + " still has phones; move them first"}
		}
		return storage.WorldChange{RemoveGroups: []string{name}, Audit: []storage.AuditEntry{f.entry(a, "group.remove", name, nil)}}, nil
	})
}

// decide builds a change and, unless it is only tried, makes it so.
func (f *Fleet) decide(ctx context.Context, seg storage.Segment, a Act, build func(*snapshot) (storage.WorldChange, error)) error {
	w, err := f.world(seg)
	if err != nil {
		return err
	}
	if a.DryRun {
		_, err := build(w.current.Load())
		return err
	}
	return f.change(ctx, w, build)
}
