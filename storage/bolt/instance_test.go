package bolt_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/storage"
)

func TestSetTopic(t *testing.T) {
	t.Parallel()
	s := open(t, create(t))
	const topic = "com.apple.mgmt.External.1"
	for _, tc := range []struct {
		topic string
		want  error
	}{{topic, nil}, {topic, nil}, {"com.apple.mgmt.External.2", storage.ErrConflict}} {
		if err := s.SetTopic(t.Context(), tc.topic, entry("push.topic")); !errors.Is(err, tc.want) {
			t.Errorf("SetTopic(%q): got error %v, want %v", tc.topic, err, tc.want)
		}
	}
	if err := s.SetTopic(t.Context(), "", entry("push.topic")); err == nil {
		t.Error("the empty topic: no error")
	}
	inst, err := s.Instance(t.Context())
	if err != nil || inst.Topic != topic || inst.ID != "test" {
		t.Errorf("got %+v, %v", inst, err)
	}
	if got := len(audit(t, s, storage.DefaultSegment)); got != 1 {
		t.Errorf("got %d audit entries, want 1", got)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	s := open(t, create(t))
	ctx := t.Context()
	at := time.Unix(1_800_000_000, 0).UTC()
	token := func(seg storage.Segment, name, hash string) storage.Token {
		return storage.Token{
			Segment: seg, Name: name, Hash: hash, CreatedBy: "uid:1000", CreatedAt: at, ExpiresAt: at.Add(time.Hour),
			Person: storage.Person{Name: "sato", Makers: []string{"tanaka", "root"}},
		}
	}
	for _, tc := range []struct {
		token storage.Token
		want  error
	}{
		{token("a", "ci", "1"), nil},
		{token("a", "ci", "2"), storage.ErrExists},
		{token("b", "ci", "1"), storage.ErrExists},
		{token("b", "ci", "2"), nil},
		{token("a", "admin", "3"), nil},
	} {
		if err := s.CreateToken(ctx, tc.token, entry("token.created")); !errors.Is(err, tc.want) {
			t.Errorf("%+v: got error %v, want %v", tc.token, err, tc.want)
		}
	}
	for _, bad := range []storage.Token{token("", "x", "9"), token("a", "", "9"), token("a", "x", "")} {
		if err := s.CreateToken(ctx, bad, entry("token.created")); err == nil {
			t.Errorf("%+v: no error", bad)
		}
	}

	revoked := storage.AuditEntry{At: at.Add(time.Minute), Actor: "uid:1001", Action: "token.revoked"}
	for range 2 { // the second changes nothing
		if err := s.RevokeToken(ctx, "a", "ci", revoked); err != nil {
			t.Fatal(err)
		}
		revoked.At, revoked.Actor = revoked.At.Add(time.Minute), "uid:1002"
	}
	if err := s.RevokeToken(ctx, "b", "admin", entry("token.revoked")); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("another segment's token: got error %v, want ErrNotFound", err)
	}

	want := []storage.Token{token("a", "admin", "3"), token("a", "ci", "1")}
	want[1].RevokedAt, want[1].RevokedBy = at.Add(time.Minute), "uid:1001"
	got, err := s.Tokens(ctx, "a")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Tokens: %v (-want +got):\n%s", err, diff)
	}
	for hash, want := range map[string]storage.Token{"1": want[1], "2": token("b", "ci", "2")} {
		got, err := s.TokenByHash(ctx, hash)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("TokenByHash(%q): %v (-want +got):\n%s", hash, err, diff)
		}
	}
	if _, err := s.TokenByHash(ctx, "9"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("unknown hash: got error %v, want ErrNotFound", err)
	}
	var actions []string
	for _, e := range audit(t, s, "a") {
		actions = append(actions, e.Action)
	}
	if diff := cmp.Diff([]string{"token.created", "token.created", "token.revoked"}, actions); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

func TestPhonesBySerial(t *testing.T) {
	t.Parallel()
	s := open(t, create(t))
	phones := fillStore(t, s, 2)
	got, err := s.PhonesBySerial(t.Context(), storage.DefaultSegment, phones[1].Serial)
	if diff := cmp.Diff(phones[1:], got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, seg := range []storage.Segment{storage.DefaultSegment, "other"} {
		got, err := s.PhonesBySerial(t.Context(), seg, "unknown")
		if err != nil || len(got) != 0 {
			t.Errorf("unknown serial in %q: got %v, %v", seg, got, err)
		}
	}
}
