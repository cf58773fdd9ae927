package fleet

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// DeviceDetail is everything kept of one phone that people may want to see.
// Values a phone never reported are left out.
type DeviceDetail struct {
	DeviceView

	OSSince       time.Time `json:"os_since,omitzero"`           // when the server first saw this release on it
	ImprovedAt    time.Time `json:"supplemental_since,omitzero"` // when the server first saw its background improvement
	BetaProgram   string    `json:"beta_program,omitempty"`      // that it says it takes part in
	TimeZone      string    `json:"time_zone,omitempty"`
	AvailableGB   *float64  `json:"available_gb,omitempty"`
	Battery       *float64  `json:"battery,omitempty"` // 0 to 1
	Passcode      *bool     `json:"passcode,omitempty"`
	RemovedAt     time.Time `json:"removed_at,omitzero"`
	PushDeadSince time.Time `json:"push_dead_since,omitzero"` // it cannot be woken since

	InstallSince    time.Time `json:"install_since,omitzero"`
	InstallReasons  []string  `json:"install_reasons,omitempty"`
	PendingVersion  string    `json:"pending_version,omitempty"`
	PendingDeadline string    `json:"pending_deadline,omitempty"` // its own local time
	Failures        int       `json:"failures,omitempty"`
	FailureReason   string    `json:"failure_reason,omitempty"`
	FailureAt       time.Time `json:"failure_at,omitzero"`

	Failed *FailureView `json:"failed,omitempty"` // its last installation that failed, until it runs that release

	InformationAt time.Time      `json:"information_at,omitzero"` // last answer about itself
	AppsAt        time.Time      `json:"apps_at,omitzero"`        // last answer about its apps
	StatusAt      time.Time      `json:"status_at,omitzero"`      // last report by itself
	Token         string         `json:"token,omitempty"`         // of what it was last told
	ToldAt        time.Time      `json:"told_at,omitzero"`
	Reverted      []RevertedView `json:"reverted,omitempty"` // business apps that went back, or are gone, on what it runs; as they were seen
	LeakAt        time.Time      `json:"leak_at,omitzero"`
	LeakReasons   []string       `json:"leak_reasons,omitempty"`
	Waiting       int            `json:"waiting"` // commands in its queue that are not over

	AccessRights int    `json:"access_rights"`         // bits of the profile it enrolled with (Apple, Device Management, MDM.AccessRights)
	Certificate  string `json:"certificate,omitempty"` // fingerprint of the identity certificate in force

	Renewal *RenewalView `json:"renewal,omitempty"` // of that certificate

	KeptPlace *KeptPlaceView `json:"kept_place,omitempty"`

	Clock string `json:"clock,omitempty"` // [ClockPolicy], or "" for the wall clock
}

// RevertedView is a business app that went back to a lower version, or was taken
// off the phone, on the release that the phone runs.
type RevertedView struct {
	BundleID string    `json:"bundle_id"`
	From     string    `json:"from"` // the version it had
	At       time.Time `json:"at"`   // when the server last saw it go down, or be gone
	Gone     bool      `json:"gone"` // it is not on the phone
}

// Device returns one phone, a removed one too.
func (f *Fleet) Device(ctx context.Context, seg storage.Segment, udid string) (DeviceDetail, error) {
	w, err := f.world(seg)
	if err != nil {
		return DeviceDetail{}, err
	}
	p, err := f.phone(ctx, seg, udid)
	if err != nil {
		return DeviceDetail{}, err
	}
	queue, err := f.Queue(ctx, seg, udid)
	if err != nil {
		return DeviceDetail{}, err
	}
	d := deviceDetail(&p)
	d.DeviceView, d.Clock, d.KeptPlace = f.explainer(w).view(&p), f.clock(), f.keptPlace(&p)
	if d.Leak != "" {
		d.LeakAt, d.LeakReasons = p.Arrival.At, p.Arrival.Reasons
	}
	for _, c := range queue {
		if !storage.CommandState(c.State).Final() {
			d.Waiting++
		}
	}
	return d, nil
}

func deviceDetail(p *storage.Phone) DeviceDetail {
	d := DeviceDetail{
		OSSince: p.OS.Since, ImprovedAt: improvedAt(p), BetaProgram: p.OS.BetaProgram, TimeZone: p.TimeZone,
		AvailableGB: p.AvailableGB, Battery: p.Battery, Passcode: p.Passcode,
		RemovedAt: p.RemovedAt, PushDeadSince: p.Push.DeadSince,
		InstallSince: p.Update.Since, InstallReasons: p.Update.Reasons,
		PendingVersion: p.Update.PendingVersion, PendingDeadline: p.Update.PendingDeadline,
		Failures: p.Update.Failures, FailureReason: p.Update.FailureReason, FailureAt: p.Update.FailureAt,
		InformationAt: p.AnsweredAt(), AppsAt: p.AppsAt, StatusAt: p.StatusAt,
		Token: p.Announced.Token, ToldAt: p.Announced.Timestamp,
		AccessRights: p.Rights, Certificate: p.Certificate, Renewal: renewalView(p),
		Failed: failureView(p), Reverted: revertedViews(p),
	}
	return d
}

// MayRemove refuses to remove a phone that keeps a gate closed, and returns a
// *NotFoundError for an unknown one.
func (f *Fleet) MayRemove(ctx context.Context, seg storage.Segment, udid string) error {
	w, err := f.world(seg)
	if err != nil {
		return err
	}
	p, err := f.phone(ctx, seg, udid)
	if err != nil {
		return err
	}
	return f.mayMove(w, w.current.Load(), relocation{phones: []storage.Phone{p}})
}

// Remove has a phone removed unless [Fleet.MayRemove] refuses, and takes up what
// became of it. No other decision is made from the check to the end of remove.
func (f *Fleet) Remove(ctx context.Context, seg storage.Segment, udid string, remove func(context.Context) (storage.Phone, error)) error {
	w, err := f.world(seg)
	if err != nil {
		return err
	}
	w.changes.Lock()
	defer w.changes.Unlock()
	if err := f.MayRemove(ctx, seg, udid); err != nil {
		return err
	}
	p, err := remove(ctx)
	if err != nil {
		return err
	}
	return f.Noticed(seg, p)
}

// CancelCommand takes a command out of a phone's queue. One that was sent may
// be carried out all the same, and its answer is ignored; the view says how
// often it was sent. One that is over is refused, and so is one of an update:
// the rollout asks for it, and would queue it again.
func (f *Fleet) CancelCommand(ctx context.Context, seg storage.Segment, a Act, udid, id string) (QueueView, error) {
	p, err := f.phone(ctx, seg, udid)
	if err != nil {
		return QueueView{}, err
	}
	rows, err := f.store.Queue(ctx, seg, udid)
	if err != nil {
		return QueueView{}, wrap("read queue", err)
	}
	for _, c := range rows {
		if c.UUID != id {
			continue
		}
		if c.State.Final() || c.Epoch != p.Epoch {
			return QueueView{}, refused("command-over", "command %s is over already: %s", id, c.State).with("command", id, "state", string(c.State))
		}
		if strings.HasPrefix(c.Key, updateKeys) || strings.HasPrefix(c.Key, appKeys) {
			return QueueView{}, refused("command-of-update", "command %s belongs to an update and would be queued again; "+
				"pause the rollout or withdraw the release, or take phone %s out of its group to stop it alone", id, udid).with("command", id, "phone", udid)
		}
		if a.DryRun {
			return queueView(c), nil
		}
		entry := f.entry(a, "command.cancel", udid, map[string]string{"command": id, "request_type": c.RequestType, "deliveries": sprintf("%d", c.Deliveries)})
		c, err := f.store.CancelCommand(ctx, seg, udid, id, "cancelled by "+a.Actor, f.now(), entry)
		if errors.Is(err, storage.ErrConflict) {
			return QueueView{}, refused("command-over", "command %s came to its end in this moment", id).with("command", id)
		}
		return queueView(c), wrap("cancel command", err)
	}
	return QueueView{}, &NotFoundError{What: "command", Name: id}
}
