package api

import (
	"cmp"
	"context"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// routes is the whole admin interface. Every route is authenticated; there is
// no other way in.
func routes() []route {
	return []route{
		{"GET /v1/status", "", false, always, 0, status},
		{"GET /v1/devices", "group ring hold reason os model contact_before certificate holder removed after limit", false, always, 0, devices},
		{"GET /v1/devices/{udid}", "", false, always, 0, device},
		{"POST /v1/devices/{udid}", "", false, nil, 0, with(setDevice)},
		{"POST /v1/holders", "", false, nil, maxHoldersBody, withUpTo(maxHoldersNodes, setHolders)},
		{"GET /v1/devices/{udid}/explain", "", false, always, 0, explain},
		{"GET /v1/devices/{udid}/declarations", "", false, always, 0, declarations},
		{"GET /v1/devices/{udid}/exposure", "", false, always, 0, deviceExposure},
		{"GET /v1/devices/{udid}/queue", "", false, always, 0, queue},
		{"POST /v1/devices/{udid}/queue/{command}/cancel", "", false, always, 0, with(cancelCommand)},
		{"POST /v1/devices/{udid}/push", "", false, always, 0, with(push)},
		{"POST /v1/devices/{udid}/refresh", "", false, nil, 0, with(refresh)},
		{"POST /v1/devices/{udid}/move", "", true, nil, 0, with(move)},
		{"POST /v1/devices/move", "", true, nil, 0, with(moveAll)},
		{"POST /v1/devices/{udid}/remove", "", true, always, 0, with(removeDevice)},
		{"GET /v1/devices/{udid}/declarations/diff", "", false, always, 0, diffDeclarations},
		{"POST /v1/devices/{udid}/identity/revoke", "", true, always, 0, with(revokeIdentity)},
		{"GET /v1/declarations", "group ring", false, always, 0, declared},
		{"GET /v1/declarations/check", "group ring after limit", false, always, 0, checkDeclared},
		{"GET /v1/identities", "expiring_before all after limit", false, always, 0, identities},
		{"GET /v1/apps", "", false, always, 0, apps},
		{"POST /v1/apps", "", true, nil, 0, with(addApp)},
		{"GET /v1/apps/{app}", "", false, always, 0, app},
		{"POST /v1/apps/{app}", "", true, nil, 0, with(setApp)},
		{"POST /v1/apps/{app}/remove", "", true, nil, 0, with(removeApp)},
		{"GET /v1/groups", "", false, always, 0, groups},
		{"POST /v1/groups", "", true, nil, 0, with(addGroup)},
		{"POST /v1/groups/{group}", "", true, nil, 0, with(setGroup)},
		{"POST /v1/groups/{group}/remove", "", true, nil, 0, with(removeGroup)},
		{"GET /v1/policies", "", false, always, 0, policies},
		{"GET /v1/policies/{policy}", "", false, always, 0, onePolicy},
		{"POST /v1/policies/{policy}", "", true, nil, 0, with(setPolicy)},
		{"POST /v1/policies/{policy}/remove", "", false, nil, 0, with(removePolicy)},
		{"GET /v1/calendars", "", false, always, 0, calendars},
		{"GET /v1/calendars/{calendar}", "", false, always, 0, oneCalendar},
		{"POST /v1/calendars/{calendar}", "", true, nil, 0, with(setCalendar)},
		{"POST /v1/calendars/{calendar}/remove", "", false, nil, 0, with(removeCalendar)},
		{"GET /v1/settings", "", false, always, 0, settings},
		{"POST /v1/apply", "", true, nil, 0, with(apply)},
		{"GET /v1/lint", "policy", false, always, 0, lint},
		{"POST /v1/lint", "", false, always, 0, with(lintSettings)},
		{"GET /v1/groups/{group}/backtest", "since until days strategy smoke_days install_days policy broken", false, always, 0, backtest},
		{"GET /v1/groups/{group}/simulate", "days release test_days smoke_days policy broken silent sign_hours resume_days exploited fails falls_silent taken_back away", false, always, 0, simulate},
		{"POST /v1/enrollment/links", "", false, nil, 0, with(createLink)},
		{"POST /v1/enrollment/profiles", "", false, nil, 0, with(createProfile)},
		{"GET /v1/releases", "", false, always, 0, releases},
		{"GET /v1/releases/{release}", "", false, always, 0, release},
		{"POST /v1/releases/{release}/decline", "", true, always, 0, with(declineAll)},
		{"POST /v1/catalog", "reason dry_run", true, nil, maxImport, importFeed},
		{"POST /v1/feeds/fetch", "", true, nil, 0, with(fetchFeeds)},
		{"GET /v1/exposure", "group since release cve", false, always, 0, exposure},
		{"GET /v1/leaks", "group after limit", false, always, 0, leaks},
		{"GET /v1/notices", "before limit state", false, always, 0, notices},
		{"GET /v1/notices/{id}", "", false, always, 0, notice},
		{"POST /v1/notices/{id}/retry", "", false, nil, 0, with(retryNotice)},
		{"POST /v1/notices/retry", "", false, nil, 0, with(retryNotices)},
		{"GET /v1/channels", "", false, always, 0, channels},
		{"POST /v1/channels/{channel}/test", "", false, nil, 0, with(testChannel)},
		{"POST /v1/channels/{channel}/pause", "", false, always, 0, with(pauseChannel)},
		{"POST /v1/channels/{channel}/resume", "", false, nil, 0, with(resumeChannel)},
		{"GET /v1/gates", "group", false, always, 0, gates},
		{"GET /v1/gates/{group}/{release}", "", false, always, 0, gate},
		{"POST /v1/gates/{group}/{release}/offer", "", true, nil, 0, verb((*fleet.Fleet).Offer)},
		{"POST /v1/gates/{group}/{release}/decline", "", true, always, 0, verb((*fleet.Fleet).Decline)},
		{"POST /v1/gates/{group}/{release}/withdraw", "", true, always, 0, verb((*fleet.Fleet).Withdraw)},
		{"POST /v1/gates/{group}/{release}/approve", "", true, nil, 0, with(approve)},
		{"POST /v1/gates/{group}/{release}/extend", "", true, nil, 0, with(extend)},
		{"POST /v1/gates/{group}/{release}/override", "", false, nil, 0, with(override)},
		{"POST /v1/gates/{group}/{release}/urgent", "", false, nil, 0, with(urgent)},
		{"GET /v1/approvals", "", false, always, 0, approvals},
		{"GET /v1/approvals/{id}", "", false, always, 0, approval},
		{"POST /v1/approvals/{id}/sign", "", true, nil, 0, with(signApproval)},
		{"POST /v1/approvals/{id}/refuse", "", false, always, 0, with(refuseApproval)},
		{"POST /v1/approvals/{id}/withdraw", "", false, always, 0, with(withdrawApproval)},
		{"GET /v1/rollouts/{group}/{release}", "after limit", false, always, 0, rollout},
		{"GET /v1/rollouts/{group}/{release}/waves", "phones after limit", false, always, 0, rolloutWaves},
		{"GET /v1/rollouts/{group}/{release}/plan", "wave... soak deadline start rebase", false, always, 0, rolloutPlan},
		{"GET /v1/rollouts/{group}/{release}/chase", "after limit", false, always, 0, rolloutChase},
		{"POST /v1/rollouts/{group}/{release}/pause", "", true, always, 0, verb((*fleet.Fleet).Pause)},
		{"POST /v1/rollouts/{group}/{release}/resume", "", true, nil, 0, verb((*fleet.Fleet).Resume)},
		{"POST /v1/halt/end", "", true, nil, 0, with(endHalt)},
		{"GET /v1/verdicts", "release bundle_id group device result in_force", false, always, 0, verdicts},
		{"POST /v1/verdicts", "", true, recordsBroken, 0, with(recordVerdict)},
		{"GET /v1/verdicts/matrix", "group", false, always, 0, matrices},
		{"GET /v1/verdicts/coverage", "group", false, always, 0, coverage},
		{"GET /v1/verdicts/{id}", "", false, always, 0, verdict},
		{"POST /v1/verdicts/{id}/revoke", "", true, revokesGood, 0, with(revokeVerdict)},
		{"GET /v1/problems", "release group open", false, always, 0, problems},
		{"POST /v1/problems", "", true, always, 0, with(reportProblem)},
		{"POST /v1/problems/{id}/close", "", false, nil, 0, with(closeProblem)},
		{"GET /v1/tokens", "", false, always, 0, tokens},
		{"POST /v1/tokens", "", false, nil, 0, with(createToken)},
		{"POST /v1/tokens/{id}/revoke", "", false, always, 0, with(revokeToken)},
		{"GET /v1/audit", "after limit", false, always, 0, audit},
		{"POST /v1/push/certificate", "", false, nil, 0, with(importPush)},
		{"POST /v1/backup", "", false, always, 0, backup},
	}
}

// Status is the whole installation at a glance.
type Status struct {
	Server Health           `json:"server"`
	Fleet  fleet.StatusView `json:"fleet"`
}

func status(h *Handler, c *call) (any, error) {
	view, err := h.fleet.Status(c.ctx, c.Segment)
	return Status{Server: h.ops.Health(c.ctx), Fleet: view}, err
}

// Releases is the catalogue.
type Releases struct {
	Releases []fleet.ReleaseView `json:"releases"`
}

func releases(h *Handler, c *call) (any, error) {
	list, err := h.fleet.Releases(c.Segment)
	return Releases{list}, err
}

func release(h *Handler, c *call) (any, error) {
	return h.fleet.Release(c.Segment, c.r.PathValue("release"))
}

func importFeed(h *Handler, c *call) (any, error) {
	dry, err := c.boolean("dry_run")
	if err != nil {
		return nil, err
	}
	if err := CheckText("reason", c.query("reason")); err != nil {
		return nil, err
	}
	return h.fleet.Import(c.ctx, c.act(write{c.query("reason"), dry}), c.body)
}

// Gates is a list of gates.
type Gates struct {
	Gates []policy.Gate `json:"gates"`
	// Declined is what releases leave open that groups declined; see
	// [fleet.Fleet.Declined].
	Declined []policy.LeftOpen `json:"declined"`
}

func gates(h *Handler, c *call) (any, error) {
	list, err := h.fleet.Gates(c.Segment, c.query("group"))
	if err != nil {
		return nil, err
	}
	declined, err := h.fleet.Declined(c.Segment, c.query("group"))
	return Gates{list, declined}, err
}

func approve(h *Handler, c *call, in ApproveRequest) (any, error) {
	return h.fleet.Approve(c.ctx, c.Segment, c.act(write{in.Reason, in.DryRun}), fleet.ApproveRequest{
		Group: c.r.PathValue("group"), Release: c.r.PathValue("release"), Deadline: in.Deadline, Start: in.Start, Waves: in.Waves, Soak: in.Soak, Rebase: in.Rebase, Fingerprint: in.Fingerprint,
	})
}

// ApproveRequest opens a verified gate.
type ApproveRequest struct {
	Deadline    string   `json:"deadline"`
	Start       string   `json:"start,omitempty"`
	Waves       []string `json:"waves,omitempty"` // as in fleet.ApproveRequest
	Soak        string   `json:"soak,omitempty"`
	Rebase      bool     `json:"rebase,omitempty"`
	Fingerprint string   `json:"fingerprint"`
	Reason      string   `json:"reason"`
	DryRun      bool     `json:"dry_run"`
}

func rollout(h *Handler, c *call) (any, error) {
	after, limit, err := c.page(mostOfPhones)
	if err != nil {
		return nil, err
	}
	q := fleet.RolloutQuery{After: after, Limit: limit}
	return h.fleet.Rollout(c.ctx, c.Segment, c.r.PathValue("group"), c.r.PathValue("release"), q)
}

// Verdicts is a list of test results.
type Verdicts struct {
	Verdicts []Verdict `json:"verdicts"`
}

// Verdict is one test result.
type Verdict struct {
	ID         string    `json:"id,omitempty"` // absent where it was only tried
	BundleID   string    `json:"bundle_id"`
	AppVersion string    `json:"app_version"`
	Release    string    `json:"release"`
	Model      string    `json:"model"`
	Group      string    `json:"group"`
	Device     string    `json:"device,omitempty"`
	Result     string    `json:"result"`
	Method     string    `json:"method"`
	Note       string    `json:"note,omitempty"`
	By         string    `json:"by"`
	At         time.Time `json:"at"`
	Expires    time.Time `json:"expires,omitzero"`
	External   bool      `json:"external,omitempty"`
	Evidence   string    `json:"evidence,omitempty"`
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
	RevokedBy  string    `json:"revoked_by,omitempty"`
	RevokedFor string    `json:"revoked_for,omitempty"`

	EvidenceFiles []fleet.EvidenceFile `json:"evidence_files,omitempty"`
	// Improvement is the letter of the background security improvement that the
	// phone had, "a"; "" for none.
	Improvement string `json:"improvement,omitempty"`

	fleet.HeadStart

	// Effect is what recording or taking back the result does; nil of one that is
	// only looked at.
	Effect     *fleet.VerdictEffect `json:"effect,omitempty"`
	ModelNames map[string]string    `json:"model_names,omitempty"` // marketing names of the models of its model_classes, by hardware identifier
	DryRun     bool                 `json:"dry_run,omitempty"`
}

func (h *Handler) verdictView(c *call, v storage.Verdict) (Verdict, error) {
	early, err := h.fleet.HeadStart(c.Segment, v)
	view := Verdict{
		ID: v.ID, BundleID: v.BundleID, AppVersion: v.AppVersion, Release: v.Release, Model: v.Model, Group: v.Group,
		Device: v.Phone, Result: v.Result, Method: cmp.Or(v.Method, string(policy.MethodFull)), Note: v.Note, By: v.By, At: v.At, Expires: v.Expires, External: v.External,
		Evidence: v.Evidence, RevokedAt: v.RevokedAt, RevokedBy: v.RevokedBy, RevokedFor: v.RevokedFor,
		Improvement: v.PhoneExtra, HeadStart: early,
	}
	for _, file := range v.EvidenceFiles {
		view.EvidenceFiles = append(view.EvidenceFiles, fleet.EvidenceFile(file))
	}
	return view, err
}

func verdicts(h *Handler, c *call) (any, error) {
	inForce, err := c.boolean("in_force")
	if err != nil {
		return nil, err
	}
	list, err := h.fleet.Verdicts(c.Segment, fleet.VerdictQuery{
		Release: c.query("release"), BundleID: c.query("bundle_id"), Group: c.query("group"), Device: c.query("device"),
		Result: c.query("result"), InForce: inForce,
	})
	if err != nil {
		return nil, err
	}
	out := Verdicts{Verdicts: []Verdict{}}
	for _, v := range list {
		view, err := h.verdictView(c, v)
		if err != nil {
			return nil, err
		}
		out.Verdicts = append(out.Verdicts, view)
	}
	return out, nil
}

func verdict(h *Handler, c *call) (any, error) {
	v, err := h.fleet.Verdict(c.Segment, c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return h.verdictView(c, v)
}

// VerdictRequest records a test result.
type VerdictRequest struct {
	fleet.VerdictRequest
	Reason string `json:"reason"`
	DryRun bool   `json:"dry_run"`
}

func recordVerdict(h *Handler, c *call, in VerdictRequest) (any, error) {
	v, err := h.fleet.RecordVerdict(c.ctx, c.Segment, c.act(write{in.Reason, in.DryRun}), in.VerdictRequest)
	if err != nil {
		return nil, err
	}
	return h.judged(c, v)
}

func revokeVerdict(h *Handler, c *call, in write) (any, error) {
	v, err := h.fleet.RevokeVerdict(c.ctx, c.Segment, c.act(in), c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return h.judged(c, v)
}

// judged is a result with what it does.
func (h *Handler) judged(c *call, v fleet.Judged) (Verdict, error) {
	view, err := h.verdictView(c, v.Verdict)
	if err != nil {
		return view, err
	}
	view.Effect, view.DryRun = &v.Effect, v.DryRun
	view.ModelNames, err = h.fleet.ModelNames(c.Segment, v.Effect.Classes)
	return view, err
}

// verb is a decision about a gate that needs nothing but a reason.
func verb(decide func(f *fleet.Fleet, ctx context.Context, seg storage.Segment, a fleet.Act, group, release string) (fleet.Effect, error)) func(*Handler, *call) (any, error) {
	return with(func(h *Handler, c *call, in write) (any, error) {
		return decide(h.fleet, c.ctx, c.Segment, c.act(in), c.r.PathValue("group"), c.r.PathValue("release"))
	})
}

// declineAll declines a release for every group that has a gate for it.
func declineAll(h *Handler, c *call, in write) (any, error) {
	return h.fleet.DeclineAll(c.ctx, c.Segment, c.act(in), c.r.PathValue("release"))
}

// Audit is a part of the audit log.
type Audit struct {
	Entries []AuditEntry `json:"entries"`
}

// AuditEntry is one recorded act.
type AuditEntry struct {
	Seq    uint64            `json:"seq"`
	At     time.Time         `json:"at"`
	Actor  string            `json:"actor"`
	Action string            `json:"action"`
	Target string            `json:"target"`
	Reason string            `json:"reason,omitempty"`
	Detail map[string]string `json:"detail,omitempty"`
	Prev   string            `json:"prev"` // hash of the entry before, "" for the first
	Hash   string            `json:"hash"`
}

func audit(h *Handler, c *call) (any, error) {
	after, limit, err := c.page(mostListed)
	if err != nil {
		return nil, err
	}
	list, err := h.fleet.Audit(c.ctx, c.Segment, after, limit)
	out := Audit{Entries: []AuditEntry{}}
	for _, e := range list {
		out.Entries = append(out.Entries, AuditEntry{e.Seq, e.At, e.Actor, e.Action, e.Target, e.Reason, e.Detail, e.Prev, e.Hash})
	}
	return out, err
}

// always lets an operation through on a disk that is nearly full: it looks, it
// stops something, it takes a right away, or it writes nothing here.
func always(*Handler, *call) bool { return true }

// recordsBroken lets a result through that closes a gate.
func recordsBroken(_ *Handler, c *call) bool {
	var in VerdictRequest
	return c.decode(&in) != nil || in.Result == string(policy.ResultBroken) // a wrong request is told what is wrong with it
}

// revokesGood lets a result be taken back unless that could open a gate.
func revokesGood(h *Handler, c *call) bool {
	v, err := h.fleet.Verdict(c.Segment, c.r.PathValue("id"))
	return err != nil || v.Result != string(policy.ResultBroken)
}
