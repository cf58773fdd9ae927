package fleet

import (
	"testing"
	"time"
	"unsafe"

	"github.com/kannuki-mdm/kannuki/storage"
)

// TestInstant: the census keeps times as storage does, and the zero time as such.
func TestInstant(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]time.Time{
		"zero":        {},
		"microsecond": time.Date(2026, 8, 25, 9, 0, 0, 1000, time.UTC),
		"before 1970": time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		if got := instantOf(at).time(); got != at {
			t.Errorf("%s: got %s, want %s", name, got, at)
		}
	}
}

// TestMemberIsSmall holds down what the census keeps of each phone beside its look:
// a hundred thousand phones are twenty megabytes, and the collector lets them
// grow to twice that.
func TestMemberIsSmall(t *testing.T) {
	t.Parallel()
	const most = 192
	if got := unsafe.Sizeof(member{}); got > most {
		t.Errorf("a phone takes %d bytes, want at most %d: put what few phones have behind a pointer", got, most)
	}
	c := newCensus()
	c.add(&storage.Phone{UDID: "A", Group: "sales"}, c.moment())
	if m := c.members[0]; m.ways != nil || m.reminded != nil {
		t.Error("a phone has room for what it does not have")
	}
	c.add(&storage.Phone{UDID: "A", Group: "sales", Drafted: storage.Draft{From: "sales"}, Left: storage.Departure{From: "depot"}}, c.moment())
	if m := c.members[0]; m.drafted().From != "sales" || m.left().From != "depot" {
		t.Errorf("drafted %+v, left %+v", m.drafted(), m.left())
	}
}
