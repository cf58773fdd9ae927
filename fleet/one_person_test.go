package fleet_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// stroll is one person who does what comes to mind, in any order.
type stroll struct {
	*world
	*rand.Rand
	phones   []string // the last is for testing
	releases []string // that are approved where that is possible
	done     []string
}

func (s *stroll) one(of ...string) string { return of[s.IntN(len(of))] }

// act does something, unless it is refused. Nothing of it is a test of the app scan.
func (s *stroll) act() {
	app, a := s.one(pos, scan), s.world.act("stroll")
	what, err := "", error(nil)
	set := func(name string, r fleet.GroupRequest) {
		r.Name = "sales"
		what, err = name, second(s.fleet.SetGroup(s.ctx, seg, a, r))
	}
	switch s.IntN(11) {
	case 0, 1:
		phone, place := s.one(s.phones...), s.one("sales/production", "sales/production", "sales/verification", "/")
		if phone == s.phones[len(s.phones)-1] {
			place = "sales/verification"
		}
		group, ring, _ := strings.Cut(place, "/")
		what, err = phone+" to "+place, second(s.fleet.Move(s.ctx, seg, a, phone, group, storage.Ring(ring)))
	case 2:
		what, err = "all out", second(s.fleet.MoveAll(s.ctx, seg, a, toNone(s.phones...)))
	case 3:
		set("without "+app, fleet.GroupRequest{RemoveApps: []string{app}})
	case 4:
		set("with "+app, fleet.GroupRequest{Apps: []string{app}})
	case 5:
		importance := s.one("critical", "important", "informational")
		what, err = app+" "+importance, second(s.fleet.SetApp(s.ctx, seg, a, app, fleet.AppChange{Importance: &importance}))
	case 6:
		what, err = s.policy(a)
	case 7:
		name := s.one("default", "strict")
		set("policy "+name, fleet.GroupRequest{Policy: name})
	case 8:
		what, err = s.result(a)
	case 9:
		release := s.one(s.releases...)
		what, err = "approve "+release, second(s.fleet.Approve(s.ctx, seg, a, fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "+3d"}))
	default:
		s.days(1)
		what = "a day"
	}
	if err == nil {
		s.done = append(s.done, what)
	}
}

// policy changes some of what a policy says, at once.
func (s *stroll) policy(a fleet.Act) (what string, err error) {
	var c fleet.PolicyChange
	what = "strict:"
	if s.IntN(2) == 0 {
		c.ModelClass = ptr(s.one("hardware", "screen", "any"))
		what += " " + *c.ModelClass
	}
	if s.IntN(2) == 0 {
		c.Improvements = ptr(s.one("accept", "reverify", "off"))
		what += " " + *c.Improvements
	}
	if s.IntN(2) == 0 {
		c.VerdictDays = ptr(2 * s.IntN(3))
		what += fmt.Sprintf(" for %d days", *c.VerdictDays)
	}
	c.CarryOver = ptr(s.IntN(2) == 0)
	return fmt.Sprintf("%s, carry-over %t", what, *c.CarryOver), second(s.fleet.SetPolicy(s.ctx, seg, a, "strict", c))
}

// result records one of the app pos, or takes one back.
func (s *stroll) result(a fleet.Act) (what string, err error) {
	if list := s.records().Verdicts; len(list) > 0 && s.IntN(3) == 0 {
		v := list[s.IntN(len(list))]
		return "take back " + v.Result, second(s.fleet.RevokeVerdict(s.ctx, seg, a, v.ID))
	}
	r := fleet.VerdictRequest{
		BundleID: pos, Release: s.one(s.releases...), Result: s.one("works", "works", "broken"), Method: s.one("full", "smoke"),
		External: true, Evidence: "letter", Group: "sales", Model: s.one("iPhone15,2", "iPhone14,5"), AppVersion: "1.0",
	}
	return r.Result + " " + r.Release + " " + r.Model, second(s.fleet.RecordVerdict(s.ctx, seg, a, r))
}

// TestOnePersonOpensNothing: whatever one person does in any order, a gate that nobody
// tested stays closed, and an improvement that nobody tested is not let in.
func TestOnePersonOpensNothing(t *testing.T) {
	t.Parallel()
	const lives, acts = 20, 60
	for name, life := range map[string]struct {
		begin  func(*testing.T) *stroll
		opened func(*stroll) bool
	}{
		"a gate": {func(t *testing.T) *stroll {
			w := newWorld(t)
			w.decides("strict", fleet.PolicyChange{})
			w.withUntested()
			return &stroll{world: w, phones: []string{"P1", "V1"}, releases: []string{release}}
		}, func(s *stroll) bool { return len(s.records().Approvals) > 0 }},
		"an improvement": {func(t *testing.T) *stroll {
			w, _, _ := reverifies(t)
			return &stroll{world: w, phones: []string{"P", "T"}, releases: []string{"26.3.1"}}
		}, func(s *stroll) bool {
			g, err := s.fleet.Group(seg, "sales")
			s.must(err)
			p, err := s.fleet.Policy(seg, g.Policy)
			s.must(err)
			return p.Improvements == "accept" && s.where("P") == "sales/production"
		}},
	} {
		for seed := range uint64(lives) {
			t.Run(fmt.Sprint(name, " ", seed), func(t *testing.T) {
				t.Parallel()
				s := life.begin(t)
				s.Rand = rand.New(rand.NewPCG(seed, 0))
				for range acts {
					if s.act(); life.opened(s) {
						t.Fatalf("one person opened it: %s", strings.Join(s.done, "; "))
					}
				}
			})
		}
	}
}
