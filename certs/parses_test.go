package certs_test

import (
	"context"
	"crypto/x509"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kannuki-mdm/kannuki/certs"
)

func TestParses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := certs.NewParses(0)
		var leaves []func()
		for range certs.MaxParses {
			leave, err := p.Enter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			leaves = append(leaves, leave)
		}

		start := time.Now()
		if _, err := p.Enter(t.Context()); !errors.Is(err, certs.ErrBusy) {
			t.Errorf("one too many: %v, want busy", err)
		}
		if waited := time.Since(start); waited != 5*time.Second {
			t.Errorf("waited %v, want 5 s", waited)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if _, err := p.Enter(ctx); !errors.Is(err, certs.ErrBusy) || time.Since(start) != time.Second {
			t.Errorf("one whose peer leaves after a second: %v after %v, want busy then", err, time.Since(start))
		}

		var wg sync.WaitGroup
		wg.Go(func() {
			leave, err := p.Enter(t.Context())
			if err != nil {
				t.Errorf("one whose turn came in time: %v", err)
				return
			}
			leave()
		})
		time.Sleep(time.Second) // of the test's own clock
		leaves[0]()
		wg.Wait()
	})
}

// TestSignatureWaits: a header is parsed within the limit it shares.
func TestSignatureWaits(t *testing.T) {
	t.Parallel()
	k, _, p := signatureFixture(t)
	shared := certs.NewParses(1)
	v := certs.NewVerifier([]*x509.Certificate{k.DeviceCA()}, certs.VerifierOptions{Now: now, Parses: shared})
	header := message{signers: []phone{p}}.header(t, []byte("body"))
	leave, err := shared.Enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.ParseSignature(gone, header); !errors.Is(err, certs.ErrBusy) {
		t.Errorf("while another is parsed: %v, want busy", err)
	}
	leave()
	if _, err := v.ParseSignature(t.Context(), header); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
