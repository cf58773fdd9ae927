package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

func (in *installation) importPush(cert, key []byte) error {
	return in.post("/v1/push/certificate", api.PushCertificateRequest{
		Certificate: base64.StdEncoding.EncodeToString(cert), Key: base64.StdEncoding.EncodeToString(key),
	}, nil)
}

func (in *installation) health() api.Health {
	in.t.Helper()
	var st api.Status
	in.must(in.admin.Get(in.t.Context(), "/v1/status", nil, &st))
	return st.Server
}

// TestExpiredPushCertificate: phones cannot be woken, but those that come by
// themselves are served as ever, and status says what is wrong.
func TestExpiredPushCertificate(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	cert, key, err := in.apns.IssueCertificateUntil(topic, time.Now().Add(-time.Hour))
	in.must(err)
	if err := in.importPush(cert, key); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("importing an expired certificate = %v, want a refusal", err)
	}
	in.stop()
	in.must(os.WriteFile(filepath.Join(in.data, "keys", "push.pem"), slices.Concat(cert, key), 0o600))
	in.start()
	h := in.health()
	if h.Push.Installed || h.Push.Topic != topic || len(h.Missing) != 1 || !strings.Contains(h.Missing[0], "has expired") {
		t.Errorf("health = %+v, want the expired certificate named", h)
	}
	p := in.phone("00008120-E", nil)
	in.enrol(p, "sales", "production")
	in.must(p.Step(t.Context()))
	if d := in.device(p.UDID()); d.State != "enrolled" {
		t.Errorf("a phone that came by itself is %s, want enrolled", d.State)
	}
	noViolations(t, p)

	cert, key, err = in.apns.IssueCertificate(topic)
	in.must(err)
	in.must(in.importPush(cert, key))
	if h := in.health(); !h.Push.Installed || len(h.Missing) != 0 {
		t.Errorf("health after the renewal = %+v, want nothing missing", h)
	}
}

// TestTopicGuard: the topic is in every enrolled phone's profile; a certificate
// for another one would cut all of them off.
func TestTopicGuard(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	before, err := os.ReadFile(filepath.Join(in.data, "keys", "push.pem"))
	in.must(err)
	cert, key, err := in.apns.IssueCertificate("com.apple.mgmt.External.another")
	in.must(err)
	e, ok := errors.AsType[*api.Error](in.importPush(cert, key))
	if !ok || e.Code != api.CodeRefused || e.Detail != "topic-change" {
		t.Fatalf("importing another topic = %+v, want it refused", e)
	}
	after, err := os.ReadFile(filepath.Join(in.data, "keys", "push.pem"))
	in.must(err)
	if !bytes.Equal(before, after) {
		t.Error("the refused certificate was written")
	}
	if got := in.health().Push.Topic; got != topic {
		t.Errorf("topic = %s, want %s", got, topic)
	}
	in.stop()
	in.start()
	if got := in.health().Push; got.Topic != topic || !got.Installed {
		t.Errorf("push certificate after a restart = %+v", got)
	}
	for name, pair := range map[string][2][]byte{"another's key": {before, key}, "no PEM": {[]byte("x"), []byte("y")}, "nothing": {}} {
		e, ok := errors.AsType[*api.Error](in.importPush(pair[0], pair[1]))
		if !ok || e.Code != api.CodeInvalid {
			t.Errorf("%s: %+v, want it invalid", name, e)
		}
	}
}

// TestBackupWhileServing takes a copy while phones enrol and opens it as the
// day after a disaster would.
func TestBackupWhileServing(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	in.enrol(in.phone("00008120-1", nil), "sales", "production")
	var busy sync.WaitGroup
	busy.Go(func() {
		for range 20 {
			if err := in.post("/v1/enrollment/links", api.EnrollmentRequest{Group: "sales", Ring: "production"}, nil); err != nil {
				t.Errorf("link during the backup: %v", err)
			}
		}
	})
	path := filepath.Join(t.TempDir(), "copy.db")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	in.must(err)
	n, err := in.admin.Download(t.Context(), "/v1/backup", f)
	in.must(errors.Join(err, f.Close()))
	busy.Wait()
	if info, err := os.Stat(path); err != nil || info.Size() != n {
		t.Errorf("%d bytes received, %v", n, err)
	}
	s, err := bolt.Open(path, bolt.Options{})
	in.must(err)
	defer func() { in.must(s.Close()) }()
	in.must(s.Check(t.Context()))
	p, err := s.Phone(context.WithoutCancel(t.Context()), storage.DefaultSegment, "00008120-1")
	if err != nil || p.State != storage.PhoneEnrolled {
		t.Errorf("the phone in the copy: %s, %v", p.State, err)
	}
}

// TestStageDatabase stages from a pipe, which can be read only once: the hash has
// to be of the bytes that are in the stage.
func TestStageDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe, content := filepath.Join(dir, "pipe"), bytes.Repeat([]byte("kannuki\n"), 20_000)
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	var writer sync.WaitGroup
	writer.Go(func() {
		if err := os.WriteFile(pipe, content, 0o600); err != nil {
			t.Error(err)
		}
	})
	stage, sum, err := server.StageDatabase(pipe, dir)
	writer.Wait()
	if err != nil {
		t.Fatal(err)
	}
	staged, err := os.ReadFile(filepath.Join(stage, "kannuki.db"))
	if err != nil || !bytes.Equal(staged, content) {
		t.Errorf("%d bytes are staged, %v, want the %d that were read", len(staged), err, len(content))
	}
	if want := fmt.Sprintf("%x", sha256.Sum256(content)); sum != want {
		t.Errorf("hash %s, want %s", sum, want)
	}
}

// TestBadGrantsAreExplained: a request that cannot be met is the caller's
// matter, not a fault of the server.
func TestBadGrantsAreExplained(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	for _, test := range []struct {
		request api.EnrollmentRequest
		field   string
	}{
		{api.EnrollmentRequest{Group: "sales"}, "ring"},
		{api.EnrollmentRequest{Ring: "production"}, "ring"},
		{api.EnrollmentRequest{Group: "sales", Ring: "pilot"}, "ring"},
		{api.EnrollmentRequest{Group: "sales", Ring: "production", Rights: "all"}, "rights"},
		{api.EnrollmentRequest{Group: "sales", Ring: "production", Life: "1s"}, "life"},
		{api.EnrollmentRequest{Group: "sales", Ring: "production", Life: "a day"}, "life"},
	} {
		e, ok := errors.AsType[*api.Error](in.post("/v1/enrollment/links", test.request, nil))
		if !ok || e.Status != http.StatusBadRequest || e.Code != api.CodeInvalid || e.Field != test.field {
			t.Errorf("%+v: %+v, want field %s to be invalid", test.request, e, test.field)
		}
	}
}

// TestReturningPhoneKeepsItsPlace: a phone that may enrol again joins the group
// and ring it is in, unless the request names others.
func TestReturningPhoneKeepsItsPlace(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	in.must(in.post("/v1/groups", map[string]any{"name": "office"}, nil))
	in.must(in.post("/v1/groups", map[string]any{"name": "closed"}, nil))
	const back, idle, homeless = "00008120-1", "00008120-2", "00008120-3"
	in.enrol(in.phone(back, nil), "sales", "production")
	in.enrol(in.phone(idle, nil), "", "")
	in.enrol(in.phone(homeless, nil), "closed", "production")
	in.must(in.post("/v1/devices/"+homeless+"/remove", map[string]string{"reason": "lost"}, nil))
	in.must(in.post("/v1/groups/closed/remove", map[string]string{"reason": "over"}, nil))

	type place struct{ group, ring string }
	for _, path := range []string{"/v1/enrollment/links", "/v1/enrollment/profiles"} {
		for name, tc := range map[string]struct {
			request api.EnrollmentRequest
			want    place
		}{
			"its own":              {api.EnrollmentRequest{Device: back}, place{"sales", "production"}},
			"its own, only tried":  {api.EnrollmentRequest{Device: back, DryRun: true}, place{"sales", "production"}},
			"another":              {api.EnrollmentRequest{Device: back, Group: "office", Ring: "verification"}, place{"office", "verification"}},
			"it has none":          {api.EnrollmentRequest{Device: idle}, place{}},
			"its group is removed": {api.EnrollmentRequest{Device: homeless}, place{}},
			"no phone named":       {api.EnrollmentRequest{}, place{}},
		} {
			var got struct{ Group, Ring string }
			in.must(in.post(path, tc.request, &got))
			if got := (place{got.Group, got.Ring}); got != tc.want {
				t.Errorf("%s, %s: joins %+v, want %+v", path, name, got, tc.want)
			}
		}
		e, ok := errors.AsType[*api.Error](in.post(path, api.EnrollmentRequest{Device: "nobody"}, nil))
		if !ok || e.Code != api.CodeNotFound || e.What != "phone" {
			t.Errorf("%s for a phone nobody knows: %+v, want not found", path, e)
		}
	}

	var link api.EnrollmentLink
	in.must(in.post("/v1/enrollment/links", api.EnrollmentRequest{Device: back}, &link))
	in.must(in.install(in.phone(back, nil), link.URL))
	if got := in.device(back); got.Group != "sales" || got.Ring != "production" {
		t.Errorf("it came back into %s, %s, want sales, production", got.Group, got.Ring)
	}
}

func TestHealthCountsCommits(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	var before, after api.Database
	one := func() bool { return after.Commits == before.Commits+1 && after.Operations == before.Operations+1 }
	for range 5 { // the server may have something to write beside it
		before = in.health().Database
		in.link("sales", "production")
		if after = in.health().Database; one() {
			break
		}
	}
	if !one() {
		t.Errorf("one link: from %+v to %+v, want one commit of one operation", before, after)
	}
	if after.UsedBytes <= 0 || after.UsedBytes > after.Bytes {
		t.Errorf("%d bytes in use of %d", after.UsedBytes, after.Bytes)
	}
}
