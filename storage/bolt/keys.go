package bolt

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kannuki-mdm/kannuki/storage"
)

// bucket names a top-level bucket. Keys start with the segment except where
// the comment says global.
type bucket string

const (
	bucketMeta       bucket = "meta"        // global: name -> schema, instance, catalogue, next phone number
	bucketSegments   bucket = "segments"    // segment -> segmentState
	bucketTokens     bucket = "tokens"      // name -> Token
	bucketTokenHash  bucket = "token-hash"  // global: hash -> key of the token
	bucketGrants     bucket = "grants"      // ID -> Grant
	bucketLink       bucket = "grant-link"  // global: hash of the link's secret -> key of the grant
	bucketChallenge  bucket = "grant-scep"  // global: hash of the challenge -> key of the grant
	bucketCerts      bucket = "certs"       // fingerprint -> Certificate
	bucketCertIndex  bucket = "cert-index"  // global: fingerprint -> its segment, as a key starts
	bucketPhones     bucket = "phones"      // number -> Phone
	bucketUDID       bucket = "phone-udid"  // UDID -> handle
	bucketSerial     bucket = "phone-sn"    // serial, number -> nothing
	bucketGroup      bucket = "phone-group" // group, number -> nothing
	bucketSets       bucket = "sets"        // declarations token -> DeclarationSet
	bucketSetUse     bucket = "set-use"     // declarations token, number -> nothing
	bucketBodies     bucket = "decls"       // server token -> JSON of the declaration
	bucketQueue      bucket = "queue"       // number, sequence -> queueRow
	bucketQueueUUID  bucket = "queue-uuid"  // number, UUID -> sequence
	bucketCommand    bucket = "commands"    // SHA-256 -> property list
	bucketCommandUse bucket = "command-use" // SHA-256 -> how many queue rows refer to it
	bucketApps       bucket = "apps"        // bundle identifier -> App
	bucketGroups     bucket = "groups"      // name -> Group
	bucketCalendars  bucket = "calendars"   // name -> NamedCalendar
	bucketPolicies   bucket = "policies"    // name -> Policy
	bucketVerdicts   bucket = "verdicts"    // ID -> Verdict
	bucketOffers     bucket = "offers"      // group, release -> Offer
	bucketApprovals  bucket = "approvals"   // ID -> Approval
	bucketDeclines   bucket = "declines"    // group, release -> Decline
	bucketHoldMarks  bucket = "hold-marks"  // group, release -> HoldMark
	bucketProposals  bucket = "proposals"   // ID -> Proposal
	bucketProblems   bucket = "problems"    // ID -> Problem
	bucketNotices    bucket = "notices"     // sequence -> Notice
	bucketNoticeID   bucket = "notice-id"   // ID -> sequence
	bucketNoticeDue  bucket = "notice-due"  // channel, microseconds of Next, sequence -> nothing
	bucketHolder     bucket = "notice-who"  // UDID, sequence of a notice that names its holder -> nothing
	bucketHolderLook bucket = "notice-look" // UDID whose notices may name somebody who no longer is its holder -> nothing
	bucketAudit      bucket = "audit"       // sequence -> AuditEntry
)

func allBuckets() []bucket {
	return []bucket{
		bucketMeta, bucketSegments, bucketTokens, bucketTokenHash,
		bucketGrants, bucketLink, bucketChallenge, bucketCerts, bucketCertIndex,
		bucketPhones, bucketUDID, bucketSerial, bucketGroup, bucketSets, bucketSetUse, bucketBodies,
		bucketQueue, bucketQueueUUID, bucketCommand, bucketCommandUse,
		bucketApps, bucketGroups, bucketCalendars, bucketPolicies, bucketVerdicts, bucketOffers, bucketApprovals, bucketDeclines, bucketHoldMarks, bucketProposals,
		bucketProblems, bucketNotices, bucketNoticeID, bucketNoticeDue, bucketHolder, bucketHolderLook, bucketAudit,
	}
}

// fillPercent says how full bbolt leaves a page that it splits; 0 means half.
// Audit entries are only ever appended, and phones nearly so, but grow a
// little later: four of them fill a page, whose rest is enough for a dozen more
// releases that each ran.
func (b bucket) fillPercent() float64 {
	switch b {
	case bucketAudit:
		return 0.95
	case bucketPhones:
		return 0.9
	default:
		return 0
	}
}

// key is a key under construction. Its methods return a longer key and leave
// the receiver as it is, so a prefix can be used for many keys.
//
// A segment is preceded by its length. Any other text is ended by a zero byte
// unless it is the last part, so that keys sort as the texts do.
type key []byte

func inSegment(seg storage.Segment) key {
	k := make(key, 0, 64)
	k = append(k, byte(len(seg))) //nolint:gosec // checkSegment allows at most 64 bytes
	return append(k, seg...)
}

// segmentOf returns the segment that a key of a record begins with.
func segmentOf(k key) storage.Segment { return storage.Segment(k[1 : 1+k[0]]) }

func (k key) number(n uint64) key {
	return binary.BigEndian.AppendUint64(slices.Clip(k), n)
}

func (k key) text(s string) key {
	return append(append(slices.Clip(k), s...), 0)
}

func (k key) last(s string) key {
	return append(slices.Clip(k), s...)
}

// trailingNumber returns the number that a key ends with.
func trailingNumber(k []byte) uint64 {
	if len(k) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(k[len(k)-8:])
}

const (
	maxSegment = 64
	maxName    = 512 // bytes of any other text in a key
)

func checkSegment(seg storage.Segment) error {
	if len(seg) > maxSegment {
		return fmt.Errorf("segment name of %d bytes: at most %d are possible", len(seg), maxSegment)
	}
	return checkName("segment", string(seg))
}

// checkName refuses what cannot be part of a key.
func checkName(what, s string) error {
	if s == "" {
		return fmt.Errorf("%s is empty", what)
	}
	return checkOptional(what, s)
}

// checkOptional is checkName for text that may be empty.
func checkOptional(what, s string) error {
	switch {
	case len(s) > maxName:
		return fmt.Errorf("%s of %d bytes: at most %d are possible", what, len(s), maxName)
	case strings.ContainsRune(s, 0):
		return fmt.Errorf("%s %q contains a zero byte", what, s)
	case !utf8.ValidString(s):
		return fmt.Errorf("%s %q is not UTF-8", what, s)
	}
	return nil
}
