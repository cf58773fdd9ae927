package demo

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// lookEvery is how often a condition of the story is looked at. The story
// never waits for a fixed time: on a slow machine it takes longer.
const lookEvery = 100 * time.Millisecond

// condition reports whether something has come true, and how far it is.
type condition func(ctx context.Context) (done bool, progress string, err error)

// until waits for a condition.
func (d *demo) until(ctx context.Context, what string, c condition) error {
	defer d.rest()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		done, progress, err := c(ctx)
		if err == nil && done {
			return d.failed()
		}
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("chapter %s: %s: %w", d.current(), what, err)
		}
		d.progress(strings.TrimSpace(what + "  " + progress))
		select {
		case <-ctx.Done():
			return d.stopped(ctx, what)
		case <-ticker.C:
		}
	}
}

// stopped says where the story was when it was ended from outside.
func (d *demo) stopped(ctx context.Context, what string) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.Canceled) {
		return cause // Ctrl-C needs no explanation
	}
	return fmt.Errorf("chapter %s: %s: %w\n%s", d.current(), what, cause, d.whereaboutsOfPhones())
}

// whereaboutsOfPhones is what a person needs to find out why a story hung.
func (d *demo) whereaboutsOfPhones() string {
	counts := map[string]int{}
	for _, m := range d.company.members {
		s := m.phone.Snapshot()
		state := fmt.Sprintf("%s, iOS %s, %s", m.now(), s.OSVersion, s.InstallState)
		if m.role != ordinary {
			state += ", role " + string(m.role)
		}
		for word, is := range map[string]bool{"not enrolled": !s.Enrolled, "offline": s.Offline, "locked": s.Locked} {
			if is {
				state += ", " + word
			}
		}
		counts[state]++
	}
	var b strings.Builder
	fmt.Fprintf(&b, "policy time %s; the phones:\n", d.date())
	for _, state := range sortedKeys(counts) {
		fmt.Fprintf(&b, "  %4d  %s\n", counts[state], state)
	}
	return b.String()
}

// untilTime waits for policy time to reach a moment.
func (d *demo) untilTime(ctx context.Context, what string, at time.Time) error {
	return d.until(ctx, what, func(context.Context) (bool, string, error) { return !d.clock.Now().Before(at), "", nil })
}

// post changes something the way the command line does.
func (d *demo) post(ctx context.Context, path string, body, out any) error {
	if out == nil {
		out = &struct{}{}
	}
	if err := d.admin.Post(ctx, path, body, out); err != nil {
		return fmt.Errorf("chapter %s: %s: %w", d.current(), path, err)
	}
	return d.failed()
}

func (d *demo) get(ctx context.Context, path string, query url.Values, out any) error {
	if err := d.admin.Get(ctx, path, query, out); err != nil {
		return fmt.Errorf("chapter %s: %s: %w", d.current(), path, err)
	}
	return nil
}

// views returns what the server says of all phones, by UDID.
func (d *demo) views(ctx context.Context) (map[string]fleet.DeviceView, error) {
	out := map[string]fleet.DeviceView{}
	for after := uint64(0); ; {
		var page fleet.DevicePage
		query := url.Values{"after": {strconv.FormatUint(after, 10)}}
		if err := d.get(ctx, api.Path("devices"), query, &page); err != nil {
			return nil, err
		}
		for _, v := range page.Devices {
			out[v.UDID] = v
		}
		if page.Next == 0 {
			return out, nil
		}
		after = page.Next
	}
}

// allOf waits until the server's view of every phone given is as wanted.
func (d *demo) allOf(ctx context.Context, what string, phones []*member, want func(*member, fleet.DeviceView) bool) error {
	return d.until(ctx, what, func(ctx context.Context) (bool, string, error) {
		views, err := d.views(ctx)
		if err != nil {
			return false, "", err
		}
		n := 0
		for _, m := range phones {
			if want(m, views[m.phone.UDID()]) {
				n++
			}
		}
		return n == len(phones), d.text.T("%d of %d", n, len(phones)), nil
	})
}

// refused carries out what the server must refuse and tells it.
func (d *demo) refused(ctx context.Context, path string, body any) error {
	err := d.post(ctx, path, body, nil)
	e, ok := errors.AsType[*api.Error](err)
	if err == nil {
		return fmt.Errorf("chapter %s: %s was carried out and should have been refused", d.current(), path)
	}
	if !ok || e.Code != api.CodeRefused {
		return err
	}
	names := make([]string, len(e.Missing))
	for i, m := range e.Missing {
		names[i] = m.Name
	}
	d.say(d.text.T("Refused (exit code 3): the gate is closed. Missing: %s.", strings.Join(names, ", ")))
	return nil
}

// audit returns the whole audit log, in order.
func (d *demo) audit(ctx context.Context) ([]api.AuditEntry, error) {
	var all []api.AuditEntry
	for {
		after := uint64(0)
		if n := len(all); n > 0 {
			after = all[n-1].Seq
		}
		var page api.Audit
		query := url.Values{"after": {strconv.FormatUint(after, 10)}, "limit": {"1000"}}
		if err := d.get(ctx, api.Path("audit"), query, &page); err != nil {
			return nil, err
		}
		if len(page.Entries) == 0 {
			return all, nil
		}
		all = append(all, page.Entries...)
	}
}

// readRecords takes from the audit log what the check needs.
func readRecords(log []api.AuditEntry) records {
	r := records{announced: map[string][]announcement{}}
	for _, e := range log {
		group, release, _ := strings.Cut(e.Target, "/")
		switch e.Action {
		case "gate.offer":
			r.offers = append(r.offers, decision{group: group, release: release, at: e.At})
		case "gate.approve":
			r.approvals = append(r.approvals, decision{group: group, release: release, at: e.At, verified: e.Detail["phase_before"] == "verified"})
		case "gate.urgent":
			people := [2]string{e.Detail["proposer"], e.Detail["signer"]}
			r.approvals = append(r.approvals, decision{group: group, release: release, at: e.At, verified: people[0] != "" && people[1] != "" && people[0] != people[1]})
		case "gate.override":
			r.overrides = append(r.overrides, readException(decision{group: group, release: release, at: e.At}, e.Detail))
		case "gate.withdraw", "gate.decline":
			for i, x := range r.overrides {
				if x.group == group && x.release == release && e.At.Before(x.until) {
					r.overrides[i].until = e.At
				}
			}
		case "enforcement.announced":
			r.announced[e.Target] = append(r.announced[e.Target], announcement{release: e.Detail["release"], at: e.At})
		}
	}
	return r
}

// readException takes an override from its audit entry; one whose end cannot be
// read never stands.
func readException(d decision, detail map[string]string) exception {
	until, err := time.Parse(time.RFC3339, detail["until"])
	if err != nil {
		until = time.Time{}
	}
	return exception{decision: d, until: until, people: [2]string{detail["proposer"], detail["signer"]}}
}

// appVersion returns the version of an app the server knows a phone to have.
func appVersion(v fleet.DeviceView, bundleID string) string {
	i := slices.IndexFunc(v.Apps, func(a fleet.AppView) bool { return a.BundleID == bundleID })
	if i < 0 {
		return ""
	}
	return v.Apps[i].Version
}
