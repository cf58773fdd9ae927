package enroll

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Lives of a grant and of what it leads to.
const (
	DefaultGrantLife = 24 * time.Hour
	maxGrantLife     = 30 * 24 * time.Hour
	identityLife     = 2 * 365 * 24 * time.Hour
)

// AccessRights of the MDM payload, by the name a group chooses. Rights can
// never be added after enrolment (Apple, Device Management, MDM.AccessRights),
// so they are chosen before: inspect and install profiles (1, 2), device
// information (16), installed apps (256), security information (1024), managed
// apps and updates (4096); settings (2048); lock, clear passcode (4) and
// erase (8).
const (
	rightsUpdates = 1 + 2 + 16 + 256 + 1024 + 4096
	rightsManaged = rightsUpdates + 2048
	rightsFull    = rightsManaged + 4 + 8
)

// Rights returns the AccessRights bits for a name: updates, managed or full.
func Rights(name string) (int, error) {
	switch name {
	case "updates":
		return rightsUpdates, nil
	case "", "managed":
		return rightsManaged, nil
	case "full":
		return rightsFull, nil
	default:
		return 0, fmt.Errorf("rights %q: want updates, managed or full", name)
	}
}

// RightsName returns the name of AccessRights bits, or "" for bits that no name
// stands for.
func RightsName(bits int) string {
	switch bits {
	case rightsUpdates:
		return "updates"
	case rightsManaged:
		return "managed"
	case rightsFull:
		return "full"
	default:
		return ""
	}
}

// GrantRequest asks for the right to one enrolment.
type GrantRequest struct {
	Group  string
	Ring   storage.Ring
	Rights string        // updates, managed or full
	Life   time.Duration // 0 means DefaultGrantLife; at most 30 days
	Serial string        // only a phone with this serial number, "" any
	Phone  string        // UDID of an enrolled phone that may enrol again, "" none
	Actor  string
	Reason string
}

// Link is a one-time enrolment link. Its URL is a secret: it is shown once and
// only its hash is kept.
type Link struct {
	Grant     string
	URL       string
	ExpiresAt time.Time
}

// CheckReachable tells whether phones can reach the installation's public URL
// at all. Outside a lab it refuses localhost, IP addresses and .local names,
// because ServerURL can never be changed on an enrolled phone.
func (s *Service) CheckReachable() error {
	return CheckURL(s.config.URL, s.config.Lab)
}

// CheckURL is [Service.CheckReachable] for a URL that is not in force yet.
func CheckURL(raw string, lab bool) error {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || !validPort(u) {
		return fmt.Errorf("public URL %q: want https://host[:port]", raw)
	}
	if !strings.HasPrefix(raw, "https://") || (u.Path != "" && u.Path != "/") || strings.ContainsAny(raw, "?#@") {
		return fmt.Errorf("public URL %q: want https://host[:port] without a path, a query or a user", raw)
	}
	if lab {
		return nil
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	switch {
	case host == "localhost" || strings.HasSuffix(host, ".localhost"):
		return fmt.Errorf("public URL %q: phones cannot reach localhost; use the server's DNS name (--lab admits it for simulated phones)", raw)
	case isIP(host):
		return fmt.Errorf("public URL %q: an IP address cannot be moved to another machine, and the URL can never be changed; use a DNS name (--lab admits it for simulated phones)", raw)
	case strings.HasSuffix(host, ".local") || !strings.Contains(host, "."):
		return fmt.Errorf("public URL %q: %s resolves on the local network only; use a DNS name that phones on mobile data can resolve (--lab admits it for simulated phones)", raw, host)
	}
	return nil
}

// validPort tells whether a URL names a port that exists, or none.
func validPort(u *url.URL) bool {
	if strings.HasSuffix(u.Host, ":") {
		return false
	}
	n, err := strconv.Atoi(u.Port())
	return u.Port() == "" || (err == nil && n >= 1 && n <= 65535)
}

// isIP tells whether a host is an address in any spelling that clients know: a
// name whose last label is a number is never looked up ("127.1", "0x7f.1";
// WHATWG, URL, "ends in a number checker").
func isIP(host string) bool {
	host, _, _ = strings.Cut(host, "%") // an IPv6 zone
	if net.ParseIP(host) != nil {
		return true
	}
	last := host[strings.LastIndex(host, ".")+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return err == nil || (last != "" && strings.Trim(last, "0123456789") == "")
}

// CreateLink makes a grant and returns its one-time link.
func (s *Service) CreateLink(ctx context.Context, seg storage.Segment, r GrantRequest) (Link, error) {
	g, err := s.newGrant(r)
	if err != nil {
		return Link{}, err
	}
	secret, hash := newSecret()
	g.LinkHash, g.ChallengeHash = hash, hashSecret(challengeOf(secret))
	if err := s.store.CreateGrant(ctx, seg, g, s.grantAudit("grant.link", g, r)); err != nil {
		return Link{}, wrap("create enrolment link", err)
	}
	return Link{Grant: g.ID, URL: s.config.URL + LinkPath + secret, ExpiresAt: g.ExpiresAt}, nil
}

// CreateProfile makes a grant and returns its enrolment profile, signed unless
// asked otherwise, and until when it can be used. The profile enrols one phone.
func (s *Service) CreateProfile(ctx context.Context, seg storage.Segment, r GrantRequest, unsigned bool) (profile []byte, until time.Time, err error) {
	g, err := s.newGrant(r)
	if err != nil {
		return nil, time.Time{}, err
	}
	challenge, hash := newSecret()
	g.ChallengeHash = hash
	profile, err = s.profile(g, challenge, unsigned)
	if err != nil {
		return nil, time.Time{}, err
	}
	if err := s.store.CreateGrant(ctx, seg, g, s.grantAudit("grant.profile", g, r)); err != nil {
		return nil, time.Time{}, wrap("create enrolment profile", err)
	}
	return profile, g.ExpiresAt, nil
}

// challengeOf derives the SCEP challenge of a link from its secret. Every
// download of a link carries the same challenge, so whoever else opens the link
// (a mail scanner, a preview, a second tap) does not break the profile that the
// user is just installing; and nothing is written for a download.
func challengeOf(secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("kannuki scep challenge"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// ProfileForLink returns the signed enrolment profile behind a link, as often
// as it is asked for, until a phone holds the grant's certificate. It returns
// [ErrLinkSpent], which is counted as a refusal.
func (s *Service) ProfileForLink(ctx context.Context, secret string) ([]byte, error) {
	profile, err := s.profileForLink(ctx, secret)
	if errors.Is(err, ErrLinkSpent) {
		s.NoteRefusal(identityLink, refusedLink)
	}
	return profile, err
}

func (s *Service) profileForLink(ctx context.Context, secret string) ([]byte, error) {
	seg, g, err := s.store.GrantByLink(ctx, hashSecret(secret))
	if err != nil {
		return nil, wrap("look up enrolment link", notFoundAs(err, ErrLinkSpent))
	}
	if g.PublicKey != "" {
		// A key was reserved and no certificate followed: that install came to
		// nothing, and this download begins another.
		g, err = s.store.UpdateGrant(ctx, seg, g.ID, func(g *storage.Grant) ([]storage.AuditEntry, error) {
			if g.Certificate == "" {
				g.PublicKey, g.ReservedAt = "", time.Time{}
			}
			return nil, nil
		})
		if err != nil {
			return nil, wrap("open enrolment link", err)
		}
	}
	if g.Certificate != "" || !g.RevokedAt.IsZero() || !s.now().Before(g.ExpiresAt) {
		return nil, wrap("open enrolment link", ErrLinkSpent)
	}
	return s.profile(g, challengeOf(secret), false)
}

func (s *Service) newGrant(r GrantRequest) (storage.Grant, error) {
	if err := s.CheckReachable(); err != nil {
		return storage.Grant{}, err
	}
	if s.topic() == "" {
		return storage.Grant{}, ErrNoTopic
	}
	rights, err := Rights(r.Rights)
	if err != nil {
		return storage.Grant{}, &InvalidError{Field: "rights", Code: "not-one-of", Message: err.Error(), Params: map[string]string{"value": r.Rights, "allowed": "updates, managed, full"}}
	}
	if (r.Group == "") != (r.Ring == "") {
		return storage.Grant{}, &InvalidError{Field: "ring", Code: "group-and-ring", Message: "a group needs a ring and a ring needs a group"}
	}
	switch r.Ring {
	case "", storage.RingVerification, storage.RingProduction:
	default:
		return storage.Grant{}, &InvalidError{
			Field: "ring", Code: "not-one-of", Message: fmt.Sprintf("ring %q: want verification or production", r.Ring),
			Params: map[string]string{"value": string(r.Ring), "allowed": "verification, production"},
		}
	}
	life := r.Life
	if life == 0 {
		life = DefaultGrantLife
	}
	if life < time.Minute || life > maxGrantLife {
		return storage.Grant{}, &InvalidError{
			Field: "life", Code: "life-out-of-range", Message: fmt.Sprintf("life %s: want between 1m and %dh", life, maxGrantLife/time.Hour),
			Params: map[string]string{"value": life.String(), "most": fmt.Sprintf("%dh", maxGrantLife/time.Hour)},
		}
	}
	now := s.now()
	return storage.Grant{
		ID:        newID(),
		Group:     r.Group,
		Ring:      r.Ring,
		Rights:    rights,
		Purpose:   storage.PurposeNew,
		Phone:     r.Phone,
		Serial:    strings.ToUpper(strings.TrimSpace(r.Serial)),
		CreatedBy: r.Actor,
		CreatedAt: now,
		ExpiresAt: now.Add(life),
	}, nil
}

func (s *Service) grantAudit(action string, g storage.Grant, r GrantRequest) storage.AuditEntry {
	e := s.entry(r.Actor, action, g.ID)
	e.Reason = r.Reason
	e.Detail = map[string]string{"group": g.Group, "ring": string(g.Ring)}
	if g.Phone != "" {
		e.Detail["phone"] = g.Phone
	}
	return e
}

func (s *Service) entry(actor, action, target string) storage.AuditEntry {
	return storage.AuditEntry{At: s.now(), Actor: actor, Action: action, Target: target}
}
