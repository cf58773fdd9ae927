package enroll_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.mozilla.org/pkcs7"

	"github.com/kannuki-mdm/kannuki/certs"
	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/storage"
)

func TestRights(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		want int // 0: an error
	}{
		{"updates", 5395}, {"managed", 7443}, {"", 7443}, {"full", 7455}, {"Managed", 0}, {"8191", 0},
	}
	for _, test := range tests {
		got, err := enroll.Rights(test.name)
		if got != test.want || (err == nil) != (test.want != 0) {
			t.Errorf("Rights(%q) = %d, %v; want %d", test.name, got, err, test.want)
		}
		const never = 32 + 64 + 128 + 512 // network information, provisioning profiles, restrictions
		if got&never != 0 {
			t.Errorf("Rights(%q) = %d holds a right that is never asked for", test.name, got)
		}
	}
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	tests := []struct {
		url       string
		ok, inLab bool
		says      string // part of the error outside a lab
	}{
		{"https://mdm.example.co.jp", true, true, ""},
		{"https://mdm.example.co.jp/", true, true, ""},
		{"https://mdm.example.co.jp.:8443", true, true, ""},
		{"https://MDM.Example.CO.JP:8443", true, true, ""},
		{"https://xn--r8jz45g.example", true, true, ""},
		{"https://1.example.com", true, true, ""},

		{"httPs://mdm.example.co.jp", false, false, "want https://"}, // phones keep it as it is written
		{"https://localhost:8443", false, true, "localhost"},
		{"https://LOCALHOST.:8443", false, true, "localhost"},
		{"https://mdm.localhost", false, true, "localhost"},
		{"https://192.0.2.7", false, true, "IP address"},
		{"https://[2001:db8::1]:8443", false, true, "IP address"},
		{"https://[fe80::1%25eth0]", false, true, "IP address"},
		{"https://127.1", false, true, "IP address"},
		{"https://0x7f.1", false, true, "IP address"},
		{"https://2130706433", false, true, "IP address"},
		{"https://192.0.2.7.", false, true, "IP address"},
		{"https://mac-mini.local:8443", false, true, "local network"},
		{"https://mdm", false, true, "local network"},
		{"https://mdm:8443", false, true, "local network"},

		{"http://mdm.example.co.jp", false, false, "https://host[:port]"},
		{"mdm.example.co.jp", false, false, "https://host[:port]"},
		{"//mdm.example.co.jp", false, false, "https://host[:port]"},
		{"", false, false, "https://host[:port]"},
		{"https://", false, false, "https://host[:port]"},
		{"https://:8443", false, false, "https://host[:port]"},
		{"https://mdm.example.co.jp:", false, false, "https://host[:port]"},
		{"https://mdm.example.co.jp:0", false, false, "https://host[:port]"},
		{"https://mdm.example.co.jp:65536", false, false, "https://host[:port]"},
		{"https://mdm.example.co.jp:x", false, false, "https://host[:port]"},
		{"https://mdm.example.co.jp/mdm", false, false, "without a path"},
		{"https://mdm.example.co.jp//", false, false, "without a path"},
		{"https://mdm.example.co.jp?a=b", false, false, "a query"},
		{"https://mdm.example.co.jp?", false, false, "a query"},
		{"https://mdm.example.co.jp#top", false, false, "a query"},
		{"https://admin:secret@mdm.example.co.jp", false, false, "a user"},
		{"https://@mdm.example.co.jp", false, false, "a user"},
		{"https://mdm.example.co.jp\n", false, false, "https://host[:port]"},
	}
	for _, test := range tests {
		err := enroll.CheckURL(test.url, false)
		if (err == nil) != test.ok || (err != nil && !strings.Contains(err.Error(), test.says)) {
			t.Errorf("CheckURL(%q) = %v, want ok %t or an error that says %q", test.url, err, test.ok, test.says)
		}
		if err := enroll.CheckURL(test.url, true); (err == nil) != test.inLab {
			t.Errorf("CheckURL(%q) in a lab = %v, want ok %t", test.url, err, test.inLab)
		}
	}
}

func TestGrantIsRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*enroll.GrantRequest)
		field  string // of the InvalidError; "" for a good request
	}{
		{"as it should be", func(*enroll.GrantRequest) {}, ""},
		{"no group and no ring", func(r *enroll.GrantRequest) { r.Group, r.Ring = "", "" }, ""},
		{"a ring without a group", func(r *enroll.GrantRequest) { r.Group = "" }, "ring"},
		{"a group without a ring", func(r *enroll.GrantRequest) { r.Ring = "" }, "ring"},
		{"an unknown ring", func(r *enroll.GrantRequest) { r.Ring = "pilot" }, "ring"},
		{"unknown rights", func(r *enroll.GrantRequest) { r.Rights = "everything" }, "rights"},
		{"a minute", func(r *enroll.GrantRequest) { r.Life = time.Minute }, ""},
		{"under a minute", func(r *enroll.GrantRequest) { r.Life = time.Minute - 1 }, "life"},
		{"negative", func(r *enroll.GrantRequest) { r.Life = -time.Hour }, "life"},
		{"30 days", func(r *enroll.GrantRequest) { r.Life = 30 * 24 * time.Hour }, ""},
		{"over 30 days", func(r *enroll.GrantRequest) { r.Life = 30*24*time.Hour + 1 }, "life"},
	}
	d := newDesk(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := sales()
			test.change(&r)
			before := len(d.audit())
			_, linkErr := d.CreateLink(t.Context(), storage.DefaultSegment, r)
			_, _, profileErr := d.CreateProfile(t.Context(), storage.DefaultSegment, r, true)
			for _, err := range []error{linkErr, profileErr} {
				invalid, ok := errors.AsType[*enroll.InvalidError](err)
				switch {
				case test.field == "" && err != nil:
					t.Errorf("refused: %v", err)
				case test.field != "" && (!ok || invalid.Field != test.field):
					t.Errorf("got %v, want an error about %s", err, test.field)
				}
			}
			if made := len(d.audit()) - before; (made == 0) != (test.field != "") {
				t.Errorf("%d audit entries", made)
			}
		})
	}
}

func TestNoGrantWithoutTopicOrAddress(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.topic = ""
	if _, err := d.CreateLink(t.Context(), storage.DefaultSegment, sales()); !errors.Is(err, enroll.ErrNoTopic) {
		t.Errorf("link without a push certificate = %v, want ErrNoTopic", err)
	}
	d.topic = topic
	c := config(t)
	c.URL = "https://localhost:8443"
	d.configure(c)
	if _, err := d.CreateLink(t.Context(), storage.DefaultSegment, sales()); err == nil {
		t.Error("a link to localhost outside a lab")
	}
	c.Lab = true
	d.configure(c)
	if _, err := d.CreateLink(t.Context(), storage.DefaultSegment, sales()); err != nil {
		t.Errorf("a link to localhost in a lab = %v", err)
	}
}

// link makes a link and returns its secret.
func (d *desk) link(r enroll.GrantRequest) string {
	d.t.Helper()
	l, err := d.CreateLink(d.t.Context(), storage.DefaultSegment, r)
	d.must(err)
	secret, ok := strings.CutPrefix(l.URL, "https://mdm.example.co.jp:8443/enroll/")
	if !ok || len(secret) != 43 {
		d.t.Fatalf("link has %d characters after its path, want 256 bits of base64", len(secret))
	}
	return secret
}

// download opens a link and returns the challenge in the profile.
func (d *desk) download(secret string) (string, error) {
	signed, err := d.ProfileForLink(d.t.Context(), secret)
	if err != nil {
		return "", err
	}
	p7, err := pkcs7.Parse(signed)
	d.must(err)
	return challengeOf(d.t, p7.Content), nil
}

// Mail scanners and chat previews open every link they see, also while the user
// walks through Settings with the profile of an earlier download.
func TestDownloadsDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	secret := d.link(sales())
	installing, err := d.download(secret)
	d.must(err)
	prefetched, err := d.download(secret)
	d.must(err)
	a, err := d.admit(installing, key(1))
	if err != nil {
		t.Fatalf("the profile of the first download after a second one = %v, want it admitted", err)
	}
	if _, err := d.admit(prefetched, key(9)); !errors.Is(err, certs.ErrNotAdmitted) {
		t.Errorf("another key with the other download = %v, want one phone only", err)
	}
	peer, err := d.issue(a)
	d.must(err)
	if _, err := d.download(secret); !errors.Is(err, enroll.ErrLinkSpent) {
		t.Errorf("download after a phone got its certificate = %v, want the link spent", err)
	}
	p, err := d.checkin(peer, authenticate(phone))
	d.must(err)
	if p.Group != "sales" || p.Ring != storage.RingProduction {
		t.Errorf("the phone is in %s %s, want the link's place", p.Group, p.Ring)
	}
}

// An install that broke off after its key was reserved does not lock the phone
// out: opening the link again begins anew.
func TestDownloadReleasesAReservation(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	secret := d.link(sales())
	first, err := d.download(secret)
	d.must(err)
	_, err = d.admit(first, key(9))
	d.must(err)
	second, err := d.download(secret)
	d.must(err)
	a, err := d.admit(second, key(1))
	d.must(err)
	_, err = d.issue(a)
	d.must(err)
	if _, err := d.admit(first, key(9)); !errors.Is(err, certs.ErrNotAdmitted) {
		t.Errorf("the key of the install that broke off = %v, want it refused", err)
	}
}

func TestLinkExpires(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	secret := d.link(sales())
	d.now = d.now.Add(enroll.DefaultGrantLife - time.Second)
	challenge, err := d.download(secret)
	d.must(err)
	d.now = d.now.Add(time.Second)
	if _, err := d.download(secret); !errors.Is(err, enroll.ErrLinkSpent) {
		t.Errorf("download of an expired link = %v, want ErrLinkSpent", err)
	}
	if _, err := d.admit(challenge, key(1)); !errors.Is(err, certs.ErrNotAdmitted) {
		t.Errorf("challenge of an expired link = %v, want ErrNotAdmitted", err)
	}
	for _, wrong := range []string{"", "x", secret + "x", strings.Repeat("A", 43), strings.Repeat("A", 1<<16)} {
		if _, err := d.ProfileForLink(t.Context(), wrong); !errors.Is(err, enroll.ErrLinkSpent) {
			t.Errorf("a link of %d wrong characters = %v, want ErrLinkSpent", len(wrong), err)
		}
	}
}

func TestSecretsAreNotKept(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	secret := d.link(sales())
	challenge, err := d.download(secret)
	d.must(err)
	d.reopen()
	file, err := os.ReadFile(d.path)
	d.must(err)
	for _, s := range []string{secret, challenge} {
		if bytes.Contains(file, []byte(s)) {
			t.Error("a secret is in the database in clear")
		}
	}
	for _, e := range d.audit() {
		if text := fmt.Sprintf("%+v", e); strings.Contains(text, secret) || strings.Contains(text, challenge) {
			t.Errorf("audit entry %s holds a secret", e.Action)
		}
	}
}
