package demo

import (
	"fmt"
	"time"

	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
)

// The company of the story.
const (
	sales     = "sales"
	warehouse = "warehouse"
	older     = "older" // of any iOS there is, see lines

	verification = "verification"
	production   = "production"

	appPOS     = "com.example.pos"
	appMail    = "com.example.mail"
	appScanner = "com.example.scanner"
	appKintai  = "com.example.kintai"

	brokenScanner = "4.2"
	fixedScanner  = "4.3"

	timeZone = "Asia/Tokyo"
)

// Releases of the story, all real; their dates, builds and models come from
// the catalogue.
const (
	oldRelease    = "26.5"
	newerRelease  = "26.6" // what a phone just bought comes with
	storyRelease  = "26.6.1"
	newModel      = "iPhone17,5" // nobody has tested on it
	sharedModel   = "iPhone14,5" // tested in both groups: a phone that moves closes no gate
	minPhones     = 20
	maxPhones     = 1000
	testersShared = 60 // from so many phones on there are two testers per model
)

// models returns the hardware identifiers of a group's phones. The gate wants
// a result of every critical app on each of them.
func models(group string) []string {
	if group == warehouse {
		return []string{"iPhone14,6", "iPhone14,5"}
	}
	return []string{"iPhone14,5", "iPhone15,4", "iPhone17,3"}
}

// role is what a phone is in the story for.
type role string

const (
	ordinary role = ""
	tester   role = "tester"
	tapper   role = "tapper"    // not supervised; its user installs what Settings shows
	away     role = "away"      // switched off for days
	locked   role = "locked"    // nobody unlocks it for days
	mover    role = "mover"     // goes from sales to warehouse in the middle
	switcher role = "switcher"  // becomes a verification phone in the middle
	late     role = "late"      // enrolls when the release is approved already
	bought   role = "bought"    // comes with a newer iOS than the others
	drawer   role = "drawer"    // switched off to the end
	full     role = "full"      // out of space
	asleep   role = "asleep"    // has a passcode that nobody enters
	stale    role = "stale"     // its Scanner is never updated
	stranger role = "stranger"  // late, and of a model nobody has tested on
	nowhere  role = "ungrouped" // in no group
	veteran  role = "veteran"   // an older phone
)

// expected returns the reason with which a phone of a role ends: the story is
// over when all are there.
func (r role) expected() string {
	switch r {
	case drawer:
		return "offline"
	case full:
		return "no-space"
	case asleep:
		return "passcode-needed"
	case stale:
		return "app-update-needed"
	case stranger:
		return "model-not-verified"
	case nowhere:
		return "ungrouped"
	default:
		return "done"
	}
}

// joinsLate reports whether phones of a role enrol in the middle of the story.
func (r role) joinsLate() bool { return r == late || r == stranger }

// place is where a phone belongs; the zero place is in no group.
type place struct{ group, ring string }

// String is for people: "sales, verification".
func (p place) String() string {
	if p.group == "" {
		return "ungrouped"
	}
	return p.group + ", " + p.ring
}

// part is one phone of the story before it exists.
type part struct {
	role       role
	place      place
	model      string
	os         string
	build      string // "" for the one in the release facts
	goal       string // the release it has in the end, unless its role says otherwise
	supervised bool
}

// parts hands out the roles for a company of n phones: the special ones first,
// the rest at work in both groups; a fifth of all is not supervised.
func parts(n int) []part {
	var out []part
	add := func(r role, group, ring, model string) {
		out = append(out, part{role: r, place: place{group, ring}, model: model, os: oldRelease, goal: storyRelease, supervised: true})
	}
	testers := 1
	if n >= testersShared {
		testers = 2
	}
	for _, group := range []string{sales, warehouse} {
		for i := range testers * len(models(group)) {
			add(tester, group, verification, models(group)[i%len(models(group))])
		}
	}
	special := []struct {
		role  role
		group string
		perK  int // of a thousand phones; at least one
	}{
		{tapper, sales, 0},
		{mover, sales, 10},
		{switcher, warehouse, 0},
		{away, sales, 30},
		{locked, sales, 25},
		{asleep, sales, 15},
		{full, sales, 10},
		{drawer, sales, 10},
		{stale, warehouse, 10},
		{bought, warehouse, 20},
		{late, sales, 15},
		{stranger, sales, 0},
		{nowhere, "", 15},
	}
	for _, s := range special {
		for i := range max(1, n*s.perK/1000) {
			switch {
			case s.group == "":
				add(s.role, "", "", models(sales)[i%len(models(sales))])
			case s.role == stranger:
				add(s.role, s.group, production, newModel)
			case s.role == mover:
				add(s.role, s.group, production, sharedModel)
			default:
				add(s.role, s.group, production, models(s.group)[i%len(models(s.group))])
			}
		}
	}
	for i := 0; len(out) < n; i++ {
		group := sales
		if i%5 >= 3 {
			group = warehouse
		}
		add(ordinary, group, production, models(group)[i%len(models(group))])
	}
	for i := range out {
		if out[i].role == bought || out[i].role == tapper {
			out[i].os = newerRelease
		}
	}
	loosen(out, n/5)
	return out
}

// loosen leaves some phones unsupervised: the tapper, and of those doing
// ordinary work every third until there are enough.
func loosen(out []part, enough int) {
	seen := 0
	for i := range out {
		if out[i].role == ordinary {
			seen++
		}
		if out[i].role == tapper || out[i].role == ordinary && seen%3 == 0 && enough > 0 {
			out[i].supervised = false
			enough--
		}
	}
}

// user returns how the owner of the i-th phone behaves. Half of them install
// when it suits them, the others let the deadline come.
func (p part) user(i int) (mdmtest.User, bool) {
	passcode := i%4 == 1
	u := mdmtest.User{EntersPasscode: 2 * time.Hour}
	switch p.role {
	case tester:
		u.InstallsEarly = 20 * time.Minute
	case tapper:
		u.TapsInstall = 2 * time.Hour
	case asleep:
		return mdmtest.User{}, true
	case mover, away, locked, stale, full, drawer:
		// They wait, so that the story finds them where it needs them.
	default:
		if i%2 == 0 {
			u.InstallsEarly = time.Duration(4+i%24) * time.Hour
		}
	}
	return u, passcode
}

// apps returns the business apps on a phone of a group.
func (p part) apps() []mdmtest.App {
	office := []mdmtest.App{
		{BundleID: appPOS, Name: "POS", Version: "310", ShortVersion: "3.1"},
		{BundleID: appMail, Name: "Mail", Version: "88", ShortVersion: "8.8"},
	}
	byGroup := map[string][]mdmtest.App{
		sales: office,
		older: office,
		warehouse: {
			{BundleID: appScanner, Name: "Scanner", Version: "420", ShortVersion: brokenScanner},
			{BundleID: appKintai, Name: "Kintai", Version: "21", ShortVersion: "2.1"},
		},
	}
	if p.role == mover {
		// It will work there, so it has both groups' apps.
		return append(byGroup[sales], byGroup[warehouse]...)
	}
	return byGroup[p.place.group]
}

// udid returns the identifier of the i-th phone in the form iPhones have had
// since 2018. It tells the phone's number, which helps reading a log.
func udid(i int) string { return fmt.Sprintf("00008110-%016X", 0xD3300000+i+1) }
