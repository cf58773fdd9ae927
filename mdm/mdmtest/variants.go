package mdmtest

// System is one kind of phone in a mixed population.
type System struct {
	Version, Build string // of iOS
	ProductName    string // a model that runs it; "" keeps the one of the base
	Supervised     bool
}

// Variants returns base once for each system. UDID and serial number of base
// are left out, so that [New] gives each phone its own.
func Variants(base Options, systems []System) []Options {
	out := make([]Options, 0, len(systems))
	for _, s := range systems {
		o := base
		o.UDID, o.SerialNumber = "", ""
		o.OSVersion, o.Build, o.Supervised = s.Version, s.Build, s.Supervised
		if s.ProductName != "" {
			o.ProductName = s.ProductName
		}
		out = append(out, o)
	}
	return out
}

// BothWays returns each system supervised and not, in that order.
func BothWays(systems []System) []System {
	out := make([]System, 0, 2*len(systems))
	for _, s := range systems {
		for _, supervised := range []bool{true, false} {
			s.Supervised = supervised
			out = append(out, s)
		}
	}
	return out
}
