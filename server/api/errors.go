package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Codes of an [Error]. They are stable.
const (
	CodeInvalid     = "invalid"     // a value cannot be used; Field names it, Near what could be meant
	CodeRefused     = "refused"     // policy forbids it; Detail and Missing say why
	CodeNotFound    = "not-found"   // Near names what does exist
	CodeConflict    = "conflict"    // changed since it was shown
	CodeUnavailable = "unavailable" // the server is not ready
	CodeDenied      = "denied"      // no or a wrong token
	CodeDiskFull    = "disk-full"   // nothing was written; it works again once there is room
	CodeInternal    = "internal"    // a fault; the request id finds it in the log
)

// Error is what a failed request answers.
type Error struct {
	Status    int               `json:"-"`
	Code      string            `json:"code"`
	Message   string            `json:"message"`
	Detail    string            `json:"detail,omitempty"` // finer code
	Field     string            `json:"field,omitempty"`
	What      string            `json:"what,omitempty"`   // kind of thing that was not found
	Name      string            `json:"name,omitempty"`   // name that was not found
	Params    map[string]string `json:"params,omitempty"` // values of the message
	Missing   []fleet.Missing   `json:"missing,omitempty"`
	Near      []string          `json:"near,omitempty"`
	RequestID string            `json:"request_id,omitempty"`
}

func (e *Error) Error() string { return e.Message }

// asError turns an error of the use cases into what the caller may see.
// Anything unknown becomes a neutral text: its own words go to the log only.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*fleet.EntryError](err); ok {
		return asError(e.Err).within(e.At)
	}
	if e, ok := errors.AsType[*fleet.RefusedError](err); ok {
		return &Error{Status: http.StatusForbidden, Code: CodeRefused, Message: e.Message, Detail: e.Code, Field: e.Field, Params: e.Params, Missing: e.Missing}
	}
	if e, ok := errors.AsType[*fleet.InvalidError](err); ok {
		return &Error{Status: http.StatusBadRequest, Code: CodeInvalid, Message: e.Error(), Detail: e.Code, Field: e.Field, Params: e.Params, Near: e.Near}
	}
	if e, ok := errors.AsType[*fleet.NotFoundError](err); ok {
		return &Error{Status: http.StatusNotFound, Code: CodeNotFound, Message: e.Error(), What: e.What, Name: e.Name, Near: e.Near}
	}
	if e, ok := errors.AsType[*enroll.InvalidError](err); ok {
		return &Error{Status: http.StatusBadRequest, Code: CodeInvalid, Message: e.Message, Detail: e.Code, Field: e.Field, Params: e.Params}
	}
	if e, ok := errors.AsType[*fleet.ChangedError](err); ok {
		return &Error{
			Status: http.StatusConflict, Code: CodeConflict, Message: "nothing was done: the gate changed since it was shown",
			Params: map[string]string{"release": e.Release, "group": e.Group},
		}
	}
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return &Error{Status: http.StatusNotFound, Code: CodeNotFound, Message: "not found"}
	case errors.Is(err, storage.ErrConflict):
		return &Error{Status: http.StatusConflict, Code: CodeConflict, Message: "nothing was done: it changed since it was shown"}
	case errors.Is(err, storage.ErrFull):
		return diskFull()
	case errors.Is(err, enroll.ErrNoTopic):
		return &Error{Status: http.StatusForbidden, Code: CodeRefused, Detail: "no-push-certificate", Message: enroll.ErrNoTopic.Error()}
	case errors.Is(err, enroll.ErrRemoved):
		return &Error{Status: http.StatusForbidden, Code: CodeRefused, Detail: "removed", Message: enroll.ErrRemoved.Error()}
	case errors.Is(err, enroll.ErrIdentityEnded):
		return &Error{Status: http.StatusForbidden, Code: CodeRefused, Detail: "identity-ended", Message: enroll.ErrIdentityEnded.Error()}
	case errors.Is(err, fleet.ErrNotReady):
		return &Error{Status: http.StatusServiceUnavailable, Code: CodeUnavailable, Detail: "not-ready", Message: "the server is not ready yet; try again in a moment"}
	default:
		return &Error{Status: http.StatusInternalServerError, Code: CodeInternal, Message: "internal fault"}
	}
}

// within says which entry of a request an error is about: its field becomes
// "groups[0].rights", or "groups[0]" when it had none.
func (e *Error) within(at string) *Error {
	message, named := strings.CutPrefix(e.Message, e.Field+": ")
	if named && e.Field != "" {
		at += "." + e.Field
	}
	e.Field, e.Message = at, at+": "+message
	return e
}

func diskFull() *Error {
	return &Error{
		Status: http.StatusInsufficientStorage, Code: CodeDiskFull,
		Message: "nothing was done: the disk of the server is full; make room, then try again (no restart is needed)",
	}
}

// invalid says which field of a request cannot be used. The code and the value
// at fault are for the wording in other languages.
func invalid(field, code, value, message string) error {
	return &Error{
		Status: http.StatusBadRequest, Code: CodeInvalid, Detail: code, Field: field, Message: field + ": " + message,
		Params: map[string]string{"value": value},
	}
}

type errorBody struct {
	Error *Error `json:"error"`
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// Fault says why something that was done over the network did not succeed; the zero value
// when it did.
type Fault struct {
	Problem string `json:"problem,omitempty"` // in English
	// Detail and Params name the problem for its wording in other languages, as those of an
	// [Error] do; absent of one that has no code.
	Detail string            `json:"detail,omitempty"`
	Params map[string]string `json:"params,omitempty"`
}
