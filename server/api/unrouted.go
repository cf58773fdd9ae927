package api

import (
	"net/http"

	"github.com/google/uuid"
)

// unrouted keeps what the router says to a request for which it has no route:
// that is text, and a program that talks to this interface reads JSON.
type unrouted struct {
	header http.Header
	status int
}

// Header implements [http.ResponseWriter].
func (u *unrouted) Header() http.Header { return u.header }

// WriteHeader implements it.
func (u *unrouted) WriteHeader(status int) { u.status = status }

// Write implements it.
func (u *unrouted) Write(b []byte) (int, error) { return len(b), nil }

// refuseUnrouted answers a request that belongs to no route. Nobody is asked who
// he is: which routes there are is no secret.
func refuseUnrouted(router http.Handler, w http.ResponseWriter, r *http.Request) {
	said := &unrouted{header: http.Header{}}
	router.ServeHTTP(said, r)
	if said.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", said.header.Get("Allow"))
		Deny(w, &Error{
			Status: said.status, Code: CodeInvalid, Detail: "wrong-method", Field: "method",
			Message: "method: " + r.Method + " is not for this path, but " + said.header.Get("Allow"),
			Params:  map[string]string{"value": r.Method, "methods": said.header.Get("Allow")},
		})
		return
	}
	Deny(w, &Error{Status: http.StatusNotFound, Code: CodeNotFound, What: "operation", Name: r.URL.Path, Message: "there is no operation of this path"})
}

// Deny answers a request that comes to no operation. That it may not arrive is
// the caller's loss alone.
func Deny(w http.ResponseWriter, e *Error) {
	e.RequestID = uuid.NewString()
	_ = writeJSON(w, e.Status, errorBody{e})
}
