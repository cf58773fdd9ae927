package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// EnrollmentRequest asks for the right to one enrolment.
type EnrollmentRequest struct {
	Group    string `json:"group"` // "", without a ring: that of Device, or none
	Ring     string `json:"ring"`
	Rights   string `json:"rights"` // "" takes the group's
	Life     string `json:"life"`   // "24h"; "" for the default
	Serial   string `json:"serial"` // only this phone
	Device   string `json:"device"` // UDID of an enrolled phone that may enrol again
	Unsigned bool   `json:"unsigned"`
	Reason   string `json:"reason"`
	DryRun   bool   `json:"dry_run"`
}

// EnrollmentLink is a one-time link.
type EnrollmentLink struct {
	URL       string    `json:"url"`
	Grant     string    `json:"grant"`
	Group     string    `json:"group"` // that the phone joins, "" for none
	Ring      string    `json:"ring"`
	ExpiresAt time.Time `json:"expires_at"`
	DryRun    bool      `json:"dry_run,omitempty"`
}

// EnrollmentProfile is an enrolment profile for one phone.
type EnrollmentProfile struct {
	Profile   []byte    `json:"profile"` // Base64 in JSON
	Group     string    `json:"group"`   // that the phone joins, "" for none
	Ring      string    `json:"ring"`
	ExpiresAt time.Time `json:"expires_at"`
	DryRun    bool      `json:"dry_run,omitempty"`
}

// grantRequest checks the request against the world and fills what the group
// decides.
func (h *Handler) grantRequest(c *call, in EnrollmentRequest) (enroll.GrantRequest, error) {
	r := enroll.GrantRequest{
		Group: in.Group, Ring: storage.Ring(in.Ring), Rights: in.Rights, Serial: in.Serial, Phone: in.Device,
		Actor: c.Actor, Reason: in.Reason,
	}
	if r.Phone != "" && r.Group == "" && r.Ring == "" {
		var err error
		if r.Group, r.Ring, err = h.placeOf(c, r.Phone); err != nil {
			return r, err
		}
	}
	if r.Group != "" {
		g, err := h.fleet.Group(c.Segment, r.Group)
		if err != nil {
			return r, err
		}
		if r.Rights == "" {
			r.Rights = g.Rights
		}
	}
	switch r.Ring {
	case "", storage.RingProduction, storage.RingVerification:
	default:
		return r, invalid("ring", "not-a-ring", in.Ring, fmt.Sprintf("%q is not one of verification, production", in.Ring))
	}
	if err := h.fleet.MayEnrol(c.ctx, c.Segment, r.Phone, strings.ToUpper(strings.TrimSpace(r.Serial)), r.Group, r.Ring); err != nil {
		return r, err
	}
	if in.Life != "" {
		life, err := time.ParseDuration(in.Life)
		if err != nil {
			return r, invalid("life", "not-a-duration", in.Life, fmt.Sprintf("%q is not a duration such as 24h", in.Life))
		}
		r.Life = life
	}
	if err := h.enroll.CheckReachable(); err != nil {
		return r, &fleet.RefusedError{Code: "unreachable-url", Message: err.Error(), Params: map[string]string{"detail": err.Error()}}
	}
	return r, nil
}

// placeOf returns the group and ring of a phone that may come back, both "" when
// it is in none or the group was removed after the phone was.
func (h *Handler) placeOf(c *call, udid string) (group string, ring storage.Ring, err error) {
	d, err := h.fleet.Device(c.ctx, c.Segment, udid)
	if err != nil || d.Group == "" {
		return "", "", err
	}
	_, err = h.fleet.Group(c.Segment, d.Group)
	if errors.Is(err, storage.ErrNotFound) {
		return "", "", nil
	}
	return d.Group, storage.Ring(d.Ring), err
}

func createLink(h *Handler, c *call, in EnrollmentRequest) (any, error) {
	r, err := h.grantRequest(c, in)
	if err != nil || in.DryRun {
		return EnrollmentLink{Group: r.Group, Ring: string(r.Ring), DryRun: true}, err
	}
	link, err := h.enroll.CreateLink(c.ctx, c.Segment, r)
	return EnrollmentLink{URL: link.URL, Grant: link.Grant, Group: r.Group, Ring: string(r.Ring), ExpiresAt: link.ExpiresAt}, err
}

func createProfile(h *Handler, c *call, in EnrollmentRequest) (any, error) {
	r, err := h.grantRequest(c, in)
	if err != nil || in.DryRun {
		return EnrollmentProfile{Group: r.Group, Ring: string(r.Ring), DryRun: true}, err
	}
	profile, until, err := h.enroll.CreateProfile(c.ctx, c.Segment, r, in.Unsigned)
	return EnrollmentProfile{Profile: profile, Group: r.Group, Ring: string(r.Ring), ExpiresAt: until}, err
}

// PushCertificateRequest carries a push certificate and its key, PEM in
// Base64. The key travels only over the socket or a TLS connection.
type PushCertificateRequest struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	Reason      string `json:"reason"`
	DryRun      bool   `json:"dry_run"`
}

func importPush(h *Handler, c *call, in PushCertificateRequest) (any, error) {
	cert, err := base64.StdEncoding.DecodeString(in.Certificate)
	if err != nil {
		return nil, invalid("certificate", "not-base64", "", "not Base64")
	}
	key, err := base64.StdEncoding.DecodeString(in.Key)
	if err != nil {
		return nil, invalid("key", "not-base64", "", "not Base64")
	}
	return h.ops.ImportPushCertificate(c.ctx, c.act(write{in.Reason, in.DryRun}), cert, key)
}

// backup streams the database. The size is not known before: what fails on the
// way breaks the connection, and shows as a missing end of the chunked body.
func backup(h *Handler, c *call) (any, error) {
	c.w.Header().Set("Content-Type", "application/octet-stream")
	c.w.Header().Set("Cache-Control", "no-store")
	n, err := h.ops.Backup(c.ctx, c.w)
	if err != nil && n > 0 {
		h.logger.ErrorContext(c.ctx, "backup broken off", "error", err)
		panic(http.ErrAbortHandler) // the status is sent already: an orderly end would pass half a database off as whole
	}
	return raw{}, err
}
