package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/yamltext"
	"github.com/kannuki-mdm/kannuki/server/notify"
)

// Files of a data directory.
const (
	configFile   = "config.yaml"
	databaseFile = "kannuki.db"
	keysDir      = "keys"
	feedsFile    = "feeds.json"
	pushFile     = "push.pem" // the push certificate, followed by its key
	tokenFile    = "admin.token"
	socketFile   = "kannuki.sock"
)

// SocketPath returns the Unix socket of the server that runs on a data
// directory.
func SocketPath(data string) string { return filepath.Join(data, socketFile) }

// DatabasePath returns the database of a data directory.
func DatabasePath(data string) string { return filepath.Join(data, databaseFile) }

// RootPath returns the file with the root certificate of a data directory,
// which enrolled phones trust. It holds the root's key as well.
func RootPath(data string) string { return filepath.Join(data, keysDir, "root.pem") }

// Config is the configuration file of a data directory. Keys that are absent
// have useful defaults; unknown keys are errors.
type Config struct {
	// URL is the public base URL of the device listener. It is part of every
	// enrolment profile and can never be changed while a phone is enrolled.
	URL string `yaml:"url"`
	// Listen is the address of the device listener, ":8443".
	Listen string `yaml:"listen"`
	// AdminListen is the address of the admin listener; "" switches it off.
	// Anything but a loopback address is refused: use a TLS proxy or SSH.
	AdminListen string `yaml:"admin_listen"`
	// Organization is shown to the phones' users.
	Organization string `yaml:"organization"`
	// TimeZone (IANA) is used for phones that never told theirs.
	TimeZone string `yaml:"time_zone"`
	// Proxy is the HTTP proxy for all that the server itself asks for:
	// http://user:password@host:port, "none", or "" for HTTPS_PROXY, HTTP_PROXY
	// and NO_PROXY of the environment. No message ever shows its password.
	Proxy string `yaml:"proxy,omitempty"`
	TLS   TLSConfig
	Push  PushConfig
	// Feeds are read once a day. None by default: a server without a way out is
	// given files.
	Feeds []FeedConfig `yaml:"feeds,omitempty"`
	// Notify are the channels by which people hear of what happened. None by
	// default: notices are kept and listed all the same.
	Notify []notify.Config `yaml:"notify,omitempty"`
	// BetaPrograms are those that policies may enrol verification phones in. None by
	// default.
	BetaPrograms []BetaProgram `yaml:"beta_programs,omitempty"`
	// SignMessage makes phones sign each message, for a proxy that ends TLS.
	SignMessage bool `yaml:"sign_message"`
	// LegacyCrypto admits Mdm-Signatures with SHA-1 and SCEP requests encrypted
	// with DES or triple DES. Off by default; never silent when on.
	LegacyCrypto bool      `yaml:"legacy_crypto"`
	Lab          LabConfig `yaml:"lab,omitempty"`
}

// TLSConfig chooses the certificate of the device listener.
type TLSConfig struct {
	// Certificate and Key are PEM files; both "" use a certificate of the
	// installation's own root, which profiles then carry.
	Certificate string `yaml:"certificate,omitempty"`
	Key         string `yaml:"key,omitempty"`
	// Off makes the device listener speak plain HTTP, for a proxy on this
	// machine that ends TLS with a certificate phones trust. It needs a loopback
	// address and sign_message, because a client certificate ends at the proxy.
	Off bool `yaml:"off,omitempty"`
}

// PushConfig reaches Apple's push service.
type PushConfig struct {
	// Host is "" for Apple's own service.
	Host string `yaml:"host,omitempty"`
	// Roots is a PEM file of roots to trust instead of the system's.
	Roots string `yaml:"roots,omitempty"`
	// PerMinute is the ceiling of pushes; 0 means 6,000.
	PerMinute int `yaml:"per_minute,omitempty"`
	// MinInterval between two pushes to one phone; 0 means a minute.
	MinInterval time.Duration `yaml:"min_interval,omitempty"`
	// Proxy is the proxy for pushes alone; "" uses that of the whole server.
	Proxy string `yaml:"proxy,omitempty"`
}

// LabConfig scales policy time for demonstrations. It is refused unless the
// data directory was made with --lab. TLS, certificates, one-time links and
// push intervals always follow the wall clock.
type LabConfig struct {
	// Origin is the wall time at which policy time was Start.
	Origin time.Time `yaml:"origin,omitempty"`
	Start  time.Time `yaml:"start,omitempty"`
	// Speed is policy seconds per second of wall time; 0 means 1.
	Speed float64 `yaml:"speed,omitempty"`
}

// LoadConfig reads the configuration of a data directory, applies the
// environment and checks it. Its errors name the file and the key.
func LoadConfig(data string, getenv func(string) string) (Config, error) {
	path := filepath.Join(data, configFile)
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the data directory
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, &SetupError{
			Code: "no-data-directory", Params: map[string]string{"data": data, "file": path},
			Err: fmt.Errorf("%s is no data directory: %s is missing; make one with `kannuki init`", data, path),
		}
	}
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	text = yamltext.Unmarked(text)
	c := Config{Listen: ":8443", TimeZone: "UTC"}
	if err := decodeConfig(text, &c); err != nil {
		return Config{}, badConfig(fmt.Errorf("%s: %w", path, err))
	}
	if err := c.environment(getenv); err != nil {
		return Config{}, badConfig(err)
	}
	if err := c.check(); err != nil {
		return Config{}, badConfig(fmt.Errorf("%s: %w", path, located(text, err)))
	}
	return c, nil
}

// maxConfigBytes is how large a configuration file may be.
const maxConfigBytes = 64 << 10

// decodeConfig reads the one document of a configuration file over the defaults
// in c.
func decodeConfig(text []byte, c *Config) error {
	if err := yamltext.Check(text, maxConfigBytes); err != nil {
		return err
	}
	return yamltext.Guarded(func() error {
		dec := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
		if err := dec.Decode(c); err != nil && !errors.Is(err, io.EOF) {
			// Without the lines around the place: a proxy's password may stand there.
			return errors.New(yaml.FormatError(err, false, false))
		}
		if err := dec.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
			return errors.New("more than one YAML document")
		}
		return nil
	})
}

// environment lets variables override the file.
func (c *Config) environment(getenv func(string) string) error {
	for name, target := range map[string]*string{
		"KANNUKI_LISTEN":       &c.Listen,
		"KANNUKI_ADMIN_LISTEN": &c.AdminListen,
		"KANNUKI_TIME_ZONE":    &c.TimeZone,
		"KANNUKI_PROXY":        &c.Proxy,
		"KANNUKI_PUSH_PROXY":   &c.Push.Proxy,
	} {
		if v := getenv(name); v != "" {
			*target = v
		}
	}
	if v := getenv("KANNUKI_PUSH_PER_MINUTE"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			return fmt.Errorf("KANNUKI_PUSH_PER_MINUTE=%q is not a number", v)
		}
		c.Push.PerMinute = n
	}
	return nil
}

func (c *Config) check() error {
	if err := enroll.CheckURL(c.URL, true); err != nil {
		return fmt.Errorf("url: %w", err)
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("listen: %q is not [host]:port", c.Listen)
	}
	if c.AdminListen != "" && !loopback(c.AdminListen) {
		return fmt.Errorf("admin_listen: %q is not a loopback address; reach it through a TLS proxy or SSH", c.AdminListen)
	}
	if _, err := time.LoadLocation(c.TimeZone); err != nil {
		return fmt.Errorf("time_zone: %q is not a time zone such as Asia/Tokyo", c.TimeZone)
	}
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		return errors.New("tls: certificate and key belong together")
	}
	if c.TLS.Off && (c.TLS.Certificate != "" || !c.SignMessage || !loopback(c.Listen)) {
		return errors.New("tls.off: a listener without TLS needs a loopback address in listen, sign_message: true and no tls.certificate")
	}
	if c.Push.Host != "" {
		if u, err := url.Parse(c.Push.Host); err != nil || u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("push.host: %q is not https://host:port", c.Push.Host)
		}
	}
	if err := checkProxy(c.Proxy); err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	if err := checkProxy(c.Push.Proxy); err != nil {
		return fmt.Errorf("push.proxy: %w", err)
	}
	if err := checkFeeds(c.Feeds); err != nil {
		return fmt.Errorf("feeds: %w", err)
	}
	if err := checkBetaPrograms(c.BetaPrograms); err != nil {
		return err
	}
	if err := notify.Check(c.Notify, fleet.NoticeKinds()); err != nil {
		return err
	}
	if c.Push.PerMinute < 0 || c.Push.MinInterval < 0 {
		return errors.New("push: per_minute and min_interval cannot be negative")
	}
	if !(c.Lab.Speed >= 0 && c.Lab.Speed <= 1e6) { // written so that it refuses NaN too
		return fmt.Errorf("lab.speed: %g is not between 0 and 1,000,000", c.Lab.Speed)
	}
	return nil
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// clock returns policy time: the wall clock, or in a lab a scaled one that is
// the same after every restart.
func (c *LabConfig) clock(wall func() time.Time) func() time.Time {
	if c.Start.IsZero() {
		return wall
	}
	speed := c.Speed
	if speed == 0 {
		speed = 1
	}
	start, origin := c.Start, c.Origin
	return func() time.Time {
		return start.Add(time.Duration(float64(wall().Sub(origin)) * speed)).UTC()
	}
}

// PolicyClock returns policy time, which deadlines, holds and release dates
// follow, and how many seconds of it pass in one second of wall time.
func (c *Config) PolicyClock(wall func() time.Time) (now func() time.Time, speed float64) {
	return c.Lab.clock(wall), c.Lab.speed()
}

func (c *LabConfig) speed() float64 {
	if c.Start.IsZero() || c.Speed == 0 {
		return 1
	}
	return c.Speed
}

// location returns the zone that check has found to exist.
func (c *Config) location() *time.Location {
	loc, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return time.UTC
	}
	return loc
}
