package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	certBlock = "CERTIFICATE"
	keyBlock  = "PRIVATE KEY"

	maxKeyFile = 64 << 10 // bytes; the largest file of a keyring is below 4 KiB
)

// readSecret reads a small file that only its owner may read.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // a path inside the operator's own keyring folder
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return nil, fmt.Errorf("%s: mode %04o lets other users at the key; make it 0600", path, perm)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxKeyFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", path, maxKeyFile)
	}
	return data, nil
}

func readIdentity(path string) (identity, error) {
	data, err := readSecret(path)
	if err != nil {
		return identity{}, err
	}
	id, err := decodeIdentity(data)
	if err != nil {
		return identity{}, fmt.Errorf("%s: %w", path, err)
	}
	return id, nil
}

func encodeIdentity(id identity) ([]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(id.key)
	if err != nil {
		return nil, err
	}
	data := pem.EncodeToMemory(&pem.Block{Type: certBlock, Bytes: id.cert.Raw})
	return append(data, pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: key})...), nil
}

// decodeIdentity reads exactly one certificate followed by its key.
func decodeIdentity(data []byte) (identity, error) {
	certPart, rest := pem.Decode(data)
	if certPart == nil || certPart.Type != certBlock {
		return identity{}, errors.New("does not start with a certificate")
	}
	keyPart, rest := pem.Decode(rest)
	if keyPart == nil || keyPart.Type != keyBlock {
		return identity{}, errors.New("no PKCS#8 key after the certificate")
	}
	if len(bytes.TrimSpace(rest)) != 0 {
		return identity{}, errors.New("more than one certificate and key")
	}
	cert, err := x509.ParseCertificate(certPart.Bytes)
	if err != nil {
		return identity{}, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyPart.Bytes)
	if err != nil {
		return identity{}, errors.New("key is not parseable") // the parser's own words might quote the key
	}
	var key crypto.Signer
	var matches bool
	switch k := parsed.(type) {
	case *ecdsa.PrivateKey:
		key, matches = k, k.PublicKey.Equal(cert.PublicKey)
	case *rsa.PrivateKey:
		key, matches = k, k.PublicKey.Equal(cert.PublicKey)
	default:
		return identity{}, errors.New("key is neither ECDSA nor RSA")
	}
	if !matches {
		return identity{}, errors.New("key and certificate do not belong together")
	}
	return identity{cert: cert, key: key}, nil
}

func encodeSealingKey(key []byte) []byte {
	return append([]byte(base64.StdEncoding.EncodeToString(key)), '\n')
}

func readSealingKey(path string) ([]byte, error) {
	data, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.Strict().DecodeString(string(bytes.TrimSpace(data)))
	if err != nil || len(key) != SealingKeySize {
		return nil, fmt.Errorf("%s: not a base64 key of %d bytes", path, SealingKeySize)
	}
	return key, nil
}

// writeNew writes a file that must not exist and flushes it to disk.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // see readSecret
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// replaceIdentity swaps one file of a keyring: after a crash it is either the old one or the new one.
func replaceIdentity(dir, name string, id identity) error {
	data, err := encodeIdentity(id)
	if err != nil {
		return err
	}
	tmp := filepath.Join(dir, "."+name+".new")
	removeQuietly(tmp) // left by a crash
	if err := writeNew(tmp, data); err != nil {
		removeQuietly(tmp)
		return err
	}
	if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil {
		removeQuietly(tmp)
		return err
	}
	return syncDir(dir)
}

// syncDir makes renames inside a folder durable.
func syncDir(dir string) error {
	f, err := os.Open(dir) //nolint:gosec // see readSecret
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
