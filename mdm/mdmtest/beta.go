package mdmtest

// betaProgram is the beta program that the phone takes part in, "" for none, as
// the settings declarations in force leave it (Apple, Device Management,
// SoftwareUpdateSettings, Beta): AlwaysOff wins, the first program that is required
// comes before those that are offered.
func (p *Phone) betaProgram() string {
	required, offered := "", ""
	for _, d := range p.inForce(typeSettings) {
		beta := dict(d.payload, "Beta")
		if str(beta, "ProgramEnrollment") == "AlwaysOff" {
			return ""
		}
		if required == "" {
			required = str(dict(beta, "RequireProgram"), "Description")
		}
		for _, v := range list(beta, "OfferPrograms") {
			if program, ok := v.(map[string]any); ok && offered == "" {
				offered = str(program, "Description")
			}
		}
	}
	if required == "" && p.o.User.JoinsBeta {
		return offered
	}
	return required
}
