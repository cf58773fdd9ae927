// Package lab makes it possible to try a whole installation on one machine,
// without Apple and without a phone: a stand-in for Apple's push service whose
// certificates live in the data directory, and simulated iPhones that speak to
// the real server over the network.
//
// It owns the folder "lab" of a data directory. Nothing in it is part of a real
// installation, and nothing a real installation does goes through it.
package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kannuki-mdm/kannuki/mdm/apns"
	"github.com/kannuki-mdm/kannuki/mdm/apns/apnstest"
)

// Files of a lab, below its data directory and with slashes.
const (
	authorityFile = "lab/push-authority.pem"
	rootFile      = "lab/push-root.pem"
)

// ErrNoLab means that the data directory was not made for a lab.
var ErrNoLab = errors.New("not a lab installation")

// Push is the push service of a new lab.
type Push struct {
	Host  string // where the stand-in will listen, "https://127.0.0.1:port"
	Roots string // file that verifies it, below the data directory, with slashes
	Topic string
	// Certificate and Key are a push certificate of the stand-in, PEM.
	Certificate, Key []byte
	// Files belong into the data directory, by path as Roots.
	Files map[string][]byte
}

// NewPush makes the push service of a new lab: an authority, a free port on
// the loopback interface that stays the lab's, and a push certificate.
func NewPush(now func() time.Time) (Push, error) {
	authority, err := apnstest.NewAuthority(now())
	if err != nil {
		return Push{}, fmt.Errorf("new lab: %w", err)
	}
	// Started for a moment: it chooses the port and issues the certificate.
	s, err := apnstest.New(apnstest.Options{Now: now, Authority: authority})
	if err != nil {
		return Push{}, fmt.Errorf("new lab: %w", err)
	}
	p := Push{
		Host: s.URL, Roots: rootFile, Topic: apns.TopicPrefix + "External." + uuid.NewString(),
		Files: map[string][]byte{authorityFile: authority, rootFile: s.RootPEM},
	}
	p.Certificate, p.Key, err = s.IssueCertificate(p.Topic)
	if err := errors.Join(err, s.Close()); err != nil {
		return Push{}, fmt.Errorf("new lab: %w", err)
	}
	return p, nil
}

// RootsPath returns where Roots lies in a data directory.
func (p Push) RootsPath(data string) string { return filepath.Join(data, filepath.FromSlash(p.Roots)) }

// OpenPush starts the push service of a lab at the address host it was made
// with. Pushes go to deliver, one after the other. It returns [ErrNoLab] for a
// data directory without one.
func OpenPush(data, host string, now func() time.Time, deliver func(token []byte, magic string)) (*apnstest.Server, error) {
	authority, err := os.ReadFile(filepath.Join(data, filepath.FromSlash(authorityFile))) //nolint:gosec // in the operator's data directory
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoLab
	}
	if err != nil {
		return nil, fmt.Errorf("open lab: %w", err)
	}
	address, err := addressOf(host)
	if err != nil {
		return nil, err
	}
	s, err := apnstest.New(apnstest.Options{Addr: address, Now: now, Deliver: deliver, Authority: authority})
	if err != nil {
		return nil, fmt.Errorf("open lab: %w", err)
	}
	return s, nil
}

func addressOf(host string) (string, error) {
	u, err := url.Parse(host)
	if err != nil || u.Scheme != "https" || u.Port() == "" || strings.Trim(u.Path, "/") != "" {
		return "", fmt.Errorf("push host %q: want https://host:port", host)
	}
	return u.Host, nil
}
