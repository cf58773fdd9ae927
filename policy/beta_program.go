package policy

// BetaMode says what verification phones are told about Apple's beta programs.
type BetaMode string

// The modes. Any other value counts as BetaOff. Only the settings declaration of iOS
// 18 rules beta programs (Apple, Device Management, SoftwareUpdateSettings, Beta);
// production phones are kept out of them whatever the mode is.
const (
	// BetaOff: no phone takes part in a beta program.
	BetaOff BetaMode = "off"
	// BetaOffer: testers find the program in the settings of the phone and may
	// choose it.
	BetaOffer BetaMode = "offer"
	// BetaRequire: supervised phones take part by themselves; on others it counts as
	// BetaOff.
	BetaRequire BetaMode = "require"
)

// BetaPrograms is what a policy says about beta programs.
type BetaPrograms struct {
	Mode    BetaMode // "" is BetaOff
	Program string   // name of the program; "": BetaOff
}

// ParseBetaMode returns the mode that a text names, or an error that lists those
// there are.
func ParseBetaMode(s string) (BetaMode, error) {
	return oneOf("setting for beta programs", BetaMode(s), BetaOff, BetaOffer, BetaRequire)
}

// beta says what a phone may be told of beta programs.
func (h *Hold) beta(b BetaPrograms, ring Ring) {
	if ring != RingVerification || h.Cadence != ByDeclaration || b.Program == "" {
		return
	}
	switch {
	case b.Mode == BetaOffer, b.Mode == BetaRequire && h.Supervised:
		h.Beta, h.BetaProgram = b.Mode, b.Program
	}
}
