package simulation

import (
	"cmp"
	"encoding/json"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/mdm"
)

// The states of a phone's update machine, in Apple's words.
const (
	stateNone        = "none"
	stateDownloading = "downloading"
	statePrepared    = "prepared"
	stateInstalling  = "installing"
	stateFailed      = "failed"
)

// declaration is one a phone holds.
type declaration struct {
	class, id, token string
	kind             string // its type
	payload          payload
}

// payload is what a phone understands of a declaration.
type payload struct {
	TargetOSVersion     string
	TargetBuildVersion  string
	TargetLocalDateTime string
	RecommendedCadence  string
	Deferrals           *struct{ CombinedPeriodInDays int }

	RapidSecurityResponse *struct{ Enable *bool }
}

// release returns what an enforcement is about: an improvement is named by its build.
func (d payload) release() string {
	if build := d.TargetBuildVersion; build != "" {
		return version.WithExtra(d.TargetOSVersion, strings.TrimLeft(build, "0123456789ABCDEFGHIJ"))
	}
	return d.TargetOSVersion
}

// phone is a simulated phone: a source of messages that remembers what it was
// told. It believes nothing but what it was sent, and shares no code with the
// server but the decoding of messages.
type phone struct {
	character
	seed uint64
	loc  *time.Location

	// By the simulation's own book: where people put it.
	group  string
	former string // out of production: the group whose gates held it last
	epoch  uint64

	os, build string
	apps      map[string]int  // version by bundle identifier
	ordered   map[string]bool // apps it was told to update, until it has
	held      map[string]declaration
	enforced  []declaration // of those, see enforcements
	token     string        // of the set it holds
	stamp     time.Time
	past      map[string]bool // UUIDs of commands it was handed in older epochs
	present   map[string]bool

	state   string
	pending string
	reason  string    // of a failure
	failed  int       // failures of this update
	by      string    // why it installs: "declaration", "mdm" or "user"
	stateAt time.Time // when the state changes by itself; zero: it does not
	legacy  legacy
	lock    lock
	trouble trouble

	tookBack bool // its user took an improvement off
	stranger bool // a copy was restored in which it had not told yet what it can do

	at       time.Time // when it does something by itself next, see follow
	woken    bool
	wakeAt   time.Time
	tickAt   time.Time // its user looks at it
	reportAt time.Time // it has something to tell; zero: nothing

	enrolledAt time.Time
	deadlines  map[string]string // it was told, by enrolment, release and source
	toldAt     map[string]time.Time
	due        string // release it should be on its way to, and from which
	dueBy      time.Time
}

// chance returns a number from 0 to n-1 that depends on nothing but what it is
// about: whatever is left out of a life, the rest stays as it was.
func (p *phone) chance(n int, about string, t time.Time) int {
	const most = 96
	text := strconv.AppendUint(make([]byte, 0, most), p.seed, 10)
	text = append(append(text, p.udid...), about...)
	h := fnv.New64a()
	_, _ = h.Write(strconv.AppendInt(text, t.Unix(), 10))
	return int(h.Sum64() >> 1 % uint64(n))
}

// declarative reports whether the phone knows declarations.
func (p *phone) declarative() bool { return version.AtLeast(p.os, "17.0") }

// enforcements returns the enforcements the phone holds, sorted by identifier.
func (p *phone) enforcements() []declaration {
	var list []declaration
	for _, d := range p.held {
		if d.kind == mdm.TypeSoftwareUpdateEnforcement {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b declaration) int { return strings.Compare(a.id, b.id) })
	return list
}

// hold puts a set of declarations in force.
func (p *phone) hold(set map[string]declaration) {
	p.held = set
	p.enforced = p.enforcements()
}

// told returns the release the phone must install and when, "" for none.
func (p *phone) told() (release string, deadline time.Time) {
	if !p.declarative() {
		return p.legacy.release, p.legacy.at
	}
	if len(p.enforced) == 0 {
		return "", time.Time{}
	}
	first := p.enforced[0].payload
	at, err := time.ParseInLocation(mdm.LocalDateTimeLayout, first.TargetLocalDateTime, p.loc)
	if err != nil {
		return "", time.Time{}
	}
	return first.release(), at
}

// buildTold returns the build that the phone must install, "" where any will do.
func (p *phone) buildTold() string {
	if len(p.enforced) > 0 {
		return p.enforced[0].payload.TargetBuildVersion
	}
	return ""
}

// deferral returns for how many days the phone hides releases.
func (p *phone) deferral() int {
	if !p.supervised {
		return 0
	}
	if p.legacy.profile != "" {
		return 90
	}
	for _, d := range p.held {
		if d.payload.Deferrals != nil {
			return d.payload.Deferrals.CombinedPeriodInDays
		}
	}
	return 0
}

// online reports whether the phone can be reached.
func (p *phone) online(w *world, t time.Time) bool {
	if d := w.day(t); d >= p.drawer[0] && d < p.drawer[1] || t.Before(w.offUntil) {
		return false
	}
	local := t.In(p.loc)
	switch p.hours {
	case office:
		weekend := local.Weekday() == time.Saturday || local.Weekday() == time.Sunday
		return !weekend && local.Hour() >= 8 && local.Hour() < 20
	case flaky:
		return p.chance(2, "online", t.Truncate(time.Hour)) == 0
	case always:
	}
	return true
}

// nextOnline returns the first moment from t on at which the phone can be
// reached.
func (p *phone) nextOnline(w *world, t time.Time) time.Time {
	for !p.online(w, t) {
		t = t.Truncate(time.Hour).Add(time.Hour)
	}
	return t
}

// follow notes when the phone does something by itself next. Whatever changes a
// phone is followed by it: its own acts, a push, an event.
func (p *phone) follow(w *world) {
	at := p.tickAt
	earlier := func(t time.Time) {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	earlier(p.stateAt)
	earlier(p.reportAt)
	earlier(p.lock.pulls)
	if p.woken {
		earlier(p.wakeAt)
	}
	if p.state == statePrepared {
		if _, deadline := p.told(); !deadline.IsZero() {
			earlier(deadline)
		}
	}
	p.at = at
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// act lets the phone do what its moment has come for.
func (p *phone) act(w *world) {
	defer p.follow(w)
	p.machine(w)
	if !w.now.Before(p.tickAt) {
		p.tick(w)
	}
	p.unlock(w)
	called := p.woken && !w.now.Before(p.wakeAt)
	// What it could not tell before comes before anything it is asked now.
	if !p.reportAt.IsZero() && (called || !w.now.Before(p.reportAt)) {
		if p.online(w, w.now) {
			p.reportAt = time.Time{}
			w.status(p, p.statusItems(false))
		} else {
			p.reportAt = p.nextOnline(w, w.now)
		}
	}
	if called {
		if p.online(w, w.now) {
			w.session(p)
		} else {
			p.wakeAt = p.nextOnline(w, w.now)
		}
	}
}

// report has the phone tell its state as soon as it can; before declarations it
// tells nothing by itself.
func (p *phone) report(w *world) {
	if p.declarative() && p.token != "" {
		p.reportAt = w.now
	}
}

// machine moves the phone's update machine on.
func (p *phone) machine(w *world) {
	release, deadline := p.told()
	if release != "" && !version.Newer(release, p.os) {
		release = ""
	}
	due := !p.stateAt.IsZero() && !w.now.Before(p.stateAt)
	switch {
	case p.state == stateInstalling:
		if due {
			p.finish(w)
		}
	case release == "":
		if p.state != stateNone {
			p.enter(w, stateNone, time.Time{})
			p.pending, p.reason, p.failed = "", "", 0
		}
	case p.pending != release:
		p.pending, p.reason, p.failed = release, "", 0
		p.enter(w, stateDownloading, p.downloaded(w))
	case p.state == stateDownloading && due:
		if d := w.day(w.now); d >= p.full[0] && d < p.full[1] {
			p.fail(w, "InsufficientSpace")
		} else {
			p.enter(w, statePrepared, time.Time{})
		}
	case p.state == statePrepared && !w.now.Before(deadline):
		p.install(w)
	case p.state == stateFailed && due:
		p.enter(w, stateDownloading, p.downloaded(w))
	}
}

// downloaded is when a download that begins now will be there.
func (p *phone) downloaded(w *world) time.Time {
	return p.nextOnline(w, w.now.Add(time.Duration(1+p.chance(5, "download", w.now))*time.Hour))
}

func (p *phone) enter(w *world, state string, until time.Time) {
	p.state, p.stateAt = state, until
	p.report(w)
}

func (p *phone) install(w *world) {
	p.by = "declaration"
	if !p.declarative() {
		p.by = "mdm"
	}
	p.enter(w, stateInstalling, w.now.Add(25*time.Minute))
}

func (p *phone) fail(w *world, why string) {
	p.reason = why
	p.failed++
	if why != "InsufficientSpace" {
		w.book.failsOn(p.pending, p.udid)
	}
	p.enter(w, stateFailed, w.now.Add(6*time.Hour))
}

// finish ends an installation, with success or without.
func (p *phone) finish(w *world) {
	r, known := w.apple.find(p.pending)
	_, signed := w.apple.signs(p.pending, p.model, w.day(w.now))
	switch {
	case !known || !signed:
		p.fail(w, "NotSigned")
	case p.failures > 0:
		p.failures--
		p.fail(w, "Failed")
	default:
		w.trace("%s installed %s by %s", p.udid, r.version, p.by)
		p.os, p.build = p.brings(w, r), cmp.Or(r.on, r.build)
		p.pending, p.reason, p.failed = "", "", 0
		p.legacy.release = ""
		p.enter(w, stateNone, time.Time{})
		p.falls(w)
	}
}

// tick is the user's look at the phone, once a day.
func (p *phone) tick(w *world) {
	p.tickAt = p.tickAt.Add(day)
	for id, v := range w.vendors {
		if p.updates(w, id) {
			p.apps[id] = v
		}
	}
	p.takesImprovement(w)
	switch {
	case p.state == statePrepared && p.user != postpones:
		p.install(w)
	case p.user == curious && p.state == stateNone && p.online(w, w.now):
		today := w.day(w.now)
		offer, ok := p.offer(w.apple, today)
		if ok && version.Newer(offer.version, p.os) && today >= offer.posted+p.deferral() {
			p.pending, p.by = offer.version, "user"
			p.state, p.stateAt = stateInstalling, w.now.Add(time.Hour)
			p.report(w)
		}
	}
}

// items are what a status report says, by Apple's names.
type items struct {
	Device struct {
		OS struct {
			Version string `json:"version"`
			Build   string `json:"build-version"`

			Supplemental *supplementItem `json:"supplemental,omitempty"`
		} `json:"operating-system"`
	} `json:"device"`
	Update     updateItems      `json:"softwareupdate"`
	Management *managementItems `json:"management,omitempty"`
}

type updateItems struct {
	State   string       `json:"install-state"`
	Reason  *reasonItem  `json:"install-reason,omitempty"`
	Pending *pendingItem `json:"pending-version,omitempty"`
	Failure failureItem  `json:"failure-reason"`
}

type supplementItem struct {
	Extra string `json:"extra-version"`
	Build string `json:"build-version"`
}

type reasonItem struct {
	Reason []string `json:"reason"`
}

type pendingItem struct {
	Version string `json:"os-version"`
	Build   string `json:"build-version"`
}

type failureItem struct {
	Count     int    `json:"count"`
	Reason    string `json:"reason"`
	Timestamp string `json:"timestamp"`
}

type managementItems struct {
	Declarations declarationItems `json:"declarations"`
	Capabilities json.RawMessage  `json:"client-capabilities"`
}

type declarationItems struct {
	Configurations []declarationItem `json:"configurations"`
	Activations    []declarationItem `json:"activations"`
	Assets         []declarationItem `json:"assets"`
	Management     []declarationItem `json:"management"`
}

type declarationItem struct {
	Identifier string `json:"identifier"`
	Token      string `json:"server-token"`
	Active     bool   `json:"active"`
	Valid      string `json:"valid"`
}

// statusItems is a status report; a whole one tells what the phone can do and
// holds, too.
func (p *phone) statusItems(whole bool) []byte {
	var report struct {
		StatusItems items
		Errors      []struct{}
	}
	report.Errors = []struct{}{}
	system := &report.StatusItems.Device.OS
	system.Version, system.Build = version.Base(p.os), p.build
	if letter := version.Extra(p.os); letter != "" {
		system.Supplemental = &supplementItem{letter, p.build + letter}
	} else if p.tookBack {
		system.Supplemental = &supplementItem{}
	}
	update := &report.StatusItems.Update
	update.State, update.Failure = p.state, failureItem{Count: p.failed, Reason: p.reason}
	if p.pending != "" {
		update.Reason = &reasonItem{[]string{p.by}}
		update.Pending = &pendingItem{version.Base(p.pending), cmp.Or(p.buildTold(), "x")}
	}
	if whole {
		report.StatusItems.Management = &managementItems{p.declarations(), capabilities()}
	}
	data, err := json.Marshal(report)
	if err != nil {
		panic(err) // made of texts and numbers alone
	}
	return data
}

func (p *phone) declarations() declarationItems {
	none := []declarationItem{}
	lists := declarationItems{none, none, none, none}
	of := map[string]*[]declarationItem{
		"configuration": &lists.Configurations, "activation": &lists.Activations, "asset": &lists.Assets, "management": &lists.Management,
	}
	for _, d := range p.held {
		*of[d.class] = append(*of[d.class], declarationItem{d.id, d.token, true, "valid"})
	}
	return lists
}

func capabilities() json.RawMessage {
	return json.RawMessage(`{"supported-payloads":{` +
		`"declarations":{"activations":["` + mdm.TypeActivationSimple + `"],"configurations":["` + mdm.TypeSoftwareUpdateSettings + `","` +
		mdm.TypeSoftwareUpdateEnforcement + `","` + mdm.TypeStatusSubscriptions + `"],"management":["` + mdm.TypeOrganizationInfo + `"]},` +
		`"status-items":["device.operating-system.version","softwareupdate.install-state","softwareupdate.pending-version",` +
		`"softwareupdate.install-reason","softwareupdate.failure-reason"]}}`)
}
