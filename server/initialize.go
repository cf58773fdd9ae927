package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/uuid"

	"github.com/kannuki-mdm/kannuki/certs"
	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm/apns"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// InitOptions describe a new installation.
type InitOptions struct {
	Data         string
	URL          string
	Listen       string
	AdminListen  string
	Organization string
	TimeZone     string
	Lab          bool       // admit localhost, IP addresses and a scaled clock
	Clock        LabConfig  // only with Lab
	Push         PushConfig // only with Lab
	// PushCertificate and PushKey (PEM) are imported at once, only with Lab;
	// Files are added to the data directory, by slash-separated path.
	PushCertificate, PushKey []byte
	Files                    map[string][]byte
}

// Initialized says what init made.
type Initialized struct {
	ConfigPath string
	TokenPath  string // file with the first admin token, shown nowhere else
	SocketPath string
	RootPath   string // certificate phones must trust, part of every profile
}

// ErrInitialized says that the directory holds an installation already.
var ErrInitialized = errors.New("this data directory is in use already; init never changes an installation")

// Init makes a data directory: configuration, keys, database and a first
// admin token. The directory may exist when it is empty. All of it is made
// under another name and moved into place at the end, so that a failed init
// leaves nothing behind.
func Init(ctx context.Context, o InitOptions, wall func() time.Time) (Initialized, error) {
	if err := enroll.CheckURL(o.URL, o.Lab); err != nil {
		return Initialized{}, &SetupError{Code: "public-url", Params: map[string]string{"url": o.URL, "detail": err.Error()}, Err: err}
	}
	if !o.Lab && (!o.Clock.Start.IsZero() || o.Push.Host != "" || o.PushCertificate != nil || o.Files != nil) {
		return Initialized{}, errors.New("a scaled clock and another push service need --lab")
	}
	config, err := firstConfig(o)
	if err != nil {
		return Initialized{}, badConfig(err)
	}
	exists, err := emptyDirectory(o.Data)
	if err != nil {
		return Initialized{}, err
	}
	// An empty directory is filled from inside: its parent may belong to
	// somebody else, and it may be a mount point.
	workshop := filepath.Clean(o.Data)
	if !exists {
		workshop = filepath.Dir(workshop)
		if err := os.MkdirAll(workshop, 0o750); err != nil {
			return Initialized{}, fmt.Errorf("create parent of data directory: %w", err)
		}
	}
	tmp, err := os.MkdirTemp(workshop, ".kannuki-init-") // mode 0700
	if err != nil {
		return Initialized{}, fmt.Errorf("create data directory: %w", err)
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // gone already when init succeeded
	if err := fillDataDirectory(ctx, tmp, config, o, wall().UTC()); err != nil {
		return Initialized{}, err
	}
	if exists {
		err = moveContents(tmp, o.Data)
	} else {
		err = os.Rename(tmp, o.Data)
	}
	if err != nil {
		return Initialized{}, fmt.Errorf("create data directory: %w", err)
	}
	return Initialized{
		ConfigPath: filepath.Join(o.Data, configFile),
		TokenPath:  filepath.Join(o.Data, tokenFile),
		SocketPath: SocketPath(o.Data),
		RootPath:   RootPath(o.Data),
	}, nil
}

// emptyDirectory tells whether a directory exists, and refuses one that holds
// anything.
func emptyDirectory(path string) (bool, error) {
	entries, err := os.ReadDir(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("data directory: %w", err)
	case len(entries) > 0:
		return false, &SetupError{Code: "initialized", Params: map[string]string{"data": path}, Err: fmt.Errorf("%s: %w", path, ErrInitialized)}
	}
	return true, nil
}

// moveContents moves what a folder inside an empty directory holds up into it,
// the configuration last: a directory without it is none of ours. Other users
// lose access to the directory, as to one that Init makes.
func moveContents(from, to string) error {
	if err := os.Chmod(to, 0o700); err != nil { //nolint:gosec // a directory
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if e.Name() != configFile {
			names = append(names, e.Name())
		}
	}
	var moved []string
	for _, name := range append(names, configFile) {
		target := filepath.Join(to, name)
		if err := os.Rename(filepath.Join(from, name), target); err != nil {
			for _, m := range moved {
				err = errors.Join(err, os.RemoveAll(m))
			}
			return err
		}
		moved = append(moved, target)
	}
	return nil
}

// firstConfig is the configuration an installation starts with.
func firstConfig(o InitOptions) (Config, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return Config{}, fmt.Errorf("public URL: %w", err)
	}
	config := Config{
		URL: u.Scheme + "://" + u.Host, Listen: o.Listen, AdminListen: o.AdminListen, Organization: o.Organization,
		TimeZone: o.TimeZone, Push: o.Push, Lab: o.Clock,
	}
	if config.Listen == "" {
		config.Listen = ":" + portOf(u)
	}
	if config.TimeZone == "" {
		config.TimeZone = "UTC"
	}
	if config.Organization == "" {
		config.Organization = u.Hostname()
	}
	return config, config.check()
}

func fillDataDirectory(ctx context.Context, dir string, config Config, o InitOptions, now time.Time) error {
	u, err := parseURL(config.URL)
	if err != nil {
		return err
	}
	text, err := yaml.Marshal(config)
	if err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	if err := writePrivate(filepath.Join(dir, configFile), text); err != nil {
		return err
	}
	if err := certs.CreateKeyring(filepath.Join(dir, keysDir), certs.KeyringOptions{Host: u.Hostname(), Organization: config.Organization, Now: now}); err != nil {
		return fmt.Errorf("create keys: %w", err)
	}
	database := filepath.Join(dir, databaseFile)
	instance := storage.Instance{ID: newInstanceID(), URL: config.URL, Organization: config.Organization, Lab: o.Lab, CreatedAt: now}
	if err := bolt.Create(database, instance, bolt.Options{}); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	for name, content := range o.Files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if err := writePrivate(path, content); err != nil {
			return err
		}
	}
	return firstRecords(ctx, dir, o, now)
}

func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return "443"
}

func newInstanceID() string {
	id := uuid.New()
	return hex.EncodeToString(id[:8])
}

// firstRecords fills the new database: the admin token, and the push
// certificate of a lab.
func firstRecords(ctx context.Context, dir string, o InitOptions, now time.Time) error {
	store, err := bolt.Open(filepath.Join(dir, databaseFile), bolt.Options{})
	if err != nil {
		return fmt.Errorf("open new database: %w", err)
	}
	err = firstToken(ctx, store, filepath.Join(dir, tokenFile), now)
	if err == nil && o.PushCertificate != nil {
		err = firstPushCertificate(ctx, store, filepath.Join(dir, keysDir), o, now)
	}
	return errors.Join(err, store.Close())
}

// firstToken makes the token for remote administration. It is written to a
// file that only its owner reads, and printed nowhere.
func firstToken(ctx context.Context, store *bolt.Store, path string, now time.Time) error {
	secret, hash := newToken()
	err := store.CreateToken(ctx, storage.Token{
		Hash: hash, Name: "init", Segment: storage.DefaultSegment, CreatedBy: "init", CreatedAt: now, ExpiresAt: now.AddDate(0, 0, tokenDays),
	}, storage.AuditEntry{At: now, Actor: "init", Action: "token.create", Target: "init"})
	if err != nil {
		return fmt.Errorf("create admin token: %w", err)
	}
	return writePrivate(path, []byte(secret+"\n"))
}

func firstPushCertificate(ctx context.Context, store *bolt.Store, keys string, o InitOptions, now time.Time) error {
	cert, err := apns.ParseCertificate(o.PushCertificate, o.PushKey, now)
	if err != nil {
		return err
	}
	if err := writePushCertificate(keys, o.PushCertificate, o.PushKey); err != nil {
		return err
	}
	if err := store.SetTopic(ctx, cert.Topic, pushAudit(cert, fleet.Act{Actor: "init"}, now)); err != nil {
		return fmt.Errorf("record push certificate: %w", err)
	}
	return nil
}

// tokenDays is the life of a token.
const tokenDays = 90

func newToken() (secret, hash string) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	secret = "kannuki_" + base64.RawURLEncoding.EncodeToString(b[:])
	return secret, hashToken(secret)
}

func hashToken(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// writePrivate writes a file only its owner can read, whole or not at all.
func writePrivate(path string, content []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // below the operator's data directory
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
