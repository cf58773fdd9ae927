package storage

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
)

// Digest returns the value Hash must have: the lower-case hexadecimal SHA-256
// of every other field. Each text is preceded by its length, so that no two
// entries share an encoding, and At counts in microseconds, the precision
// stores keep. It depends on nothing but the entry: an auditor can compute it
// from an export with a few lines in any language.
func (e AuditEntry) Digest() string {
	b := []byte("kannuki audit 1\n")
	text := func(s string) {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.BigEndian.AppendUint64(b, e.Seq)
	b = binary.BigEndian.AppendUint64(b, uint64(e.At.UnixMicro()))
	text(e.Actor)
	text(e.Action)
	text(e.Target)
	text(e.Reason)
	b = binary.BigEndian.AppendUint64(b, uint64(len(e.Detail)))
	for _, k := range slices.Sorted(maps.Keys(e.Detail)) {
		text(k)
		text(e.Detail[k])
	}
	text(e.Prev)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// VerifyAudit checks that entries continue the chain after the entry before
// them (the zero AuditEntry for the start of a segment): sequence numbers
// without a gap, each naming the hash of its predecessor, each hash fitting
// its content. The error wraps [ErrCorrupt] and names the first entry that
// does not fit.
func VerifyAudit(before AuditEntry, entries []AuditEntry) error {
	for _, e := range entries {
		switch {
		case e.Seq != before.Seq+1:
			return fmt.Errorf("audit entry %d follows %d: %w", e.Seq, before.Seq, ErrCorrupt)
		case e.Prev != before.Hash:
			return fmt.Errorf("audit entry %d does not continue the chain: %w", e.Seq, ErrCorrupt)
		case e.Hash != e.Digest():
			return fmt.Errorf("audit entry %d was altered: %w", e.Seq, ErrCorrupt)
		}
		before = e
	}
	return nil
}
