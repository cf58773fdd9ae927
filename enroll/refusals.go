package enroll

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Reasons of a refusal; they are identifiers in the audit log.
const (
	refusedChallenge   = "challenge"
	refusedUnknown     = "certificate-unknown"
	refusedRetired     = "certificate-retired"
	refusedOtherPhone  = "certificate-of-another-phone"
	refusedNotEnrolled = "phone-not-enrolled"
	refusedSerial      = "serial-not-expected"
	refusedLivePhone   = "phone-enrolled-already"
	refusedTopic       = "topic"
	refusedKind        = "enrolment-type"
	refusedMessage     = "message-type"
)

// maxRefusalKeys bounds what one minute of refusals may hold in memory;
// further ones are counted together.
const maxRefusalKeys = 1000

type refusalKey struct {
	segment  storage.Segment
	identity string
}

// refusals counts refused identities, by reason, so that a flood becomes one
// audit entry per identity and minute.
type refusals struct {
	mu     sync.Mutex
	counts map[refusalKey]map[string]int
}

func newRefusals() *refusals {
	return &refusals{counts: map[refusalKey]map[string]int{}}
}

func (r *refusals) note(seg storage.Segment, identity, reason string) {
	r.add(refusalKey{seg, identity}, reason, 1)
}

func (r *refusals) add(k refusalKey, reason string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.counts[k]; !known && len(r.counts) >= maxRefusalKeys {
		k, reason = refusalKey{storage.DefaultSegment, "others"}, "overflow"
	}
	if r.counts[k] == nil {
		r.counts[k] = map[string]int{}
	}
	r.counts[k][reason] += n
}

func (r *refusals) take() map[refusalKey]map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := r.counts
	r.counts = map[refusalKey]map[string]int{}
	return counts
}

// NoteRefusal counts a refusal that was made before enrolment was asked, such
// as a request without a certificate. The identity is a fingerprint or "none".
func (s *Service) NoteRefusal(identity, reason string) {
	s.refusals.note(storage.DefaultSegment, identity, reason)
}

// FlushRefusals writes the refusals counted since the last call into the audit
// log, one entry per identity, sorted by it. The entry's detail has the total
// under "count" and each reason with its own count under "reasons", as in
// "expired 3, malformed 1". The server calls it every minute and when it stops.
// What cannot be written is kept for the next call.
func (s *Service) FlushRefusals(ctx context.Context) error {
	counts := s.refusals.take()
	bySegment := map[storage.Segment][]refusalKey{}
	for k := range counts {
		bySegment[k.segment] = append(bySegment[k.segment], k)
	}
	var errs []error
	for seg, keys := range bySegment {
		slices.SortFunc(keys, func(a, b refusalKey) int { return cmp.Compare(a.identity, b.identity) })
		entries := make([]storage.AuditEntry, len(keys))
		for i, k := range keys {
			entries[i] = s.entry("kannuki", "security.refused", k.identity)
			entries[i].Detail = refusalDetail(counts[k])
		}
		if err := s.store.RecordAudit(ctx, seg, entries); err != nil {
			errs = append(errs, err)
			for _, k := range keys {
				for reason, n := range counts[k] {
					s.refusals.add(k, reason, n)
				}
			}
		}
	}
	return wrap("record refusals", errors.Join(errs...))
}

func refusalDetail(counts map[string]int) map[string]string {
	total, reasons := 0, make([]string, 0, len(counts))
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		total += counts[reason]
		reasons = append(reasons, reason+" "+strconv.Itoa(counts[reason]))
	}
	return map[string]string{"count": strconv.Itoa(total), "reasons": strings.Join(reasons, ", ")}
}
