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
	refusedLink        = "link" // used, expired, cut off, or never given out
)

// identityLink stands for whoever opens an enrolment link: nobody knows who.
const identityLink = "link"

// maxRefusalKeys bounds what one minute of refusals may hold in memory;
// further ones are counted together.
const maxRefusalKeys = 1000

type refusalKey struct {
	segment  storage.Segment
	action   string
	identity string
}

// Actions of the entries that are counted before they are written.
const (
	actionRefused = "security.refused"
	actionLegacy  = "security.legacy-crypto"
)

// refusals counts refused identities, by reason, so that a flood becomes one
// audit entry per identity and minute. Weak cryptography that was let through is
// counted in the same way: it too comes from outside, at any rate.
type refusals struct {
	mu     sync.Mutex
	counts map[refusalKey]map[string]int
}

func newRefusals() *refusals {
	return &refusals{counts: map[refusalKey]map[string]int{}}
}

func (r *refusals) note(seg storage.Segment, identity, reason string) {
	r.add(refusalKey{seg, actionRefused, identity}, reason, 1)
}

func (r *refusals) add(k refusalKey, reason string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.counts[k]; !known && len(r.counts) >= maxRefusalKeys {
		k, reason = refusalKey{storage.DefaultSegment, k.action, "others"}, "overflow"
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
// as a request without a certificate. The identity is a fingerprint, "none", or the
// way in: "scep", "admin".
func (s *Service) NoteRefusal(identity, reason string) {
	s.refusals.note(storage.DefaultSegment, identity, reason)
}

// NoteLegacyCrypto counts a message that only the configuration's legacy_crypto
// let in. The identity is a fingerprint, and what says which weakness it was.
func (s *Service) NoteLegacyCrypto(identity, what string) {
	s.refusals.add(refusalKey{storage.DefaultSegment, actionLegacy, identity}, what, 1)
}

// FlushRefusals writes the refusals counted since the last call into the audit
// log, one entry per action and identity, sorted by them. The entry's detail has the total
// under "count" and each reason with its own count under "reasons", as in
// "expired 3, malformed 1". The server calls it every minute and when it stops.
// What cannot be written is kept for the next call. It returns the entries that
// were written.
func (s *Service) FlushRefusals(ctx context.Context) ([]storage.AuditEntry, error) {
	counts := s.refusals.take()
	bySegment := map[storage.Segment][]refusalKey{}
	for k := range counts {
		bySegment[k.segment] = append(bySegment[k.segment], k)
	}
	var errs []error
	var written []storage.AuditEntry
	for seg, keys := range bySegment {
		slices.SortFunc(keys, func(a, b refusalKey) int {
			return cmp.Or(cmp.Compare(a.action, b.action), cmp.Compare(a.identity, b.identity))
		})
		entries := make([]storage.AuditEntry, len(keys))
		for i, k := range keys {
			entries[i] = s.entry("kannuki", k.action, k.identity)
			entries[i].Detail = refusalDetail(counts[k])
		}
		if err := s.store.RecordAudit(ctx, seg, entries); err != nil {
			errs = append(errs, err)
			for _, k := range keys {
				for reason, n := range counts[k] {
					s.refusals.add(k, reason, n)
				}
			}
			continue
		}
		written = append(written, entries...)
	}
	return written, wrap("record refusals", errors.Join(errs...))
}

func refusalDetail(counts map[string]int) map[string]string {
	total, reasons := 0, make([]string, 0, len(counts))
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		total += counts[reason]
		reasons = append(reasons, reason+" "+strconv.Itoa(counts[reason]))
	}
	return map[string]string{"count": strconv.Itoa(total), "reasons": strings.Join(reasons, ", ")}
}
