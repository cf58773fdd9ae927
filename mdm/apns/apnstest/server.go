// Package apnstest is a stand-in for Apple's push service: HTTP/2 over TLS with
// client certificates, on loopback. It checks requests as strictly as Apple
// documents them, keeps the newest push of every token as Apple does, hands it
// to a callback, and fails on request. It serves tests and the demo alike and
// is no part of a real installation.
package apnstest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options are what a [Server] may be told. Now is required.
type Options struct {
	// Addr is where to listen; "" means a free port on 127.0.0.1.
	Addr string
	// Now is the wall clock; it decides on certificates and expiry.
	Now func() time.Time
	// Deliver gets each push that reaches its phone, one after the other and
	// outside the request. While it runs, further pushes of a token replace
	// each other. With nil, pushes wait until [Server.Take].
	Deliver func(token []byte, magic string)
	// Authority is what [NewAuthority] returned, for a stand-in whose roots and
	// push certificates outlive it; nil makes a new one.
	Authority []byte
	// LogSize is how many requests the log keeps; 0 means 10,000.
	LogSize int
}

// Server is a running stand-in. Its methods are safe for concurrent use.
type Server struct {
	// URL is the host for the push client, "https://127.0.0.1:port".
	URL string
	// Roots verifies the server, for the push client.
	Roots *x509.CertPool
	// RootPEM is the same root as PEM, for a configuration file.
	RootPEM []byte

	options   Options
	authority *authority
	http      *http.Server
	listener  *listener
	done      sync.WaitGroup
	stop      context.CancelFunc

	mu       sync.Mutex
	script   script
	store    store
	log      []Entry // ring, next is overwritten next
	next     int
	counts   Counts
	underWay int           // requests
	wakeUp   chan struct{} // there is something to deliver
}

// New starts a stand-in with a certificate authority of its own.
func New(o Options) (*Server, error) {
	if o.Now == nil {
		return nil, errors.New("push stand-in: no clock given")
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.LogSize <= 0 {
		o.LogSize = 10_000
	}
	ca, err := o.authority()
	if err != nil {
		return nil, fmt.Errorf("push stand-in: %w", err)
	}
	var lc net.ListenConfig
	inner, err := lc.Listen(context.Background(), "tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("push stand-in: %w", err)
	}
	host, _, err := net.SplitHostPort(inner.Addr().String())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("push stand-in: %w", err), inner.Close())
	}
	own, err := ca.serverCertificate(host)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("push stand-in: %w", err), inner.Close())
	}
	s := &Server{
		URL:       "https://" + inner.Addr().String(),
		Roots:     ca.pool,
		RootPEM:   ca.rootPEM(),
		options:   o,
		authority: ca,
		listener:  newListener(inner),
		script:    newScript(),
		store:     newStore(),
		counts:    Counts{Answers: map[string]int{}},
		wakeUp:    make(chan struct{}, 1),
	}
	s.start(own)
	return s, nil
}

func (o Options) authority() (*authority, error) {
	if o.Authority == nil {
		return newAuthority(o.Now())
	}
	return readAuthority(o.Authority)
}

func (s *Server) start(own tls.Certificate) {
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	s.http = &http.Server{
		Handler:   http.HandlerFunc(s.handle),
		Protocols: protocols,
		TLSConfig: &tls.Config{
			MinVersion:   tls.VersionTLS12,
			Certificates: []tls.Certificate{own},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ClientCAs:    s.authority.pool,
			Time:         s.options.Now,
		},
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // refused handshakes are part of the play
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	s.done.Go(func() {
		// It returns ErrServerClosed after Close, and there is nobody to tell of anything else.
		_ = s.http.ServeTLS(s.listener, "", "")
	})
	if s.options.Deliver != nil {
		s.done.Go(func() { s.deliver(ctx) })
	}
}

// Close stops the server and waits for its goroutines, a running Deliver
// included. Pushes not delivered are gone.
func (s *Server) Close() error {
	s.stop()
	err := s.http.Close()
	s.done.Wait()
	if err != nil {
		return fmt.Errorf("close push stand-in: %w", err)
	}
	return nil
}

// deliver hands out pushes until ctx ends.
func (s *Server) deliver(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wakeUp:
		}
		for ctx.Err() == nil {
			token, magic, ok := s.nextDelivery()
			if !ok {
				break
			}
			s.options.Deliver(token, magic)
		}
	}
}

func (s *Server) nextDelivery() (token []byte, magic string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	token, magic, ok = s.store.next(s.options.Now())
	if ok {
		s.counts.Delivered++
	}
	return token, magic, ok
}

// signal tells the delivering goroutine to look. It never blocks.
func (s *Server) signal() {
	select {
	case s.wakeUp <- struct{}{}:
	default:
	}
}
