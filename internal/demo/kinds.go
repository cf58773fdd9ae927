package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
)

// mechanism is a means by which a phone is held or told to install.
type mechanism string

const (
	byNothing     mechanism = ""
	byProfile     mechanism = "profile"
	byCommand     mechanism = "command"
	byDeclaration mechanism = "declaration"
)

// kind is what decides by which mechanism a phone can be held and updated. The
// rule is written here once more, from Apple's documents (Device Management:
// Restrictions, ScheduleOSUpdate, SoftwareUpdateSettings,
// SoftwareUpdateEnforcementSpecific; change list of OS 27), so that the server
// is not measured by what it believes itself.
type kind struct {
	os         string // when it enrolled
	supervised bool
	goal       string // the release it must have in the end if it can be told to; "" for any
	place      place
}

// holdBy returns what hides new releases on the phone.
func (k kind) holdBy() mechanism {
	switch {
	case !k.supervised || !version.AtLeast(k.os, "11.3"):
		return byNothing
	case version.AtLeast(k.os, "18.0"):
		return byDeclaration
	default:
		return byProfile
	}
}

// updateBy returns what makes the phone install a release.
func (k kind) updateBy() mechanism {
	switch {
	case version.AtLeast(k.os, "17.0"):
		return byDeclaration
	case k.supervised:
		return byCommand
	default:
		return byNothing
	}
}

// diary is what a phone's own journal says about the mechanisms.
type diary struct {
	hold, update mechanism // the first of each
	held         time.Time // since when; zero for never
	installed    []installation
	wrong        []string // what contradicts the rule
}

type installation struct {
	release string
	at      time.Time
}

// readDiary reads the journal of one phone, in order, and holds it against what
// a phone of its kind can do. From an installation on it is of another kind.
func readDiary(start kind, entries []mdmtest.Entry) diary {
	var d diary
	now := start
	for _, e := range entries {
		switch e.Kind {
		case mdmtest.KindHold:
			d.takeHold(start, now, e)
		case mdmtest.KindEnforcement:
			d.takeUpdate(now, byDeclaration, e)
		case mdmtest.KindScheduled:
			d.takeUpdate(now, byCommand, e)
		case mdmtest.KindCommand:
			if removed := []string{"AvailableOSUpdates", "ScheduleOSUpdate", "OSUpdateStatus"}; slices.Contains(removed, e.Type) && version.AtLeast(now.os, "27.0") {
				d.note("received %s at %s on iOS %s, which removed it", e.Type, stamp(e.Time), now.os)
			}
		case mdmtest.KindInstalled:
			now.os = e.Version
			d.installed = append(d.installed, installation{e.Version, e.Time})
		default: // nothing about a mechanism
		}
	}
	if d.hold == byNothing && start.holdBy() != byNothing {
		d.note("was never held, though iOS %s, supervised, can be by %s", start.os, start.holdBy())
	}
	if start.goal != "" && start.updateBy() != byNothing && now.os != start.goal {
		d.note("runs iOS %s and should have installed %s by %s", now.os, start.goal, start.updateBy())
	}
	return d
}

// takeHold judges a hold. After an update the mechanism of before may stay
// beside the new one for a while.
func (d *diary) takeHold(start, now kind, e mdmtest.Entry) {
	var got []mechanism
	for _, by := range []mechanism{byDeclaration, byProfile} {
		if strings.Contains(e.Detail, string(by)) {
			got = append(got, by)
		}
	}
	rest := slices.DeleteFunc(slices.Clone(got), func(by mechanism) bool { return by == now.holdBy() || by == start.holdBy() })
	switch {
	case len(got) == 0:
		d.note("lost its hold at %s", stamp(e.Time))
	case len(rest) > 0 || !slices.Contains(got, now.holdBy()):
		d.note("was held by %s at %s; iOS %s, %s, is held by %s", got[len(got)-1], stamp(e.Time), now.os, now.supervision(), now.holdBy().orNothing())
	}
	if d.held.IsZero() && len(got) > 0 {
		d.hold, d.held = got[0], e.Time
	}
}

// takeUpdate judges an instruction to install.
func (d *diary) takeUpdate(now kind, by mechanism, e mdmtest.Entry) {
	if d.update == byNothing {
		d.update = by
	}
	if by != now.updateBy() {
		d.note("was told to install %s by %s at %s; iOS %s, %s, is told by %s",
			e.Version, by, stamp(e.Time), now.os, now.supervision(), now.updateBy().orNothing())
	}
}

func (d *diary) note(format string, args ...any) {
	d.wrong = append(d.wrong, fmt.Sprintf(format, args...))
}

func (k kind) supervision() string {
	if k.supervised {
		return "supervised"
	}
	return "not supervised"
}

func (by mechanism) orNothing() mechanism {
	if by == byNothing {
		return "nothing"
	}
	return by
}

// readDiaries reads the journals of all phones and returns, besides the
// diaries, everything in them that contradicts the rule.
func readDiaries(entries []mdmtest.Entry, kinds map[string]kind) (map[string]diary, []problem) {
	byPhone := map[string][]mdmtest.Entry{}
	for _, e := range entries {
		byPhone[e.Phone] = append(byPhone[e.Phone], e)
	}
	diaries := map[string]diary{}
	var problems []problem
	for _, udid := range sortedKeys(kinds) {
		d := readDiary(kinds[udid], byPhone[udid])
		diaries[udid] = d
		for _, what := range d.wrong {
			problems = append(problems, problem{udid, kinds[udid].place, what})
		}
	}
	return diaries, problems
}
