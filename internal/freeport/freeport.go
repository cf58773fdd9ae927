// Package freeport finds addresses of this machine for servers that are started
// a moment later: of a laboratory, a demonstration, a measurement or a test.
package freeport

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strconv"
	"syscall"
)

// Ports below those that systems take for outgoing connections by themselves
// (Linux: from 32768 on, net.ipv4.ip_local_port_range; macOS and Windows: from
// 49152 on, as IANA has it). One of those would be free now and a client's a moment later.
const (
	first = 15_000
	end   = 32_768
)

// tries bounds the search: with half of the ports in use it fails once in 2^50.
const tries = 50

// Address returns host and port of a loopback address that nothing listens on.
// It is not reserved: the port is a random one of thousands, so that programs
// that search at the same time hardly ever find the same.
func Address(ctx context.Context) (string, error) {
	var last error
	for range tries {
		n, err := rand.Int(rand.Reader, big.NewInt(end-first))
		if err != nil {
			return "", fmt.Errorf("find a free port: %w", err)
		}
		address := net.JoinHostPort("127.0.0.1", strconv.FormatInt(first+n.Int64(), 10))
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		switch {
		case err == nil:
			return address, l.Close()
		case !errors.Is(err, syscall.EADDRINUSE):
			return "", fmt.Errorf("find a free port: %w", err)
		}
		last = err
	}
	return "", fmt.Errorf("find a free port: %w", last)
}

// Port is the port of an [Address].
func Port(ctx context.Context) (string, error) {
	address, err := Address(ctx)
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(address)
	return port, err
}
