package stepca

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	apilog "github.com/smallstep/certificates/api/log"
	"github.com/smallstep/certificates/scep"
	scepapi "github.com/smallstep/certificates/scep/api"

	"github.com/kannuki-mdm/kannuki/certs"
	"github.com/kannuki-mdm/kannuki/certs/internal/ber"
)

// Operations of RFC 8894 section 4.
const (
	getCACaps    = "GetCACaps"
	getCACert    = "GetCACert"
	pkiOperation = "PKIOperation"
)

// retryAfter is what a phone is told to wait, in seconds, when the fault is ours.
const retryAfter = 10

// reasonRequest joins the reasons of package certs: the message is good, but what it asks for cannot be had.
const reasonRequest = "certificate-request"

// httpError is an error with the status that the client gets. The cause is for the log.
type httpError struct {
	status int
	cause  error
	reason string // of a refused message, for Options.Refused; "" for other requests
}

// Error implements error.
func (e *httpError) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e *httpError) Unwrap() error { return e.cause }

func (a *Authority) serve(w http.ResponseWriter, r *http.Request) {
	answer, err := a.answer(w, r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", answer.header.Get("Content-Type"))
	h.Set("Content-Length", strconv.Itoa(answer.body.Len()))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if _, err := answer.body.WriteTo(w); err != nil {
		// The phone is gone and will ask again with the same key.
		a.options.Logger.DebugContext(r.Context(), "scep answer not delivered", "error", err)
	}
}

// fail answers with a status and its standard text: what went wrong inside is nobody's business outside.
func (a *Authority) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusServiceUnavailable
	known, ok := errors.AsType[*httpError](err)
	if ok {
		status = known.status
	}
	switch {
	case r.Context().Err() != nil: // nobody is left to read the answer
		a.options.Logger.DebugContext(r.Context(), "scep request abandoned", "error", err)
	case status == http.StatusServiceUnavailable:
		level := slog.LevelError
		if errors.Is(err, certs.ErrBusy) { // anybody can cause it
			level = slog.LevelInfo
		}
		a.options.Logger.Log(r.Context(), level, "scep request not answered", "error", err)
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	case status == http.StatusMethodNotAllowed:
		w.Header().Set("Allow", "GET, POST")
	default:
		a.options.Logger.DebugContext(r.Context(), "scep request refused", "status", status, "error", err)
		if known.reason != "" {
			a.options.Refused(known.reason)
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, http.StatusText(status), status)
}

// answer does what one request asks for. Errors that are not an httpError are faults of the server.
func (a *Authority) answer(w http.ResponseWriter, r *http.Request) (*recorder, error) {
	if strings.TrimSuffix(r.URL.Path, "/") != a.options.Prefix {
		return nil, &httpError{status: http.StatusNotFound, cause: fmt.Errorf("path %.64q", r.URL.Path)}
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		return nil, &httpError{status: http.StatusMethodNotAllowed, cause: fmt.Errorf("method %.16q", r.Method)}
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &httpError{status: http.StatusBadRequest, cause: err}
	}
	switch operation := query.Get("operation"); {
	case operation == pkiOperation:
		message, err := readMessage(w, r, query)
		if err != nil {
			return nil, err
		}
		return a.enroll(r.Context(), message)
	case (operation == getCACaps || operation == getCACert) && r.Method == http.MethodGet:
		return a.describe(r.Context(), operation)
	default:
		return nil, &httpError{status: http.StatusBadRequest, cause: fmt.Errorf("%s operation %.32q", r.Method, operation)}
	}
}

func tooLarge(cause error) error {
	return &httpError{http.StatusRequestEntityTooLarge, cause, certs.ReasonTooLarge}
}

func malformed(cause error) error {
	return &httpError{http.StatusBadRequest, cause, certs.ReasonMalformed}
}

// readMessage returns the body of a POST or the message parameter of a GET.
func readMessage(w http.ResponseWriter, r *http.Request, query url.Values) ([]byte, error) {
	if r.Method == http.MethodGet {
		// Apple's client leaves the plus signs of base64 as they are in the URL, where they mean blanks.
		text := strings.ReplaceAll(query.Get("message"), " ", "+")
		if base64.StdEncoding.DecodedLen(len(text)) > maxMessage {
			return nil, tooLarge(fmt.Errorf("message of %d characters", len(text)))
		}
		message, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, malformed(errors.New("message is not base64"))
		}
		return message, nil
	}
	message, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, tooLarge(err)
		}
		return nil, malformed(err)
	}
	return message, nil
}

// describe has the library answer GetCACaps or GetCACert.
func (a *Authority) describe(ctx context.Context, operation string) (*recorder, error) {
	r := &redemption{SCEP: a.scep, authority: a}
	answer, err := a.call(ctx, r, scepapi.Get, http.MethodGet, operation, nil)
	if err != nil {
		return nil, err
	}
	if answer.status != http.StatusOK {
		return nil, fmt.Errorf("%s: %w", operation, r.reported)
	}
	return answer, nil
}

// enroll has the library answer a request for a certificate, and holds the answer back unless it is a refusal or
// the gatekeeper knows the certificate in it.
func (a *Authority) enroll(ctx context.Context, message []byte) (*recorder, error) {
	leave, err := a.options.Parses.Enter(ctx)
	if err != nil {
		return nil, err
	}
	leave = sync.OnceFunc(leave) // before the gatekeeper is asked, if it comes to that: others need not wait for a disk
	defer leave()
	legacy, err := inspect(message, a.options.LegacyCrypto)
	switch {
	case errors.Is(err, ber.ErrLimit):
		return nil, tooLarge(err)
	case err != nil:
		return nil, malformed(err)
	}
	r := &redemption{SCEP: a.scep, authority: a, legacy: legacy, parsed: leave}
	answer, err := a.call(ctx, r, scepapi.Post, http.MethodPost, pkiOperation, message)
	switch {
	case err != nil:
		return nil, err
	case errors.Is(r.fault, certs.ErrNotAdmitted): // withheld on second thoughts
		return nil, &httpError{http.StatusForbidden, r.fault, reasonRequest}
	case r.fault != nil:
		return nil, r.fault
	case r.signing && !r.issued:
		return nil, fmt.Errorf("sign: %w", errors.Join(errNoAdmission, r.reported))
	case answer.status != http.StatusOK:
		// The library gives up without a SCEP answer when it cannot verify or decrypt. All its reasons look the
		// same from outside, or the difference would be a decryption oracle.
		return nil, malformed(fmt.Errorf("scep message: %w", r.reported))
	}
	if !r.issued && !r.turnedAway {
		a.options.Refused(reasonRequest)
	}
	if r.reported != nil {
		a.options.Logger.DebugContext(ctx, "scep request answered with a failure", "error", r.reported)
	}
	return answer, nil
}

// call runs one of the library's handlers on a request made for it, with r as the provisioner.
func (a *Authority) call(
	ctx context.Context, r *redemption, handler http.HandlerFunc, method, operation string, message []byte,
) (*recorder, error) {
	ctx = scep.NewContext(ctx, a.library.GetSCEP())
	ctx = scep.NewProvisionerContext(ctx, r)
	ctx = apilog.WithErrorLogger(ctx, func(_ http.ResponseWriter, _ *http.Request, err error) { r.reported = err })
	target := &url.URL{Path: a.options.Prefix, RawQuery: url.Values{"operation": {operation}}.Encode()}
	request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(message))
	if err != nil {
		return nil, err
	}
	answer := &recorder{header: make(http.Header), status: http.StatusOK}
	handler(answer, request)
	return answer, nil
}

// recorder keeps an answer of the library until it is decided whether it may be sent.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) { r.status = status }
