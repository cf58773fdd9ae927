package freeport_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/kannuki-mdm/kannuki/internal/freeport"
)

// TestAddress: each address can be listened on, its port is none that the
// system would give to a client, and searches hardly ever meet.
func TestAddress(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for range 20 {
		address, err := freeport.Address(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := strconv.Atoi(port); err != nil || n < 1024 || n >= 32768 || host != "127.0.0.1" {
			t.Errorf("address = %s, want one of 127.0.0.1 below the ports of clients", address)
		}
		found[address] = true
	}
	if len(found) < 15 {
		t.Errorf("20 searches gave %d addresses, want them spread", len(found))
	}
}

func TestPort(t *testing.T) {
	t.Parallel()
	port, err := freeport.Port(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := strconv.Atoi(port); err != nil {
		t.Errorf("port = %q, want a number", port)
	}
}
