package enroll

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// ProfileSigner signs enrolment profiles so that the phone shows them as
// verified.
type ProfileSigner interface {
	SignProfile(profile []byte) ([]byte, error)
}

// Sealer protects secrets at rest. The associated data binds a sealed secret
// to the place it belongs to, so that moving it elsewhere is noticed.
type Sealer interface {
	Seal(plaintext, associated []byte) ([]byte, error)
}

// Config is what enrolment needs to know of the installation.
type Config struct {
	URL          string // public base URL of the device listener, without a trailing slash
	InstanceID   string
	Organization string
	Roots        [][]byte // DER certificates the phone must trust to reach URL; none when publicly trusted
	SignMessage  bool     // phones sign each message (for a proxy that ends TLS) beside TLS
	Lab          bool     // admit addresses no phone outside this machine can reach
	Places       Places   // judges where phones on record go; nil lets a grant put them anywhere
}

// Service carries out enrolment.
type Service struct {
	store    Store
	signer   ProfileSigner
	sealer   Sealer
	config   Config
	topic    func() string
	now      func() time.Time
	refusals *refusals
}

// NewService returns a service. The topic function returns the push topic of
// the installation, or "" while no push certificate was imported; now is the
// wall clock.
func NewService(store Store, signer ProfileSigner, sealer Sealer, config Config, topic func() string, now func() time.Time) *Service {
	return &Service{
		store:    store,
		signer:   signer,
		sealer:   sealer,
		config:   config,
		topic:    topic,
		now:      now,
		refusals: newRefusals(),
	}
}

// Errors a caller may branch on.
var (
	// ErrNoTopic: profiles cannot be made before a push certificate is
	// imported, because the topic in a profile can never be changed.
	ErrNoTopic = errors.New("no push certificate: its topic becomes part of every enrolment profile and can never be changed; import one with `kannuki cert push import` first")
	// ErrLinkSpent: the link was used, has expired, is incomplete or never
	// existed. They are not told apart, so that guessing learns nothing.
	ErrLinkSpent = errors.New("this link has been used, has expired, is incomplete, or does not exist")
)

// InvalidError is a request for a grant that cannot be met as it is written.
type InvalidError struct {
	Field   string // the field of the request at fault, as the API names it
	Code    string // stable; it and Params are for the wording in other languages
	Message string // for the person who asked
	Params  map[string]string
}

func (e *InvalidError) Error() string { return e.Message }

// newSecret returns 256 random bits as text and their hash as stored.
func newSecret() (secret, hash string) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	secret = base64.RawURLEncoding.EncodeToString(b[:])
	return secret, hashSecret(secret)
}

func hashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// newID returns a random identifier of 128 bits.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// notFoundAs replaces a storage error that only says "nothing there" by the
// answer the caller should see.
func notFoundAs(err, replacement error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return replacement
	}
	return err
}

func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", op, err)
}
