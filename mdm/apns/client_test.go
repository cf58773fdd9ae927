package apns_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/kannuki-mdm/kannuki/mdm/apns"
	"github.com/kannuki-mdm/kannuki/mdm/apns/apnstest"
)

const topic = "com.apple.mgmt.External.4b1c9f8e-0000-4000-8000-000000000001"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start returns a stand-in that is stopped with the test.
func start(t *testing.T, o apnstest.Options) *apnstest.Server {
	t.Helper()
	if o.Now == nil {
		o.Now = time.Now
	}
	s, err := apnstest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// certificate returns a parsed push certificate of the stand-in.
func certificate(t *testing.T, s *apnstest.Server, topic string) apns.Certificate {
	t.Helper()
	certPEM, keyPEM, err := s.IssueCertificate(topic)
	if err != nil {
		t.Fatal(err)
	}
	c, err := apns.ParseCertificate(certPEM, keyPEM, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// connect returns a client of the stand-in; o is completed.
func connect(t *testing.T, s *apnstest.Server, o apns.Options) *apns.Client {
	t.Helper()
	if o.Host == "" {
		o.Host = s.URL
	}
	if o.Roots == nil {
		o.Roots = s.Roots
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c, err := apns.NewClient(certificate(t, s, topic), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func push(token string) apns.Push {
	return apns.Push{Token: []byte(token), Magic: "E5A8F2D1-magic", Topic: topic}
}

func TestPushIsDelivered(t *testing.T) {
	t.Parallel()
	got := make(chan [2]string, 1)
	s := start(t, apnstest.Options{Deliver: func(token []byte, magic string) { got <- [2]string{string(token), magic} }})
	c := connect(t, s, apns.Options{})
	magic := "quote\" back\\slash <tag> 閂"
	r := c.Push(t.Context(), apns.Push{Token: []byte("phone"), Magic: magic, Topic: topic})
	if r.Outcome != apns.Accepted || r.Status != 200 || r.ID == "" {
		t.Fatalf("result = %+v, want accepted with 200 and an id", r)
	}
	if diff := cmp.Diff([2]string{"phone", magic}, <-got); diff != "" {
		t.Errorf("delivered (-want +got):\n%s", diff)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.UTC)
	tests := []struct {
		name   string
		answer apnstest.Answer
		want   apns.Result
	}{
		{"ok", apnstest.Answer{Status: 200}, apns.Result{Outcome: apns.Accepted}},
		{"bad token", apnstest.Answer{Status: 400, Reason: "BadDeviceToken"}, apns.Result{Outcome: apns.BadToken}},
		{"other topic", apnstest.Answer{Status: 400, Reason: "DeviceTokenNotForTopic"}, apns.Result{Outcome: apns.BadToken}},
		{"no token", apnstest.Answer{Status: 400, Reason: "MissingDeviceToken"}, apns.Result{Outcome: apns.BadToken}},
		{"bad topic", apnstest.Answer{Status: 400, Reason: "BadTopic"}, apns.Result{Outcome: apns.Configuration}},
		{"missing topic", apnstest.Answer{Status: 400, Reason: "MissingTopic"}, apns.Result{Outcome: apns.Configuration}},
		{"topic disallowed", apnstest.Answer{Status: 400, Reason: "TopicDisallowed"}, apns.Result{Outcome: apns.Configuration}},
		{"expiration", apnstest.Answer{Status: 400, Reason: "BadExpirationDate"}, apns.Result{Outcome: apns.Configuration}},
		{"priority", apnstest.Answer{Status: 400, Reason: "BadPriority"}, apns.Result{Outcome: apns.Configuration}},
		{"push type", apnstest.Answer{Status: 400, Reason: "InvalidPushType"}, apns.Result{Outcome: apns.Configuration}},
		{"empty", apnstest.Answer{Status: 400, Reason: "PayloadEmpty"}, apns.Result{Outcome: apns.Configuration}},
		{"message id", apnstest.Answer{Status: 400, Reason: "BadMessageId"}, apns.Result{Outcome: apns.Configuration}},
		{"headers", apnstest.Answer{Status: 400, Reason: "DuplicateHeaders"}, apns.Result{Outcome: apns.Configuration}},
		{"idle", apnstest.Answer{Status: 400, Reason: "IdleTimeout"}, apns.Result{Outcome: apns.Unavailable}},
		{"bad certificate", apnstest.Answer{Status: 403, Reason: "BadCertificate"}, apns.Result{Outcome: apns.CertificateProblem}},
		{"environment", apnstest.Answer{Status: 403, Reason: "BadCertificateEnvironment"}, apns.Result{Outcome: apns.CertificateProblem}},
		{"forbidden", apnstest.Answer{Status: 403, Reason: "Forbidden"}, apns.Result{Outcome: apns.Configuration}},
		{"path", apnstest.Answer{Status: 404, Reason: "BadPath"}, apns.Result{Outcome: apns.Configuration}},
		{"method", apnstest.Answer{Status: 405, Reason: "MethodNotAllowed"}, apns.Result{Outcome: apns.Configuration}},
		{"unregistered", apnstest.Answer{Status: 410, Reason: "Unregistered", Since: since}, apns.Result{Outcome: apns.Unregistered, Since: since}},
		{"expired token", apnstest.Answer{Status: 410, Reason: "ExpiredToken"}, apns.Result{Outcome: apns.Unregistered}},
		{"too large", apnstest.Answer{Status: 413, Reason: "PayloadTooLarge"}, apns.Result{Outcome: apns.Configuration}},
		{
			"too many",
			apnstest.Answer{Status: 429, Reason: "TooManyRequests", RetryAfter: 2 * time.Minute},
			apns.Result{Outcome: apns.TooMany, RetryAfter: 2 * time.Minute},
		},
		{"server error", apnstest.Answer{Status: 500, Reason: "InternalServerError"}, apns.Result{Outcome: apns.Unavailable}},
		{
			"overload",
			apnstest.Answer{Status: 503, Reason: "ServiceUnavailable", RetryAfter: 15 * time.Minute},
			apns.Result{Outcome: apns.Unavailable, RetryAfter: 15 * time.Minute},
		},
		{"shutdown", apnstest.Answer{Status: 503, Reason: "Shutdown"}, apns.Result{Outcome: apns.Unavailable}},
		{"page instead of an answer", apnstest.Answer{Status: 502, Body: "<html>Bad gateway</html>"}, apns.Result{Outcome: apns.Unavailable}},
		{"page that says gone", apnstest.Answer{Status: 410, Body: "<html>Gone</html>"}, apns.Result{Outcome: apns.Unavailable}},
		{"refusal without a reason", apnstest.Answer{Status: 400, Body: "no"}, apns.Result{Outcome: apns.Configuration}},
		{"redirect", apnstest.Answer{Status: 302}, apns.Result{Outcome: apns.Unavailable}},
	}
	s := start(t, apnstest.Options{})
	c := connect(t, s, apns.Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			token := []byte(tt.name)
			s.RespondWith(token, tt.answer)
			got := c.Push(t.Context(), push(tt.name))
			tt.want.Status, tt.want.Reason = tt.answer.Status, tt.answer.Reason
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(apns.Result{}, "ID")); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

// One connection carries all pushes, however many are made at once.
func TestConcurrencyIsBounded(t *testing.T) {
	t.Parallel()
	s := start(t, apnstest.Options{})
	c := connect(t, s, apns.Options{Concurrency: 4})
	if r := c.Push(t.Context(), push("first")); r.Outcome != apns.Accepted {
		t.Fatal(r)
	}
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			if r := c.Push(t.Context(), push(fmt.Sprint("phone ", i))); r.Outcome != apns.Accepted {
				t.Errorf("push %d: %v", i, r)
			}
		})
	}
	all.Wait()
	if got := s.Counts(); got.Accepted != 201 || got.Connections != 1 || got.Concurrent > 4 {
		t.Errorf("%d accepted over %d connections, %d at the same time, want 201, 1, at most 4", got.Accepted, got.Connections, got.Concurrent)
	}
}

func TestConnectionLossIsRetriedOnce(t *testing.T) {
	t.Parallel()
	s := start(t, apnstest.Options{})
	c := connect(t, s, apns.Options{})
	for range 20 {
		if r := c.Push(t.Context(), push("phone")); r.Outcome != apns.Accepted {
			t.Fatal(r)
		}
		s.Down(true)
		s.Down(false)
	}
	s.Down(true)
	r := c.Push(t.Context(), push("phone"))
	if r.Outcome != apns.Unavailable || r.Status != 0 || r.Err == nil {
		t.Errorf("result while the service is down = %+v, want unavailable with an error", r)
	}
	if strings.Contains(r.String(), "70686f6e65") {
		t.Errorf("result %q holds the token", r)
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	s := start(t, apnstest.Options{})
	c := connect(t, s, apns.Options{Timeout: 50 * time.Millisecond})
	s.Stall(true)
	if r := c.Push(t.Context(), push("phone")); r.Outcome != apns.Unavailable || !errors.Is(r.Err, context.DeadlineExceeded) {
		t.Errorf("stalled push = %+v, want unavailable after the timeout", r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := c.Push(ctx, push("phone")); !errors.Is(r.Err, context.Canceled) {
		t.Errorf("cancelled push = %+v, want the context's error", r)
	}
	s.Stall(false)
	if r := c.Push(t.Context(), push("phone")); r.Outcome != apns.Accepted {
		t.Errorf("push after the stall = %+v, want accepted", r)
	}
}

func TestRefusedBeforeSending(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		push   apns.Push
		reason string
	}{
		{"no token", apns.Push{Magic: "m", Topic: topic}, apns.ReasonTokenLength},
		{"long token", apns.Push{Token: make([]byte, 101), Magic: "m", Topic: topic}, apns.ReasonTokenLength},
		{"no magic", apns.Push{Token: []byte("t"), Topic: topic}, apns.ReasonMagic},
		{"magic is not text", apns.Push{Token: []byte("t"), Magic: "\xff", Topic: topic}, apns.ReasonMagic},
		{"long magic", apns.Push{Token: []byte("t"), Magic: strings.Repeat("m", 4087), Topic: topic}, apns.ReasonMagic},
		{"other topic", apns.Push{Token: []byte("t"), Magic: "m", Topic: apns.TopicPrefix + "other"}, apns.ReasonTopicMismatch},
	}
	s := start(t, apnstest.Options{})
	c := connect(t, s, apns.Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := apns.Result{Outcome: apns.BadToken, Reason: tt.reason}
			if diff := cmp.Diff(want, c.Push(t.Context(), tt.push)); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
	if r := c.Push(t.Context(), apns.Push{Token: make([]byte, 100), Magic: strings.Repeat("m", 4086)}); r.Outcome != apns.Accepted {
		t.Errorf("push at the limits = %v, want accepted", r)
	}
	if got := s.Counts().Requests; got != 1 {
		t.Errorf("%d requests reached the service, want 1", got)
	}
}

func TestCertificateExpiresInUse(t *testing.T) {
	t.Parallel()
	s := start(t, apnstest.Options{})
	c := connect(t, s, apns.Options{Now: func() time.Time { return time.Now().AddDate(1, 0, 1) }})
	r := c.Push(t.Context(), push("phone"))
	if _, ok := errors.AsType[*apns.ExpiredError](r.Err); !ok || r.Outcome != apns.CertificateProblem || r.Reason != apns.ReasonExpired {
		t.Errorf("result = %+v, want a certificate problem with an ExpiredError", r)
	}
}

// The service knows the certificate as expired or foreign, the client does not.
func TestCertificateIsRefusedInHandshake(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		service func(t *testing.T) *apnstest.Server
	}{
		{"expired", func(t *testing.T) *apnstest.Server {
			return start(t, apnstest.Options{Now: func() time.Time { return time.Now().AddDate(0, 0, -400) }})
		}},
		{"foreign", func(t *testing.T) *apnstest.Server { return start(t, apnstest.Options{}) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := tt.service(t)
			foreign := certificate(t, start(t, apnstest.Options{}), topic)
			c, err := apns.NewClient(foreign, apns.Options{Host: s.URL, Roots: s.Roots, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			// net/http loses the refusal of 1 push in 400, when it comes
			// between the handshake and the request.
			r := c.Push(t.Context(), push("phone"))
			for tries := 0; r.Outcome == apns.Unavailable && tries < 5; tries++ {
				r = c.Push(t.Context(), push("phone"))
			}
			if r.Outcome != apns.CertificateProblem || r.Err == nil {
				t.Errorf("result = %v, want a certificate problem with an error", r)
			}
		})
	}
}

func TestUntrustedService(t *testing.T) {
	t.Parallel()
	s, other := start(t, apnstest.Options{}), start(t, apnstest.Options{})
	c := connect(t, s, apns.Options{Roots: other.Roots})
	if r := c.Push(t.Context(), push("phone")); r.Outcome != apns.Unavailable || !strings.Contains(r.Err.Error(), "certificate") {
		t.Errorf("result = %v, want unavailable because of the service's certificate", r)
	}
}

func TestReplace(t *testing.T) {
	t.Parallel()
	s := start(t, apnstest.Options{})
	c := connect(t, s, apns.Options{})
	if r := c.Push(t.Context(), push("phone")); r.Outcome != apns.Accepted {
		t.Fatal(r)
	}
	other := certificate(t, s, apns.TopicPrefix+"other")
	if _, ok := errors.AsType[*apns.TopicChangeError](c.Replace(other)); !ok {
		t.Error("a certificate with another topic was taken")
	}
	renewed := certificate(t, s, topic)
	if err := c.Replace(renewed); err != nil {
		t.Fatal(err)
	}
	if got := c.Certificate().Serial; got != renewed.Serial {
		t.Errorf("serial in use = %s, want %s", got, renewed.Serial)
	}
	if r := c.Push(t.Context(), push("phone")); r.Outcome != apns.Accepted {
		t.Error(r)
	}
	if got := s.Counts().Connections; got != 2 {
		t.Errorf("%d connections, want 2: one for each certificate", got)
	}
	c.Close()
	if r := c.Push(t.Context(), push("phone")); !errors.Is(r.Err, apns.ErrClosed) {
		t.Errorf("push after Close = %v, want ErrClosed", r)
	}
	if err := c.Replace(renewed); !errors.Is(err, apns.ErrClosed) {
		t.Errorf("Replace after Close = %v, want ErrClosed", err)
	}
}

func TestProxy(t *testing.T) {
	t.Parallel()
	s := start(t, apnstest.Options{})
	proxy := startProxy(t)
	c := connect(t, s, apns.Options{Proxy: http.ProxyURL(proxy.url)})
	if r := c.Push(t.Context(), push("phone")); r.Outcome != apns.Accepted {
		t.Fatal(r)
	}
	if got, want := proxy.connects(), []string{strings.TrimPrefix(s.URL, "https://")}; !cmp.Equal(got, want) {
		t.Errorf("proxy was asked for %q, want %q", got, want)
	}
	// The proxy's end of the test waits for its tunnels: both sessions must
	// close theirs.
	if err := c.Replace(certificate(t, s, topic)); err != nil {
		t.Fatal(err)
	}
	if r := c.Push(t.Context(), push("phone")); r.Outcome != apns.Accepted {
		t.Fatal(r)
	}
	c.Close()
	proxy.refuse(http.StatusProxyAuthRequired)
	c = connect(t, s, apns.Options{Proxy: http.ProxyURL(proxy.url)})
	if r := c.Push(t.Context(), push("phone")); r.Outcome != apns.Unavailable || !strings.Contains(r.String(), "Proxy Authentication Required") {
		t.Errorf("result through a refusing proxy = %v, want unavailable with the proxy's word", r)
	}
}

// A probe wakes nobody and comes back with what Apple says to it.
func TestProbe(t *testing.T) {
	t.Parallel()
	s := start(t, apnstest.Options{})
	proxy := startProxy(t)
	o := apns.Options{Host: s.URL, Roots: s.Roots, Now: time.Now, Proxy: http.ProxyURL(proxy.url)}
	probe := func() apns.Result {
		r, err := apns.Probe(t.Context(), certificate(t, s, topic), o)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := probe(); r.Status != http.StatusMethodNotAllowed || r.Err != nil || s.Counts().Accepted != 0 {
		t.Errorf("result = %v, want Apple's answer to something that is no push", r)
	}
	sentinel := errors.New("proxy said no")
	o.ProxyAnswer = func(context.Context, *url.URL, *http.Request, *http.Response) error { return sentinel }
	if r := probe(); r.Status != 0 || !errors.Is(r.Err, sentinel) {
		t.Errorf("result = %v, want what was made of the proxy's answer", r)
	}
	if _, err := apns.Probe(t.Context(), apns.Certificate{}, apns.Options{}); err == nil {
		t.Error("probed without a clock")
	}
}

// Something that ends TLS and speaks HTTP/1.1 is not Apple, whatever it answers.
func TestNotHTTP2(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		offers []string
	}{
		{"offers HTTP/1.1 only", []string{"http/1.1"}},
		{"offers nothing", []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, apnstest.Options{})
			old := startHTTP1(t, tt.offers)
			c, err := apns.NewClient(certificate(t, s, topic), apns.Options{Host: old.URL, Roots: old.roots, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if r := c.Push(t.Context(), push("phone")); r.Outcome != apns.Unavailable || r.Status != 0 {
				t.Errorf("result = %v, want unavailable", r)
			}
		})
	}
}

func TestNewClientRefuses(t *testing.T) {
	t.Parallel()
	s := start(t, apnstest.Options{})
	good := certificate(t, s, topic)
	tests := []struct {
		name        string
		certificate apns.Certificate
		options     apns.Options
		want        string
	}{
		{"no clock", good, apns.Options{}, "no clock"},
		{"no certificate", apns.Certificate{}, apns.Options{Now: time.Now}, "no push certificate"},
		{"plain http", good, apns.Options{Now: time.Now, Host: "http://api.push.apple.com"}, "not of the form"},
		{"path", good, apns.Options{Now: time.Now, Host: "https://api.push.apple.com/3"}, "not of the form"},
		{"not a url", good, apns.Options{Now: time.Now, Host: "https://[::1"}, "host"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := apns.NewClient(tt.certificate, tt.options)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one about %q", err, tt.want)
			}
		})
	}
}
