package enroll_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/storage"
)

func TestRefusalsAreAggregated(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for range 500 {
		d.NoteRefusal("none", "no-certificate")
		d.NoteRefusal("aa", "no-certificate")
		d.NoteRefusal("aa", "expired")
	}
	if n := len(d.audit()); n != 0 {
		t.Fatalf("%d audit entries before the minute is over", n)
	}
	d.now = d.now.Add(time.Minute)
	want := []string{"aa 1000: expired 500, no-certificate 500", "none 500: no-certificate 500"}
	if diff := cmp.Diff(want, d.refusals()); diff != "" {
		t.Errorf("first minute (-want +got):\n%s", diff)
	}
	for _, e := range d.audit() {
		if !e.At.Equal(d.now) || e.Actor != "kannuki" {
			t.Errorf("entry %+v, want it by kannuki at the end of the minute", e)
		}
	}
	d.NoteRefusal("aa", "expired")
	told := d.flush()
	if len(told) != 1 || told[0].Target != "aa" || told[0].Detail["reasons"] != "expired 1" {
		t.Errorf("flush told of %+v, want what it wrote", told)
	}
	if diff := cmp.Diff(append(want, "aa 1: expired 1"), d.refusals()); diff != "" {
		t.Errorf("second minute (-want +got):\n%s", diff)
	}
	before := len(d.audit())
	d.flush()
	if n := len(d.audit()); n != before {
		t.Errorf("a quiet minute wrote %d entries", n-before)
	}
}

// TestLegacyCryptoIsCounted: what the switch lets in is in the audit log.
func TestLegacyCryptoIsCounted(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for range 3 {
		d.NoteLegacyCrypto("aa", "sha1-signature")
	}
	d.NoteRefusal("aa", "expired")
	d.flush()
	got := []string{}
	for _, e := range d.audit() {
		got = append(got, e.Action+" "+e.Target+" "+e.Detail["reasons"])
	}
	want := []string{"security.legacy-crypto aa sha1-signature 3", "security.refused aa expired 1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
}

// TestRefusalsAreBounded: a flood of identities costs neither memory nor log.
func TestRefusalsAreBounded(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	const flood = 20_000
	for i := range flood {
		d.NoteRefusal(fmt.Sprintf("identity %05d", i), "expired")
	}
	d.NoteRefusal("identity 00000", "expired") // one that is counted on its own
	got := d.refusals()
	if len(got) != 1001 {
		t.Fatalf("%d entries for %d identities, want 1,000 and one for the others", len(got), flood)
	}
	want := fmt.Sprintf("others %d: overflow %[1]d", flood-1000)
	if !slices.Contains(got, want) {
		t.Errorf("no entry %q", want)
	}
	if !slices.Contains(got, "identity 00000 2: expired 2") {
		t.Error("a known identity was counted with the others")
	}
}

// faulty is a store whose audit log cannot be written.
type faulty struct {
	enroll.Store
	err error
}

func (f *faulty) RecordAudit(ctx context.Context, seg storage.Segment, entries []storage.AuditEntry) error {
	if f.err != nil {
		return f.err
	}
	return f.Store.RecordAudit(ctx, seg, entries)
}

func TestRefusalsSurviveAFault(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	store := &faulty{Store: d.store, err: errors.New("disk is full")}
	d.Service = enroll.NewService(store, nil, nil, enroll.Config{}, func() string { return topic }, func() time.Time { return d.now })
	d.NoteRefusal("aa", "expired")
	if _, err := d.FlushRefusals(t.Context()); !errors.Is(err, store.err) {
		t.Fatalf("flush = %v, want the store's error", err)
	}
	d.NoteRefusal("aa", "expired")
	store.err = nil
	if diff := cmp.Diff([]string{"aa 2: expired 2"}, d.refusals()); diff != "" {
		t.Errorf("refusals after the fault (-want +got):\n%s", diff)
	}
}
