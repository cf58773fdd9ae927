package certs

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// SealingKeySize is the length in bytes of a key for Seal and Open.
const SealingKeySize = chacha20poly1305.KeySize

// A sealed secret is version (1 byte), key id (8), nonce (24), ciphertext with tag (16 more than the plaintext).
// Version and key id are authenticated along with the caller's associated data.
const (
	sealVersion    = 1
	keyIDSize      = 8
	sealHeaderSize = 1 + keyIDSize
)

// Errors of Open.
var (
	// ErrSealKey says that the secret was sealed with another key: a wrong backup of the keyring, most likely.
	ErrSealKey = errors.New("sealed with another key")
	// ErrSealBroken says that the bytes, or the associated data, are not those that were sealed.
	ErrSealBroken = errors.New("sealed secret damaged or moved")
)

// Seal encrypts a secret for storage with XChaCha20-Poly1305 and a random nonce. The associated data is not
// stored; Open must be given the same, so a secret that names its record there cannot be moved to another one.
func Seal(key, plaintext, associated []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	header := sealHeader(key)
	out := make([]byte, sealHeaderSize+aead.NonceSize(), sealHeaderSize+aead.NonceSize()+len(plaintext)+aead.Overhead())
	copy(out, header)
	nonce := out[sealHeaderSize:]
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return aead.Seal(out, nonce, plaintext, sealedContext(header, associated)), nil
}

// Open decrypts what Seal returned. It fails with ErrSealKey or ErrSealBroken.
func Open(key, sealed, associated []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fmt.Errorf("open sealed secret: %w", err)
	}
	if len(sealed) < sealHeaderSize+aead.NonceSize()+aead.Overhead() || sealed[0] != sealVersion {
		return nil, fmt.Errorf("open sealed secret: %w", ErrSealBroken)
	}
	header := sealHeader(key)
	if !bytes.Equal(sealed[:sealHeaderSize], header) {
		return nil, fmt.Errorf("open sealed secret: %w", ErrSealKey)
	}
	rest := sealed[sealHeaderSize:]
	nonce, ciphertext := rest[:aead.NonceSize()], rest[aead.NonceSize():]
	plaintext, err := aead.Open(nil, nonce, ciphertext, sealedContext(header, associated))
	if err != nil {
		return nil, fmt.Errorf("open sealed secret: %w", ErrSealBroken)
	}
	return plaintext, nil
}

// sealHeader is the version and the id of a key. The id is a hash of the key for this one purpose, so that it
// tells nothing about the key.
func sealHeader(key []byte) []byte {
	sum := sha256.Sum256(append([]byte("kannuki sealing key id\x00"), key...))
	return append([]byte{sealVersion}, sum[:keyIDSize]...)
}

func sealedContext(header, associated []byte) []byte {
	return append(bytes.Clone(header), associated...)
}
