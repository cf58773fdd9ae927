package certs_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kannuki-mdm/kannuki/certs"
)

func TestSeal(t *testing.T) {
	t.Parallel()
	key, other := bytes.Repeat([]byte{1}, certs.SealingKeySize), bytes.Repeat([]byte{2}, certs.SealingKeySize)
	secret, where := []byte("unlock token"), []byte("default/phone/7")
	sealed, err := certs.Seal(key, secret, where)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, secret) {
		t.Fatal("the secret is readable")
	}
	again, err := certs.Seal(key, secret, where)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(sealed, again) {
		t.Error("sealing twice gave the same bytes")
	}
	flipped := bytes.Clone(sealed)
	flipped[len(flipped)-1] ^= 1
	version := bytes.Clone(sealed)
	version[0]++
	for _, test := range []struct {
		name               string
		key, sealed, where []byte
		want               error
	}{
		{"right", key, sealed, where, nil},
		{"other key", other, sealed, where, certs.ErrSealKey},
		{"moved", key, sealed, []byte("default/phone/8"), certs.ErrSealBroken},
		{"changed", key, flipped, where, certs.ErrSealBroken},
		{"other version", key, version, where, certs.ErrSealBroken},
		{"cut off", key, sealed[:48], where, certs.ErrSealBroken},
		{"empty", key, nil, where, certs.ErrSealBroken},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := certs.Open(test.key, test.sealed, test.where)
			if !errors.Is(err, test.want) {
				t.Fatalf("got error %v, want %v", err, test.want)
			}
			if test.want == nil && !bytes.Equal(got, secret) {
				t.Errorf("got %q, want %q", got, secret)
			}
		})
	}
	if _, err := certs.Seal(key[:16], secret, where); err == nil {
		t.Error("a key of 16 bytes was taken")
	}
}

func TestSealEmptySecret(t *testing.T) {
	t.Parallel()
	key := make([]byte, certs.SealingKeySize)
	sealed, err := certs.Seal(key, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := certs.Open(key, sealed, nil); err != nil || len(got) != 0 {
		t.Errorf("got %q, %v", got, err)
	}
}
