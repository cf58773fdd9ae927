package fleet

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// DeviceView is one phone as people see it. Identifiers are the phone's own;
// no person is named.
type DeviceView struct {
	UDID         string    `json:"udid"`
	Serial       string    `json:"serial"`
	Model        string    `json:"model"`
	ModelName    string    `json:"model_name,omitempty"`
	OS           string    `json:"os"`
	Supplemental string    `json:"supplemental,omitempty"` // letter of its background improvement, "a"
	Build        string    `json:"build"`
	Group        string    `json:"group"`
	Ring         string    `json:"ring"`
	State        string    `json:"state"`
	Holder       string    `json:"holder,omitempty"` // opaque reference to who carries it
	Supervised   string    `json:"supervised"`       // yes, no or ""
	Hold         string    `json:"hold"`             // confirmed, pending, impossible or ended; "" once removed
	HoldWhy      string    `json:"hold_why,omitempty"`
	HoldBy       string    `json:"hold_by,omitempty"`   // declaration or profile; "" when nothing hides releases
	Target       string    `json:"target,omitempty"`    // release it is asked to install
	Deadline     string    `json:"deadline,omitempty"`  // its own local time
	UpdateBy     string    `json:"update_by,omitempty"` // declaration or command: how it was told Target
	Percent      *int      `json:"percent,omitempty"`   // of the download, by command only
	InstallState string    `json:"install_state"`
	Reason       string    `json:"reason"`
	Epoch        uint64    `json:"epoch"`
	EnrolledAt   time.Time `json:"enrolled_at,omitzero"`
	LastContact  time.Time `json:"last_contact,omitzero"`
	Apps         []AppView `json:"apps"`
	Leak         string    `json:"leak,omitempty"`       // release it arrived on before its gate opened, while it is on it and nobody approved that
	ExposedBy    string    `json:"exposed_by,omitempty"` // see [policy.Ledger.ExposedBy]
	// CertificateState is valid, due or ended; "" when not known, or once
	// removed.
	CertificateState string `json:"certificate_state,omitempty"`
}

// AppView is one business app on a phone.
type AppView struct {
	BundleID string `json:"bundle_id"`
	Version  string `json:"version"`
}

// ExplainView says why one phone is where it is.
type ExplainView struct {
	Device      DeviceView         `json:"device"`
	Explanation policy.Explanation `json:"explanation"`
	Chase       *ChaseState        `json:"chase,omitempty"` // the reminders about it; nil: it is not late for anything
	// Declined are releases that its group declined, with what each leaves open on
	// it; see [policy.Ledger.DeclinedOn].
	Declined []policy.LeftOpen `json:"declined,omitempty"`
	// KeptPlace says for 30 days that the phone is not where its link named.
	KeptPlace *KeptPlaceView `json:"kept_place,omitempty"`
	Clock     string         `json:"clock,omitempty"` // [ClockPolicy], or "" for the wall clock
}

// Explain returns the one reason why a phone is not done, what supports it and
// the next steps.
func (f *Fleet) Explain(ctx context.Context, seg storage.Segment, udid string) (ExplainView, error) {
	w, err := f.world(seg)
	if err != nil {
		return ExplainView{}, err
	}
	p, err := f.phone(ctx, seg, udid)
	if err != nil {
		return ExplainView{}, err
	}
	e := f.explainer(w)
	facts, live, x := e.explain(&p)
	e.awaits(&p, &x)
	v := ExplainView{Device: e.view(&p), Explanation: e.gates.Cited(facts, live, x), Declined: e.leftOpen(&p), KeptPlace: f.keptPlace(&p), Clock: f.clock()}
	if state, ok := e.chaseState(&p, f.pursuits(w, f.gatedNow(w, e.snap))); ok && p.State != storage.PhoneRemoved {
		v.Chase = &state
	}
	return v, nil
}

// explainer explains many phones of one world at one moment.
type explainer struct {
	fleet *Fleet
	state *worldState
	snap  *snapshot
	world *policy.World // with the census, for the gates behind the reasons
	gates *policy.Explainer
	flaws *policy.Ledger // what phones are exposed to
	now   time.Time
}

func (f *Fleet) explainer(w *worldState) explainer {
	s, now := w.current.Load(), f.now()
	world := s.withCensus(w.census, now)
	return explainer{fleet: f, state: w, snap: s, world: world, gates: policy.NewExplainer(world, now), flaws: policy.NewLedger(world, now), now: now}
}

// explain returns why a phone is where it is, and what that follows from.
func (e explainer) explain(p *storage.Phone) (policy.Facts, policy.Live, policy.Explanation) {
	facts := factsOf(e.snap, p)
	target := policy.TargetFor(e.world, facts, e.now)
	live := e.fleet.live(p, target, e.now)
	if l, is := e.fleet.leakOf(e.state, p); is {
		live.Leaked, live.LeakedAt, live.LeakedBy = l.open(), p.Arrival.At, policy.Code(p.Arrival.Cause)
	}
	return facts, live, e.gates.Explain(facts, live, target)
}

func (e explainer) view(p *storage.Phone) DeviceView {
	_, _, x := e.explain(p)
	certificate := ""
	if p.State != storage.PhoneRemoved { // nothing is wanted of a phone that left
		certificate = certificateState(p.Identity.RenewAt, p.Identity.Until, e.fleet.o.Wall())
	}
	v := DeviceView{
		UDID: p.UDID, Serial: p.Serial, Model: p.Model, ModelName: e.snap.catalog.Models()[p.Model],
		OS: p.OS.Version, Supplemental: p.OS.SupplementalExtra, Build: p.OS.Build, Group: p.Group, Ring: string(p.Ring), State: string(p.State), Holder: p.Holder,
		Supervised: string(p.Supervision), Hold: string(x.Hold), HoldWhy: string(x.HoldWhy), HoldBy: string(x.HoldBy),
		InstallState: p.Update.Install, Reason: string(x.Reason.Code), Epoch: p.Epoch,
		EnrolledAt: p.EnrolledAt, LastContact: p.Contact, Apps: []AppView{},
		CertificateState: certificate,
	}
	if a := p.Announced.Enforcement; a != nil {
		v.Target, v.Deadline, v.UpdateBy = a.Release, a.Deadline, string(mechanism(a))
		if t := attemptOf(p); byCommand(a) && concerns(t, a) && t.Told {
			v.Percent = &t.Percent
		}
	}
	if l, is := e.fleet.leakOf(e.state, p); is {
		v.Leak = l.release
	}
	if p.State == storage.PhoneEnrolled {
		v.ExposedBy = e.flaws.ExposedBy(p.Group, censusOf(p))
	}
	for _, a := range p.Apps {
		v.Apps = append(v.Apps, AppView{BundleID: a.BundleID, Version: a.ShortVersion})
	}
	return v
}

// live gathers the fleeting values that choose among reasons.
func (f *Fleet) live(p *storage.Phone, t policy.Target, now time.Time) policy.Live {
	l := policy.Live{
		LastContact: p.Contact, Removed: p.State == storage.PhoneRemoved, RemovedAt: p.RemovedAt, PushDead: !p.Push.DeadSince.IsZero(), NotNowSince: p.Sync.NotNowSince,
		AvailableGB: p.AvailableGB, BatteryLevel: p.Battery, PasscodePresent: p.Passcode,
	}
	if p.TimeZone != "" {
		l.LocalNow = policy.FormatLocal(now, f.location(p))
	}
	announced := p.Announced.Enforcement
	wanted := ""
	if t.Enforce != nil {
		wanted = t.Enforce.Release
		l.DeclarationFetched = announced != nil && announced.Release == wanted && f.holds(p, announced)
	}
	told := ""
	if announced != nil {
		told = announced.Release
	}
	l.SyncPending = wanted != told
	l.HoldConfirmed, l.SettingsError = f.holdReport(p, t.Hold)
	l.Apps = appProgress(p, t)
	return l
}

// notEnrolled refuses what only a phone that is enrolled can do.
func notEnrolled(p *storage.Phone) error {
	return refused("not-enrolled", "phone %s is %s", p.UDID, p.State).with("phone", p.UDID, "state", string(p.State))
}

// DeclarationsView is what a phone was told, as sent but for tokens of beta
// programs, which are secrets.
type DeclarationsView struct {
	Token        string            `json:"token"`
	Timestamp    time.Time         `json:"timestamp,omitzero"`
	Synchronised bool              `json:"synchronised"` // the phone fetched this manifest and reported since, or it lists just these
	Declarations []json.RawMessage `json:"declarations"`
	Reported     []ReportedView    `json:"reported"` // what the phone says it holds
}

// ReportedView is what a phone says of one declaration.
type ReportedView struct {
	Identifier  string   `json:"identifier"`
	ServerToken string   `json:"server_token"`
	Active      bool     `json:"active"`
	Valid       string   `json:"valid"`
	Reasons     []string `json:"reasons,omitempty"`
}

// Declarations returns what a phone was last told and what it says it holds.
func (f *Fleet) Declarations(ctx context.Context, seg storage.Segment, udid string) (DeclarationsView, error) {
	p, err := f.phone(ctx, seg, udid)
	if err != nil {
		return DeclarationsView{}, err
	}
	v := DeclarationsView{
		Token: p.Announced.Token, Timestamp: p.Announced.Timestamp, Declarations: []json.RawMessage{}, Reported: []ReportedView{},
	}
	for _, d := range p.Declarations {
		v.Reported = append(v.Reported, ReportedView{d.Identifier, d.ServerToken, d.Active, d.Valid, d.Reasons})
	}
	if p.Announced.Token == "" {
		return v, nil
	}
	set, err := f.store.DeclarationSet(ctx, seg, p.Announced.Token)
	if err != nil {
		return v, wrap("read announced set", err)
	}
	v.Synchronised = reported(&p) || lists(&p, set)
	for _, it := range set.Items {
		body, err := f.store.Declaration(ctx, seg, it.ServerToken)
		if err != nil {
			return v, wrap("read declaration", err)
		}
		if it.Identifier == idSettings {
			body = betaToken.ReplaceAll(body, []byte(`"Token":"…"`))
		}
		v.Declarations = append(v.Declarations, body)
	}
	return v, nil
}

// QueueView is one command in a phone's queue.
type QueueView struct {
	UUID        string    `json:"uuid"`
	RequestType string    `json:"request_type"`
	State       string    `json:"state"`
	CreatedAt   time.Time `json:"created_at"`
	CreatedBy   string    `json:"created_by"`
	SentAt      time.Time `json:"sent_at,omitzero"`
	Deliveries  int       `json:"deliveries"`
	NotNowSince time.Time `json:"not_now_since,omitzero"`
	NotNows     int       `json:"not_nows"`
	FinishedAt  time.Time `json:"finished_at,omitzero"`
	Error       string    `json:"error,omitempty"`
}

// Queue returns the commands people queued for a phone, oldest first. What the
// server asks by itself (synchronisation, daily inventory) has no row.
func (f *Fleet) Queue(ctx context.Context, seg storage.Segment, udid string) ([]QueueView, error) {
	if _, err := f.phone(ctx, seg, udid); err != nil {
		return nil, err
	}
	rows, err := f.store.Queue(ctx, seg, udid)
	if err != nil {
		return nil, wrap("read queue", err)
	}
	out := []QueueView{}
	for _, c := range rows {
		out = append(out, queueView(c))
	}
	return out, nil
}

func queueView(c storage.Command) QueueView {
	return QueueView{
		UUID: c.UUID, RequestType: c.RequestType, State: string(c.State), CreatedAt: c.CreatedAt, CreatedBy: c.CreatedBy,
		SentAt: c.SentAt, Deliveries: c.Deliveries, NotNowSince: c.NotNowSince, NotNows: c.NotNows, FinishedAt: c.FinishedAt, Error: c.Error,
	}
}

// Push wakes a phone now.
func (f *Fleet) Push(ctx context.Context, seg storage.Segment, a Act, udid string) error {
	p, err := f.phone(ctx, seg, udid)
	if err != nil {
		return err
	}
	if p.State != storage.PhoneEnrolled || len(p.Push.Token) == 0 {
		return refused("not-pushable", "phone %s is %s and cannot be woken", udid, p.State).with("phone", udid, "state", string(p.State))
	}
	if !a.DryRun {
		f.wakeAnew(seg, udid)
	}
	return nil
}

// Refresh asks a phone for its inventory now instead of within a day and
// returns how many commands were queued; one that waits already is not queued
// again. It is told anew to update apps that it was told often enough.
func (f *Fleet) Refresh(ctx context.Context, seg storage.Segment, a Act, udid string) (int, error) {
	w, err := f.world(seg)
	if err != nil {
		return 0, err
	}
	p, err := f.phone(ctx, seg, udid)
	if err != nil {
		return 0, err
	}
	if p.State != storage.PhoneEnrolled {
		return 0, notEnrolled(&p)
	}
	payloads := []mdm.Payload{mdm.DeviceInformationCommand{Queries: informationQueries()}}
	bundleIDs := groupApps(w.current.Load(), p.Group)
	if len(bundleIDs) > 0 {
		payloads = append(payloads, mdm.InstalledApplicationListCommand{Identifiers: bundleIDs, Items: appItems(&p)})
	}
	var rows []storage.Command
	for _, payload := range payloads {
		c, err := mdm.NewCommand(uuid.NewString(), payload)
		if err != nil {
			return 0, wrap("build command", err)
		}
		rows = append(rows, storage.Command{
			UUID: c.UUID, RequestType: c.RequestType, Body: c.Body, Key: refreshKey(c.RequestType, bundleIDs), CreatedAt: f.now(), CreatedBy: a.Actor,
		})
	}
	if a.DryRun {
		return len(rows), nil
	}
	if err := f.renewApps(ctx, w, p); err != nil {
		return 0, err
	}
	n, err := f.store.Enqueue(ctx, seg, []string{udid}, rows, []storage.AuditEntry{f.entry(a, "device.refresh", udid, nil)})
	if err != nil {
		return 0, wrap("queue commands", err)
	}
	f.waker.Wake(wakeKey(seg, udid))
	return n, nil
}

// refreshKey names what a queued inventory request asks for.
func refreshKey(requestType string, bundleIDs []string) string {
	if requestType != requestApps {
		return "refresh:" + requestType
	}
	return "refresh:" + requestType + " " + strings.Join(bundleIDs, " ")
}
