package apnstest

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	pathPrefix = "/3/device/"
	maxBody    = 4096 // bytes, Apple's limit
	maxToken   = 100
)

// push is a request that was understood as far as the checks came.
type push struct {
	token   []byte
	topic   string
	magic   string
	expires time.Time // zero: one attempt, nothing stored
}

// check reads a request and returns Apple's status and reason for the first
// thing wrong with it, or 200. Source: Apple, "Sending notification requests
// to APNs" and "Handling notification responses from APNs".
func check(r *http.Request) (p push, status int, reason string) {
	if r.Method != http.MethodPost {
		return p, http.StatusMethodNotAllowed, "MethodNotAllowed"
	}
	name, ok := strings.CutPrefix(r.URL.Path, pathPrefix)
	if !ok {
		return p, http.StatusNotFound, "BadPath"
	}
	if name == "" {
		return p, http.StatusBadRequest, "MissingDeviceToken"
	}
	token, err := hex.DecodeString(name)
	if err != nil || name != strings.ToLower(name) || len(token) > maxToken {
		return p, http.StatusBadRequest, "BadDeviceToken"
	}
	p.token = token
	if reason := checkHeaders(r, &p); reason != "" {
		return p, http.StatusBadRequest, reason
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return p, http.StatusBadRequest, "BadBody"
	case len(body) > maxBody:
		return p, http.StatusRequestEntityTooLarge, "PayloadTooLarge"
	case len(body) == 0:
		return p, http.StatusBadRequest, "PayloadEmpty"
	}
	if p.magic, ok = readMagic(body); !ok {
		return p, http.StatusBadRequest, "BadBody"
	}
	return p, http.StatusOK, ""
}

// checkHeaders returns the reason to refuse, or "". An expiration is required,
// unlike at Apple: without one a push is lost on every phone that is off.
func checkHeaders(r *http.Request, p *push) string {
	for name, values := range r.Header {
		if strings.HasPrefix(name, "Apns-") && len(values) > 1 {
			return "DuplicateHeaders"
		}
	}
	p.topic = r.Header.Get("apns-topic")
	switch {
	case p.topic == "":
		return "MissingTopic"
	case !strings.HasPrefix(p.topic, "com.apple.mgmt."):
		return "BadTopic"
	case r.Header.Get("apns-push-type") != "mdm":
		return "InvalidPushType"
	case !slices.Contains([]string{"", "5", "10"}, r.Header.Get("apns-priority")):
		return "BadPriority"
	case !slices.Contains(topics(r.TLS.PeerCertificates[0]), p.topic):
		return "TopicDisallowed"
	}
	seconds, err := strconv.ParseInt(r.Header.Get("apns-expiration"), 10, 64)
	if err != nil || seconds < 0 {
		return "BadExpirationDate"
	}
	if seconds > 0 {
		p.expires = time.Unix(seconds, 0)
	}
	return ""
}

// topics are the UIDs of a certificate's subject.
func topics(c *x509.Certificate) []string {
	var out []string
	for _, name := range c.Subject.Names {
		if uid, ok := name.Value.(string); ok && name.Type.Equal(uidOID()) {
			out = append(out, uid)
		}
	}
	return out
}

// readMagic takes an object with the one key "mdm", once, and nothing after it.
func readMagic(body []byte) (string, bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	var magic string
	for _, want := range []any{json.Delim('{'), "mdm", &magic, json.Delim('}')} {
		got, err := d.Token()
		if err != nil {
			return "", false
		}
		if want == &magic {
			var ok bool
			if magic, ok = got.(string); !ok {
				return "", false
			}
		} else if got != want {
			return "", false
		}
	}
	_, err := d.Token()
	return magic, err == io.EOF && magic != ""
}
