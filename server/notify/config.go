package notify

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Types of channels.
const (
	TypeLog     = "log"     // the server's own log, one line for each notice
	TypeWebhook = "webhook" // a POST to an address
)

// Config is one channel in the configuration of an installation.
type Config struct {
	Type string `yaml:"type"`
	// Name tells channels from each other; "" is the type. Deliveries remember
	// it: a channel under another name is another channel.
	Name string `yaml:"name,omitempty"`
	// Kinds are the kinds of notices it carries, "hold.alarm" or "hold.*"; none
	// means all.
	Kinds []string `yaml:"kinds,omitempty"`
	// Groups are the groups it carries notices about; none means all, and those
	// that concern no group.
	Groups []string `yaml:"groups,omitempty"`
	// Segment is the one whose notices it carries; "" means all.
	Segment string `yaml:"segment,omitempty"`
	// Language of its texts, en or ja; "" is en. Everything else is English.
	Language string `yaml:"language,omitempty"`

	// URL of a webhook: https, or http to a loopback address.
	URL string `yaml:"url,omitempty"`
	// SecretFile holds the secret that a webhook's messages are signed with: at
	// least 16 bytes, readable by the server's user alone. It is read for every
	// message, so that a new one needs no restart.
	SecretFile string `yaml:"secret_file,omitempty"`
	// Roots is a PEM file of roots to trust beside the system's.
	Roots string `yaml:"roots,omitempty"`
	// Allow are the networks beside the public ones that the webhook may be in:
	// addresses or prefixes.
	Allow []string `yaml:"allow,omitempty"`
}

// KeyError says which key of the configuration is at fault.
type KeyError struct {
	Channel int    // index in the list
	Key     string // "" for the channel as a whole
	Err     error
}

func (e *KeyError) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("notify[%d]: %v", e.Channel, e.Err)
	}
	return fmt.Sprintf("notify[%d].%s: %v", e.Channel, e.Key, e.Err)
}

// Unwrap returns what is wrong.
func (e *KeyError) Unwrap() error { return e.Err }

// maxChannels bounds how many deliveries one notice can have.
const maxChannels = 20

// Check returns what is wrong with the channels, a *KeyError. Kinds are those
// that exist.
func Check(channels []Config, kinds []string) error {
	if len(channels) > maxChannels {
		return &KeyError{Channel: maxChannels, Err: fmt.Errorf("more than %d channels", maxChannels)}
	}
	var names []string
	for i, c := range channels {
		if key, err := c.check(kinds); err != nil {
			return &KeyError{i, key, err}
		}
		if slices.Contains(names, c.name()) {
			return &KeyError{i, "name", fmt.Errorf("two channels are called %q; give each a name of its own", c.name())}
		}
		names = append(names, c.name())
	}
	return nil
}

func (c Config) name() string {
	if c.Name == "" {
		return c.Type
	}
	return c.Name
}

// check returns the key at fault, and why.
func (c Config) check(kinds []string) (key string, err error) {
	if c.Type != TypeLog && c.Type != TypeWebhook {
		return "type", fmt.Errorf("%q is neither %s nor %s", c.Type, TypeLog, TypeWebhook)
	}
	if !regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`).MatchString(c.name()) {
		return "name", fmt.Errorf("%q: want small letters, digits, dots, - and _, at most 63", c.Name)
	}
	for _, pattern := range c.Kinds {
		if !slices.ContainsFunc(kinds, func(kind string) bool { return matches(pattern, kind) }) {
			return "kinds", fmt.Errorf("%q is no kind of notice; there are %s, and hold.* for all that begin so", pattern, strings.Join(kinds, ", "))
		}
	}
	if slices.Contains(c.Groups, "") {
		return "groups", errors.New("the name of a group is empty")
	}
	if c.Language != "" && c.Language != lang.English && c.Language != lang.Japanese {
		return "language", fmt.Errorf("%q is neither %s nor %s", c.Language, lang.English, lang.Japanese)
	}
	if c.Type == TypeWebhook {
		return c.checkWebhook()
	}
	for key, value := range map[string]string{"url": c.URL, "secret_file": c.SecretFile, "roots": c.Roots, "allow": strings.Join(c.Allow, "")} {
		if value != "" {
			return key, fmt.Errorf("belongs to channels of type %s", TypeWebhook)
		}
	}
	return "", nil
}

func (c Config) checkWebhook() (key string, err error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.Fragment != "": // not the address itself: it may hold a key
		return "url", errors.New("want https://host/path")
	case u.User != nil:
		return "url", errors.New("a user and password do not belong here: messages are signed")
	case u.Scheme == "http" && loopbackHost(u.Hostname()):
	case u.Scheme != "https":
		return "url", errors.New("want https; http is possible to a loopback address only")
	}
	if c.SecretFile == "" {
		return "secret_file", errors.New("is missing: name a file with the secret that messages are signed with")
	}
	if _, err := c.allowed(); err != nil {
		return "allow", err
	}
	return "", nil
}

// allowed returns the networks of Allow.
func (c Config) allowed() ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, text := range c.Allow {
		network, err := netip.ParsePrefix(text)
		if address, addressErr := netip.ParseAddr(text); addressErr == nil {
			network, err = address.Prefix(address.BitLen())
		}
		if err != nil || network.Addr().Zone() != "" {
			return nil, fmt.Errorf("%q is neither an address nor a prefix such as 10.1.2.0/24", text)
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// matches reports whether a kind is one of those that a pattern names.
func matches(pattern, kind string) bool {
	if prefix, all := strings.CutSuffix(pattern, ".*"); all {
		return strings.HasPrefix(kind, prefix+".")
	}
	return pattern == kind
}

// of reports whether the channel carries notices of a segment.
func (c Config) of(seg storage.Segment) bool { return c.Segment == "" || c.Segment == string(seg) }

// takes reports whether the channel carries notices of a kind about a group of a
// segment.
func (c Config) takes(seg storage.Segment, kind, group string) bool {
	if !c.of(seg) {
		return false
	}
	of := func(pattern string) bool { return matches(pattern, kind) }
	return (len(c.Kinds) == 0 || slices.ContainsFunc(c.Kinds, of)) && (len(c.Groups) == 0 || slices.Contains(c.Groups, group))
}

// loopbackHost reports whether a host in an address is this machine itself.
func loopbackHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
