package mdm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
)

// retryAfterSeconds is what a 503 asks for. Devices keep their own schedule;
// proxies and simulators heed it.
const retryAfterSeconds = 60

// HandlerOptions are the optional parts of a Handler.
type HandlerOptions struct {
	// Logger gets faults and refused bodies, never contents; nil for none.
	Logger *slog.Logger
	// ResultLimits returns the limits of a request to the command URL; nil
	// for ResultLimits(). It is called before the body is read.
	ResultLimits func(ctx context.Context, p Peer) Limits
	// Refused hears of every refused identity, for the security audit.
	Refused func(ctx context.Context, r Refusal)
	// Quarantine gets results that were not understood, with the reason,
	// before the Service does.
	Quarantine func(ctx context.Context, p Peer, r *Result, reason string)
}

// Handler answers devices. It has no state of its own and may be used by any
// number of requests at once.
type Handler struct {
	service  Service
	identify Identifier
	o        HandlerOptions
}

// NewHandler returns a handler that asks id who speaks and s what to answer.
func NewHandler(s Service, id Identifier, o HandlerOptions) *Handler {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.ResultLimits == nil {
		o.ResultLimits = func(context.Context, Peer) Limits { return ResultLimits() }
	}
	if o.Refused == nil {
		o.Refused = func(context.Context, Refusal) {}
	}
	if o.Quarantine == nil {
		o.Quarantine = func(context.Context, Peer, *Result, string) {}
	}
	return &Handler{service: s, identify: id, o: o}
}

// ServeHTTP serves a single URL for both kinds of request, told apart by
// their media type.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if mediaType(r) == mediaCheckin {
		h.ServeCheckin(w, r)
		return
	}
	h.ServeCommand(w, r)
}

// ServeCheckin serves the check-in URL.
func (h *Handler) ServeCheckin(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r, exchange{
		endpoint: endpointCheckin,
		limits:   func(context.Context, Peer) Limits { return ResultLimits() },
		accepts:  func(media string) bool { return media == mediaCheckin },
		answer:   h.checkin,
	})
}

// ServeCommand serves the command URL. A request without Content-Type is a
// poll like any other.
func (h *Handler) ServeCommand(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r, exchange{
		endpoint: endpointCommand,
		limits:   h.o.ResultLimits,
		accepts:  func(media string) bool { return media == mediaCommand || media == "" },
		answer:   h.report,
	})
}

// exchange is what the two URLs do differently.
type exchange struct {
	endpoint string
	limits   func(context.Context, Peer) Limits
	accepts  func(media string) bool
	answer   func(context.Context, request) (Reply, error)
}

// request is an identified request.
type request struct {
	peer   Peer
	body   []byte
	limits Limits
}

// refusedError carries a Refusal to where it is handled.
type refusedError struct {
	refusal Refusal
}

func (e *refusedError) Error() string { return "refused: " + e.refusal.Err.Error() }
func (e *refusedError) Unwrap() error { return e.refusal.Err }

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, x exchange) {
	if r.Method != http.MethodPut {
		w.Header().Set("Allow", http.MethodPut)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	req, reply, err := h.exchange(r, x)
	if err != nil {
		h.fail(w, r, x.endpoint, req.body, err)
		return
	}
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(len(reply.Body)))
	if len(reply.Body) > 0 {
		header.Set("Content-Type", reply.ContentType)
	}
	w.WriteHeader(http.StatusOK)
	if _, err := w.Write(reply.Body); err != nil {
		// The device is gone; it asks again and gets the same answer.
		h.o.Logger.DebugContext(r.Context(), "reply_not_delivered", "endpoint", x.endpoint, "error", err)
	}
}

// exchange identifies the peer, reads the body and asks the service, in this
// order: nothing is parsed for a peer without identity.
func (h *Handler) exchange(r *http.Request, x exchange) (req request, reply Reply, err error) {
	defer func() {
		if v := recover(); v != nil {
			if abort, ok := v.(error); ok && errors.Is(abort, http.ErrAbortHandler) {
				panic(v)
			}
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	ctx := r.Context()
	peer, check, err := h.identify.Claim(r)
	if err != nil {
		return req, reply, refuse(peer, err)
	}
	if !x.accepts(mediaType(r)) {
		return req, reply, malformed("wrong Content-Type for this URL")
	}
	req = request{peer: peer, limits: x.limits(ctx, peer)}
	if req.body, err = readBody(r, req.limits.Bytes); err != nil {
		return req, reply, err
	}
	if check != nil {
		if err := check(req.body); err != nil {
			return req, reply, refuse(peer, err)
		}
	}
	reply, err = x.answer(ctx, req)
	return req, reply, err
}

// refuse makes a refusal of an identity error, unless the fault is our own.
func refuse(peer Peer, err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return &refusedError{Refusal{Peer: peer, Err: err}}
}

// maxDrain is how much of a body over its limit is read and thrown away, so
// that the device gets its answer and keeps its connection. What is larger
// still loses both.
const maxDrain = 8 << 20

// readBody reads the whole body.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, malformed("body cut off")
	}
	if int64(len(body)) <= limit {
		return body, nil
	}
	if _, err := io.CopyN(io.Discard, r.Body, maxDrain); err != nil && !errors.Is(err, io.EOF) {
		return nil, malformed("body cut off")
	}
	return nil, &ParseError{What: "body larger than allowed", Offset: limit, Err: ErrTooLarge}
}

func (h *Handler) checkin(ctx context.Context, req request) (Reply, error) {
	c, err := DecodeCheckin(req.body)
	if err != nil {
		return Reply{}, err
	}
	reply, err := h.service.Checkin(ctx, req.peer, c)
	if err != nil {
		return Reply{}, attribute(err, req.peer, c.Enrolled())
	}
	if reply.ContentType == "" {
		reply.ContentType = ContentTypeXML
		if c.MessageType() == msgDeclarativeManagement {
			reply.ContentType = ContentTypeJSON
		}
	}
	return reply, nil
}

func (h *Handler) report(ctx context.Context, req request) (Reply, error) {
	r, err := DecodeResult(req.body, req.limits)
	if err != nil {
		return Reply{}, err
	}
	if r.NotUnderstood != "" {
		h.o.Quarantine(ctx, req.peer, r, r.NotUnderstood)
	}
	cmd, err := h.service.Report(ctx, req.peer, r)
	if err != nil {
		return Reply{}, attribute(err, req.peer, r.Enrollment)
	}
	if cmd == nil {
		return Reply{}, nil // zero bytes: no command
	}
	return Reply{ContentType: ContentTypeXML, Body: cmd.Body}, nil
}

// attribute adds to a refusal by the service whom it was about.
func attribute(err error, peer Peer, e Enrollment) error {
	if errors.Is(err, ErrRefused) {
		return &refusedError{Refusal{Peer: peer, Enrollment: e, Err: err}}
	}
	return err
}

// fail is the one place where an error becomes an answer, and where it is
// logged or handed to the audit. No answer has a body: devices show none.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, endpoint string, body []byte, err error) {
	ctx := r.Context()
	if refused, ok := errors.AsType[*refusedError](err); ok {
		refusal := refused.refusal
		refusal.Endpoint, refusal.RemoteAddr = endpoint, r.RemoteAddr
		h.o.Refused(ctx, refusal)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if parse, ok := errors.AsType[*ParseError](err); ok {
		sum := sha256.Sum256(body)
		h.o.Logger.WarnContext(ctx, "device_message_refused", "endpoint", endpoint, "error", parse,
			"message_type", parse.MessageType, "body_bytes", len(body), "body_sha256", hex.EncodeToString(sum[:]))
		if errors.Is(parse, ErrTooLarge) {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	switch {
	case errors.Is(err, ErrNotFound):
		w.WriteHeader(http.StatusNotFound)
	case errors.Is(err, ErrUserNotManaged):
		w.WriteHeader(http.StatusGone)
	default:
		level := slog.LevelError
		if errors.Is(err, ErrUnavailable) || errors.Is(err, context.Canceled) {
			level = slog.LevelInfo
		}
		h.o.Logger.Log(ctx, level, "device_request_failed", "endpoint", endpoint, "error", err)
		w.Header().Set("Retry-After", strconv.Itoa(retryAfterSeconds))
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// mediaType returns the media type without parameters, lower case; "" when
// there is none.
func mediaType(r *http.Request) string {
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(media))
}
