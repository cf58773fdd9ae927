package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Names of the listeners.
const (
	listenDevice = "device"
	listenAdmin  = "admin"
	listenSocket = "socket"
)

// Limits of connections. Bodies have limits of their own where they are read.
const (
	maxHeaderBytes = 16 << 10 // net/http allows its read buffer, 4 KiB, on top
	drainTimeout   = 5 * time.Second
)

// Timeouts bound how long a connection may take, so that slow or silent peers
// cannot hold on to connections for ever. The zero value of each field is its
// default.
type Timeouts struct {
	Header time.Duration // TLS handshake, and again the header of a request; 10 s
	Read   time.Duration // a whole request; 60 s, as phones upload over slow links
	Write  time.Duration // an answer to a phone, from the end of its header on; 60 s
	Stream time.Duration // an answer on the admin side, which streams whole databases; 30 min
	Idle   time.Duration // between two requests; 120 s
}

func (t Timeouts) orDefaults() Timeouts {
	return Timeouts{
		Header: cmp.Or(t.Header, 10*time.Second), Read: cmp.Or(t.Read, time.Minute), Write: cmp.Or(t.Write, time.Minute),
		Stream: cmp.Or(t.Stream, 30*time.Minute), Idle: cmp.Or(t.Idle, 2*time.Minute),
	}
}

// listener is one listening socket and the server behind it.
type listener struct {
	name string
	net  net.Listener
	http *http.Server
}

// serve accepts connections until the context ends, then drains.
func (l *listener) serve(ctx context.Context) error {
	var stopping sync.WaitGroup
	stopping.Add(1)
	stop := context.AfterFunc(ctx, func() {
		defer stopping.Done()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		if err := l.http.Shutdown(drain); err != nil {
			_ = l.http.Close() // what did not drain is cut
		}
	})
	err := l.http.Serve(l.net)
	if stop() {
		stopping.Done()
	}
	stopping.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("%s listener: %w", l.name, err)
}

// listen opens every listener or none.
func (s *Server) listen(ctx context.Context) ([]*listener, error) {
	var open []*listener
	for _, make := range []func(context.Context) (*listener, error){s.listenDevice, s.listenSocket, s.listenAdmin} {
		l, err := make(ctx)
		if err != nil {
			for _, o := range open {
				err = errors.Join(err, o.net.Close())
			}
			return nil, err
		}
		if l != nil {
			open = append(open, l)
		}
	}
	return open, nil
}

func (s *Server) httpServer(h http.Handler, write time.Duration) *http.Server {
	t := s.o.Timeouts.orDefaults()
	return &http.Server{
		Handler: h, MaxHeaderBytes: maxHeaderBytes, ReadHeaderTimeout: t.Header, ReadTimeout: t.Read,
		WriteTimeout: write, IdleTimeout: t.Idle, ErrorLog: quietLog(s.o.Logger),
	}
}

// listenTCP listens on the address under a key of the configuration. Another
// program there is a *SetupError.
func listenTCP(ctx context.Context, key, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &SetupError{
			Code: "address-in-use", Params: map[string]string{"key": key, "address": address},
			Err: fmt.Errorf("another program listens on %s already; end it, or change %s in config.yaml: %w", address, key, err),
		}
	}
	if err != nil {
		return nil, fmt.Errorf("config %s: %w", key, err)
	}
	return l, nil
}

// listenDevice opens the listener of the phones.
func (s *Server) listenDevice(ctx context.Context) (*listener, error) {
	inner, err := listenTCP(ctx, "listen", s.config.Listen)
	if err != nil {
		return nil, err
	}
	server := s.httpServer(s.deviceHandler(), s.o.Timeouts.orDefaults().Write)
	if s.config.TLS.Off {
		return &listener{listenDevice, inner, server}, nil
	}
	certificate, err := s.certificateSource()
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		// Asked for but not verified by TLS: a refused identity then gets an
		// HTTP answer and an audit entry instead of a broken handshake.
		ClientAuth:     tls.RequestClientCert,
		GetCertificate: certificate,
	}
	// Phones speak HTTP/1.1 to their server; HTTP/2 would only add surface.
	server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
	return &listener{listenDevice, tls.NewListener(inner, config), server}, nil
}

// certificateSource returns the certificate of the device listener: of the
// installation's own root, or from files, which are read again when they
// change so that a renewal needs no restart.
func (s *Server) certificateSource() (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	if s.config.TLS.Certificate == "" {
		return func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			c := s.keys.ServerTLS()
			return &c, nil
		}, nil
	}
	f := &certificateFiles{config: s.config.TLS}
	if _, err := f.get(nil); err != nil {
		return nil, err
	}
	return f.get, nil
}

// certificateFiles keeps a certificate in step with its files. A pair that
// cannot be read or does not fit leaves the old one in use.
type certificateFiles struct {
	config TLSConfig

	mu      sync.Mutex
	current *tls.Certificate
	seen    time.Time
}

func (f *certificateFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.config.Certificate)
	if err == nil && (f.current == nil || info.ModTime().After(f.seen)) {
		pair, loadErr := tls.LoadX509KeyPair(f.config.Certificate, f.config.Key)
		if err = loadErr; err == nil {
			f.current, f.seen = &pair, info.ModTime()
		}
	}
	if f.current == nil {
		return nil, fmt.Errorf("tls certificate: %w", err)
	}
	return f.current, nil
}

// listenAdmin opens the loopback listener for programs with a token.
func (s *Server) listenAdmin(ctx context.Context) (*listener, error) {
	if s.config.AdminListen == "" {
		return nil, nil
	}
	l, err := listenTCP(ctx, "admin_listen", s.config.AdminListen)
	if err != nil {
		return nil, err
	}
	return &listener{listenAdmin, l, s.httpServer(guardHost(s.adminHandler(s.byToken)), s.o.Timeouts.orDefaults().Stream)}, nil
}

// guardHost refuses requests a browser was tricked into: a foreign Host
// header means that some page resolves its name to this machine.
func guardHost(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		api.Deny(w, &api.Error{
			Status: http.StatusForbidden, Code: api.CodeDenied, Detail: "cross-origin",
			Message: "not allowed: a browser sent it for another site",
		})
	}))
	sameOrigin := protection.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = strings.Trim(r.Host, "[]") // no port: [::1]
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			api.Deny(w, &api.Error{
				Status: http.StatusMisdirectedRequest, Code: api.CodeDenied, Detail: "foreign-host",
				Message: "not allowed: the Host header names another machine than this one",
			})
			return
		}
		sameOrigin.ServeHTTP(w, r)
	})
}

// byToken proves the actor by a bearer token.
func (s *Server) byToken(r *http.Request) (api.Principal, error) {
	secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return api.Principal{}, errors.New("no token")
	}
	token, err := s.store.TokenByHash(r.Context(), hashToken(secret))
	now := s.o.Wall()
	if err != nil || !token.RevokedAt.IsZero() || (!token.ExpiresAt.IsZero() && !now.Before(token.ExpiresAt)) {
		return api.Principal{}, errors.New("the token is unknown, expired or revoked")
	}
	actor := "token:" + token.Name
	if token.Person.Name != "" {
		actor += "(" + token.Person.Name + ")"
	}
	return api.Principal{Actor: actor, Person: token.Person, Segment: token.Segment}, nil
}

// listenSocket opens the Unix socket. Whoever may open it may administer the
// server; the kernel says who that is.
func (s *Server) listenSocket(ctx context.Context) (*listener, error) {
	path := filepath.Join(s.o.Data, socketFile)
	if err := removeStaleSocket(path); err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if err := os.Chmod(path, 0o660); err != nil { //nolint:gosec // the group of the data directory administers the server
		return nil, errors.Join(fmt.Errorf("socket: %w", err), l.Close())
	}
	server := s.httpServer(s.adminHandler(bySocket), s.o.Timeouts.orDefaults().Stream)
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, peerKey{}, socketPeer(c))
	}
	return &listener{listenSocket, l, server}, nil
}

type peerKey struct{}

// peer is what the kernel says of the other end of the socket.
type peer struct {
	uid uint32
	err error
}

func socketPeer(c net.Conn) peer {
	unixConn, ok := c.(*net.UnixConn)
	if !ok {
		return peer{err: errors.New("not a Unix socket")}
	}
	rawConn, err := unixConn.SyscallConn()
	if err != nil {
		return peer{err: err}
	}
	var credentials *unix.Ucred
	var credErr error
	if err := rawConn.Control(func(fd uintptr) {
		credentials, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return peer{err: err}
	}
	if credErr != nil {
		return peer{err: credErr}
	}
	return peer{uid: credentials.Uid}
}

// bySocket proves the actor by the credentials of the connecting process.
func bySocket(r *http.Request) (api.Principal, error) {
	p, ok := r.Context().Value(peerKey{}).(peer)
	if !ok || p.err != nil {
		return api.Principal{}, errors.New("the kernel does not say who is asking")
	}
	uid := strconv.FormatUint(uint64(p.uid), 10)
	actor, person := "uid:"+uid, "uid:"+uid
	if u, err := user.LookupId(uid); err == nil {
		actor, person = actor+"("+u.Username+")", u.Username
	}
	return api.Principal{Actor: actor, Person: storage.Person{Name: person}, Segment: storage.DefaultSegment}, nil
}

func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("public URL: %w", err)
	}
	return u, nil
}
