package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// receiver starts a webhook's other end, written after docs/api.md alone:
// receiver NAME SECRET. It sets NAME to its address, behaves as the file NAME.mode
// says (ok, full, moved or silent), and keeps what it got in NAME.log: the key,
// the kind, and whether the signature is right.
func receiver(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: receiver NAME SECRET")
	}
	name, secret := args[0], args[1]
	mode, log := ts.MkAbs(name+".mode"), ts.MkAbs(name+".log")
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		says, modeErr := os.ReadFile(mode)
		if err != nil || modeErr != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		switch strings.TrimSpace(string(says)) {
		case "full":
			http.Error(w, "no room here", http.StatusServiceUnavailable)
			return
		case "moved":
			http.Redirect(w, r, "/elsewhere", http.StatusPermanentRedirect)
			return
		case "silent":
			<-r.Context().Done()
			return
		}
		mu.Lock()
		defer mu.Unlock()
		f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = f.WriteString(received(r, body, secret))
			_ = f.Close()
		}
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, "thank you")
	}))
	ts.Defer(func() {
		server.CloseClientConnections()
		server.Close()
	})
	ts.Setenv(name, server.URL)
}

// received is the line of one message.
func received(r *http.Request, body []byte, secret string) string {
	at, signature, _ := strings.Cut(r.Header.Get("Kannuki-Signature"), ",v1=")
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(strings.TrimPrefix(at, "t=") + "." + string(body)))
	genuine := "forged"
	if hmac.Equal([]byte(signature), []byte(hex.EncodeToString(mac.Sum(nil)))) {
		genuine = "genuine"
	}
	var m struct{ ID, Kind, Text string }
	if err := json.Unmarshal(body, &m); err != nil || m.ID != r.Header.Get("Idempotency-Key") {
		genuine += " and wrong"
	}
	return fmt.Sprintln(m.ID, m.Kind, genuine, m.Text)
}
