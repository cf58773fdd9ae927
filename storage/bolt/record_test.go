package bolt

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/storage"
)

func TestSealShowsEveryBitFlip(t *testing.T) {
	t.Parallel()
	k := inSegment(storage.DefaultSegment).number(7)
	for _, content := range []string{"", "x", `{"udid":"00008110-000A1C2E3F4A801E"}`} {
		value := seal(k, []byte(content))
		if got, err := unseal(k, value); err != nil || string(got) != content {
			t.Fatalf("unseal: got %q, %v", got, err)
		}
		for name, b := range map[string][]byte{"key": k, "value": value} {
			for bit := range len(b) * 8 {
				b[bit/8] ^= 1 << (bit % 8)
				if _, err := unseal(k, value); !errors.Is(err, errSeal) {
					t.Errorf("content %q, bit %d of the %s flipped: got error %v", content, bit, name, err)
				}
				b[bit/8] ^= 1 << (bit % 8)
			}
		}
		for n := range value {
			if _, err := unseal(k, value[:n]); !errors.Is(err, errSeal) {
				t.Errorf("cut to %d bytes: got error %v", n, err)
			}
		}
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 9, 0, 0, 1999, time.FixedZone("JST", 9*60*60))
	in := storage.Phone{Arrival: &storage.Arrival{At: at}, OS: storage.OS{Since: at}}
	content, err := encode(in)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"os":{"since":"2026-11-22T00:00:00.000001Z"},"arrival":{"at":"2026-11-22T00:00:00.000001Z"}}`
	if diff := cmp.Diff(want, string(content)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if in.Arrival.At != at || in.OS.Since != at {
		t.Error("the caller's record was changed")
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	for name, encode := range map[string]func() error{
		"text":        func() error { _, err := encode(storage.Phone{Group: "\xff"}); return err },
		"named text":  func() error { _, err := encode(storage.Phone{Ring: "\xff"}); return err },
		"in a slice":  func() error { _, err := encode(storage.UpdateState{Reasons: []string{"\xff"}}); return err },
		"map key":     func() error { _, err := encode(storage.AuditEntry{Detail: map[string]string{"\xff": ""}}); return err },
		"map value":   func() error { _, err := encode(storage.AuditEntry{Detail: map[string]string{"a": "\xff"}}); return err },
		"not numeric": func() error { _, err := encode(storage.Phone{Battery: &nan}); return err },
	} {
		if err := encode(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestDictionaryStays fails when the dictionary is edited, which would make
// every record in the field unreadable.
func TestDictionaryStays(t *testing.T) {
	t.Parallel()
	const want = "f356d1b7f57909b0f724a998ea9f7fbf4f1b63d4e5826a8a8905fb6656f4ed96"
	if got := fmt.Sprintf("%x", sha256.Sum256(dictionary)); got != want {
		t.Errorf("got SHA-256 %s, want %s", got, want)
	}
}

func TestUnpackRefuses(t *testing.T) {
	t.Parallel()
	p := &packer{}
	content, err := pack(p, bucketPhones, storage.Phone{UDID: "u"})
	if err != nil || content[0] != packedFormat {
		t.Fatalf("pack: got %x, %v", content, err)
	}
	for name, bad := range map[string][]byte{
		"nothing":           {},
		"an unknown format": append([]byte{2}, content[1:]...),
		"half a record":     content[:len(content)/2],
		"no JSON":           []byte("{"),
	} {
		if got, err := unpack[storage.Phone](p, bad); err == nil {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	got, err := unpack[storage.Phone](p, content) // the buffers survive a failure
	if err != nil || got.UDID != "u" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestKeysSortAsTheirParts(t *testing.T) {
	t.Parallel()
	in := inSegment("default")
	sorted := []key{
		in.text("a").last("1"),
		in.text("a").last("10"),
		in.text("a").number(1),
		in.text("a b").last("0"),
		in.text("ab").last(""),
		inSegment("default2"),
	}
	sorted[2] = in.text("a").last("2")
	for i := range sorted[1:] {
		if bytes.Compare(sorted[i], sorted[i+1]) >= 0 {
			t.Errorf("%q is not before %q", sorted[i], sorted[i+1])
		}
	}
	prefix := in.text("a")
	first, second := prefix.number(1), prefix.number(2)
	if trailingNumber(first) != 1 || trailingNumber(second) != 2 {
		t.Error("two keys of one prefix share memory")
	}
}

// FuzzRecordDecode hands arbitrary values to what reads records: a damaged
// database must lead to an error, never to a panic or to a record that cannot
// be written again.
func FuzzRecordDecode(f *testing.F) {
	k := key("key")
	for _, content := range []string{"", "{}", "null", `{"udid":"u","apps":[{}],"os":{"since":"2026-11-22T00:00:00Z"}}`, `{"detail":{"a":"b"}}`} {
		f.Add(seal(k, []byte(content)))
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if content, err := unseal(k, value); err == nil {
			if got := seal(k, content); !bytes.Equal(got, value) {
				t.Errorf("sealed again: got %x, want %x", got, value)
			}
		}
		reencode[storage.Phone](t, value)
		reencode[storage.AuditEntry](t, value)
		reencode[storage.Approval](t, value)
		reencode[queueRow](t, value)
	})
}

// reencode checks that what can be decoded survives being written and read.
func reencode[T any](t *testing.T, content []byte) {
	t.Helper()
	p := &packer{}
	v, err := unpack[T](p, content)
	if err != nil {
		return
	}
	first, err := pack(p, bucketPhones, v)
	if err != nil {
		return // a year beyond 9999 can be read and not written
	}
	v, err = unpack[T](p, first)
	if err != nil {
		t.Fatalf("%x: %v", first, err)
	}
	second, err := pack(p, bucketPhones, v)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("got %x, %v, want %x", second, err, first)
	}
}
