package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/certs"
)

// TestSign: the server's own verifier accepts what a load phone signs, and
// nothing else.
func TestSign(t *testing.T) {
	t.Parallel()
	dir, now := filepath.Join(t.TempDir(), "keys"), time.Now()
	if err := certs.CreateKeyring(dir, certs.KeyringOptions{Host: "localhost", Now: now}); err != nil {
		t.Fatal(err)
	}
	keys, err := certs.OpenKeyring(dir)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPhone("UDID", keys, now)
	if err != nil {
		t.Fatal(err)
	}
	verifier := certs.NewVerifier([]*x509.Certificate{keys.DeviceCA()}, certs.VerifierOptions{Now: time.Now})
	for _, body := range [][]byte{nil, []byte("a body"), bytes.Repeat([]byte("long"), 10_000)} {
		header, err := p.sign(body, now)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := verifier.ParseSignature(t.Context(), header)
		if err != nil {
			t.Fatalf("body of %d bytes: %v", len(body), err)
		}
		if err := signature.Verify(body); err != nil {
			t.Errorf("body of %d bytes: %v", len(body), err)
		}
		if err := signature.Verify(append(body, 'x')); err == nil {
			t.Errorf("body of %d bytes: another body was accepted", len(body))
		}
		if got := certs.Fingerprint(signature.Certificate()); got != certs.Fingerprint(p.cert) {
			t.Errorf("signed by %s", got)
		}
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	all := make([]time.Duration, 100)
	for i := range all {
		all[i] = time.Duration(100 - i)
	}
	for share, want := range map[float64]time.Duration{0: 1, 0.5: 51, 0.95: 96, 0.99: 100, 1: 100} {
		if got := quantile(all, share); got != want {
			t.Errorf("quantile %g = %d, want %d", share, got, want)
		}
	}
	if got := quantile(nil, 0.5); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
}

func TestFigures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		figure  figure
		verdict string
		beyond  bool // more than 5 times worse than its target
	}{
		{"no target", figure{Value: 7}, "", false},
		{"at most", figure{Value: 7, Target: 7}, "reached", false},
		{"too much", figure{Value: 8, Target: 7}, "MISSED", false},
		{"far too much", figure{Value: 36, Target: 7}, "MISSED", true},
		{"at least", figure{Value: 7, Target: 7, AtLeast: true}, "reached", false},
		{"too little", figure{Value: 2, Target: 7, AtLeast: true}, "MISSED", false},
		{"far too little", figure{Value: 1, Target: 7, AtLeast: true}, "MISSED", true},
		{"disturbed", figure{Value: 7, Target: 7, Others: 0.5}, "reached, disturbed (0.5 cores)", false},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.verdict, test.figure.verdict()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		r := report{Figures: []figure{test.figure}}
		if err := r.judge(5); (err != nil) != test.beyond {
			t.Errorf("%s: judged %v", test.name, err)
		}
		if err := r.judge(0); err != nil {
			t.Errorf("%s: judged %v although only to be reported", test.name, err)
		}
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	if _, err := parse([]string{"-rows", "poll,disk", "-scale", "10"}); err != nil {
		t.Error(err)
	}
	for _, args := range [][]string{{"-rows", "pol"}, {"-scale", "0"}, {"-slack", "-1"}, {"poll"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}

// TestLoads: each phone gets one session, and what went wrong is counted.
func TestLoads(t *testing.T) {
	t.Parallel()
	phones := []*phone{{udid: "a"}, {udid: "b"}, {udid: "c"}, {udid: "d"}}
	do := func(_ context.Context, p *phone) ([]time.Duration, error) {
		switch p.udid {
		case "b":
			return []time.Duration{1}, statusError(503)
		case "c":
			return nil, errors.New("broken off")
		default:
			return []time.Duration{1, 2}, nil
		}
	}
	for name, out := range map[string]outcome{
		"closed": closed(t.Context(), phones, 3, do),
		"open":   open(t.Context(), phones, 10_000, do),
	} {
		if len(out.sessions) != 4 || len(out.requests) != 5 || out.failed != 2 || out.faults != 1 {
			t.Errorf("%s: %+v", name, out)
		}
		if err := out.err(); err == nil || !strings.Contains(err.Error(), "2 of 4") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
