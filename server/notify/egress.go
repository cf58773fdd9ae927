package notify

import (
	"net/netip"
	"slices"
	"syscall"
)

// dialControl returns the check of every address that a webhook's name leads to,
// in the moment when it is connected to: whoever answers for the name cannot
// lead the server to a machine that nobody configured. Its signature is that of
// [net.Dialer]'s Control. Loopback says that the configured host is this machine
// itself.
func dialControl(loopback bool, allowed []netip.Prefix) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		target, err := netip.ParseAddrPort(address)
		if err != nil {
			return fault("not-public", "address", address)
		}
		ip := target.Addr().Unmap().WithZone("")
		inside := func(network netip.Prefix) bool { return network.Contains(ip) }
		switch {
		case loopback && ip.IsLoopback(), slices.ContainsFunc(allowed, inside):
			return nil
		case loopback, !ip.IsGlobalUnicast(), slices.ContainsFunc(notPublic(), inside):
			return fault("not-public", "address", ip.String())
		}
		return nil
	}
}

// notPublic are the networks of global unicast form that no public host is in
// (IANA, special-purpose address registries), among them those that carry an
// IPv4 address within: a translator would lead it anywhere.
func notPublic() []netip.Prefix {
	var networks []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10",
	} {
		networks = append(networks, netip.MustParsePrefix(text))
	}
	return networks
}
