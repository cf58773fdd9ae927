package api

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strconv"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
	"github.com/google/uuid"

	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/fleet"
)

// Sizes of request bodies.
const (
	maxBody   = 1 << 20
	maxImport = 16 << 20
)

// maxText is how many characters a person may write in one go: a reason, a note
// or evidence. It is kept as it was written, so what is longer is refused.
const maxText = 500

// Authenticate proves who a request comes from. An error refuses it.
type Authenticate func(r *http.Request) (Principal, error)

// Handler serves the admin interface.
type Handler struct {
	fleet        *fleet.Fleet
	enroll       *enroll.Service
	ops          Operations
	authenticate Authenticate
	changed      func()
	logger       *slog.Logger
	mux          *http.ServeMux
}

// NewHandler returns the admin interface. The function changed is called after
// every write that phones may have to hear of.
func NewHandler(f *fleet.Fleet, e *enroll.Service, ops Operations, authenticate Authenticate, changed func(), logger *slog.Logger) *Handler {
	h := &Handler{fleet: f, enroll: e, ops: ops, authenticate: authenticate, changed: changed, logger: logger, mux: http.NewServeMux()}
	for _, r := range routes() {
		h.mux.Handle(r.pattern, h.serve(r))
	}
	return h
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	router, pattern := h.mux.Handler(r)
	if written := r.URL.EscapedPath(); path.Clean(written) != written { // the router would send it elsewhere
		router, pattern = http.NotFoundHandler(), ""
	}
	if pattern == "" {
		refuseUnrouted(router, w, r)
		return
	}
	h.mux.ServeHTTP(w, r)
}

// Patterns returns every route, for the census of routes.
func Patterns() []string {
	var out []string
	for _, r := range routes() {
		out = append(out, r.pattern)
	}
	return out
}

// route is one operation. A write marks the fleet for a sweep afterwards.
type route struct {
	pattern string
	query   string // keys of the URL's query, with blanks between; see readQuery
	write   bool
	full    func(h *Handler, c *call) bool // whether it goes on when the disk is nearly full; nil: never
	limit   int64                          // of the request body, bytes; 0 means maxBody
	handle  func(h *Handler, c *call) (any, error)
}

// call is one request on its way.
type call struct {
	Principal
	ctx    context.Context //nolint:containedctx // lives as long as the request it belongs to
	r      *http.Request
	w      http.ResponseWriter
	keys   []string // that the query may have
	values url.Values
	body   []byte
	looks  bool // changes nothing, whatever its method: no act
	dry    bool // only tried
}

// write is what every changing request may carry.
type write struct {
	Reason string `json:"reason"`
	DryRun bool   `json:"dry_run"`
}

func (c *call) act(w write) fleet.Act {
	c.dry = c.dry || w.DryRun
	return fleet.Act{Actor: c.Actor, Person: c.Person, Reason: w.Reason, DryRun: w.DryRun}
}

// decode reads the JSON body strictly: unknown keys are errors, and so are those
// in another case, so that a misspelt dry_run can never become the real thing.
func (c *call) decode(v any) error { return c.decodeUpTo(maxNodes, v) }

// decodeUpTo does it for a body of at most so many keys and values.
func (c *call) decodeUpTo(nodes int, v any) error {
	if err := guardJSON(c.body, nodes); err != nil {
		return invalid("body", "not-json", err.Error(), err.Error())
	}
	// The next version of Go's JSON package: today's takes a key in another case
	// for the one it looks like, without a way to tell it not to.
	exact := jsonv2.JoinOptions(jsonv1.DefaultOptionsV1(), jsonv2.MatchCaseInsensitiveNames(false))
	if err := jsonv2.Unmarshal(c.body, v, exact, jsonv2.RejectUnknownMembers(true)); err != nil {
		return invalid("body", "not-json", err.Error(), err.Error())
	}
	var written struct { // in whichever request has them
		Reason   string `json:"reason"`
		Note     string `json:"note"`
		Evidence string `json:"evidence"`
		DryRun   bool   `json:"dry_run"`
	}
	if err := jsonv2.Unmarshal(c.body, &written, exact); err != nil {
		return invalid("body", "not-json", err.Error(), err.Error())
	}
	c.dry = written.DryRun
	return cmp.Or(CheckText("reason", written.Reason), CheckText("note", written.Note), CheckText("evidence", written.Evidence))
}

// CheckText refuses a text that a person wrote when it is longer than 500
// characters or not UTF-8. The field is its name in a request.
func CheckText(field, text string) error {
	if !utf8.ValidString(text) {
		return invalid(field, "not-utf-8", "", "not UTF-8")
	}
	if n := utf8.RuneCountInString(text); n > maxText {
		return &Error{
			Status: http.StatusBadRequest, Code: CodeInvalid, Detail: "text-too-long", Field: field,
			Message: fmt.Sprintf("%s: %d characters, want at most %d", field, n, maxText),
			Params:  map[string]string{"most": strconv.Itoa(maxText)},
		}
	}
	return nil
}

// with makes the handler of a route whose body is JSON.
func with[T any](handle func(h *Handler, c *call, in T) (any, error)) func(h *Handler, c *call) (any, error) {
	return withUpTo(maxNodes, handle)
}

// withUpTo is with for bodies of at most so many keys and values.
func withUpTo[T any](nodes int, handle func(h *Handler, c *call, in T) (any, error)) func(h *Handler, c *call) (any, error) {
	return func(h *Handler, c *call) (any, error) {
		var in T
		if err := c.decodeUpTo(nodes, &in); err != nil {
			return nil, err
		}
		return handle(h, c, in)
	}
}

// raw is an answer that is not JSON and has been written already.
type raw struct{}

func (h *Handler) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{ctx: r.Context(), r: r, w: w}
		answer, err := h.run(rt, c)
		if err == nil {
			if _, done := answer.(raw); done {
				return
			}
			if c.dry {
				answer = Tried(answer)
			}
			err = writeJSON(w, http.StatusOK, answer)
			if err != nil {
				h.logger.DebugContext(r.Context(), "answer not delivered", "error", err)
			}
			return
		}
		e := *asError(err)
		e.RequestID = uuid.NewString()
		h.logFailure(rt, c, &e, err)
		if err := writeJSON(w, e.Status, errorBody{&e}); err != nil {
			h.logger.DebugContext(r.Context(), "answer not delivered", "error", err)
		}
	})
}

// readBody reads a body that says to have n bytes, or -1, into as much memory.
func readBody(body io.Reader, n int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(max(n, 0)) + bytes.MinRead) // with room for the read that finds the end
	_, err := b.ReadFrom(body)
	return b.Bytes(), err
}

// logFailure logs a request that was refused or came to a fault. What was
// mistyped or does not exist is between the caller and the answer. Who has no
// access has no line each: there may be any number, and who proves the identity
// counts them.
func (h *Handler) logFailure(rt route, c *call, e *Error, err error) {
	switch e.Code {
	case CodeInternal:
		h.logger.ErrorContext(c.ctx, "admin request failed", "request_id", e.RequestID, "route", rt.pattern, "error", err)
	case CodeRefused, CodeConflict, CodeDiskFull:
		h.logger.WarnContext(c.ctx, "admin act refused", "request_id", e.RequestID, "actor", c.Actor, "route", c.route(),
			"code", e.Code, "detail", e.Detail, "dry_run", c.dry)
	}
}

// route is what was asked for, as the log names it.
func (c *call) route() string { return c.r.Method + " " + c.r.URL.Path }

func (h *Handler) run(rt route, c *call) (answer any, err error) {
	defer func() {
		if p := recover(); p != nil {
			if abort, ok := p.(error); ok && errors.Is(abort, http.ErrAbortHandler) {
				panic(p)
			}
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if c.Principal, err = h.authenticate(c.r); err != nil {
		return nil, &Error{Status: http.StatusForbidden, Code: CodeDenied, Detail: "no-access", Message: "not allowed: " + err.Error()}
	}
	if err := c.readQuery(rt.query); err != nil {
		return nil, err
	}
	limit := rt.limit
	if limit == 0 {
		limit = maxBody
	}
	c.body, err = readBody(http.MaxBytesReader(c.w, c.r.Body, limit), min(c.r.ContentLength, limit))
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, &Error{Status: http.StatusRequestEntityTooLarge, Code: CodeInvalid, Detail: "too-large", Message: fmt.Sprintf("the request is larger than %d bytes", limit), Params: map[string]string{"most": strconv.FormatInt(limit, 10)}}
	}
	if err != nil {
		return nil, invalid("body", "not-received", "", "not received completely")
	}
	if (rt.full == nil || !rt.full(h, c)) && h.ops.Disk().State == DiskReadOnly {
		return nil, diskFull()
	}
	if rt.write {
		// Also after an error: what was stored before it is in force.
		defer h.changed()
	}
	answer, err = rt.handle(h, c)
	if c.r.Method != http.MethodGet && !c.looks && err == nil {
		h.logger.InfoContext(c.ctx, "admin act", "actor", c.Actor, "route", c.route(), "dry_run", c.dry)
	}
	return answer, err
}
