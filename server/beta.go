package server

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
)

// BetaProgram is one of Apple's beta programs that verification phones can be
// enrolled in. Policies know it by its name.
type BetaProgram struct {
	// Name is shown on the phones: "AppleSeed for IT".
	Name string `yaml:"name"`
	// TokenFile holds the organisation's token of the program, as Apple Business
	// Manager's service gives it (Apple, Device Management, SoftwareUpdateSettings,
	// Beta). It is read when the server starts.
	TokenFile string `yaml:"token_file"`
}

// Bounds of a beta program.
const (
	maxBetaPrograms = 20
	maxBetaName     = 100  // characters
	maxBetaToken    = 4096 // bytes; Apple names no bound
)

// checkBetaPrograms returns what is wrong with the list, with the key.
func checkBetaPrograms(list []BetaProgram) error {
	if len(list) > maxBetaPrograms {
		return fmt.Errorf("beta_programs: more than %d", maxBetaPrograms)
	}
	seen := map[string]bool{}
	for i, p := range list {
		switch {
		case p.Name == "" || len([]rune(p.Name)) > maxBetaName || strings.ContainsFunc(p.Name, unicode.IsControl):
			return fmt.Errorf("beta_programs[%d].name: want 1 to %d printable characters", i, maxBetaName)
		case seen[p.Name]:
			return fmt.Errorf("beta_programs[%d].name: two programs are called %q", i, p.Name)
		case p.TokenFile == "":
			return fmt.Errorf("beta_programs[%d].token_file: is missing: name a file with the token of the program", i)
		}
		seen[p.Name] = true
	}
	return nil
}

// readBetaPrograms returns the tokens by the names of the programs. A token that
// cannot be read is an error, because a phone that is told of no program leaves it.
func readBetaPrograms(list []BetaProgram) (map[string]string, error) {
	tokens := make(map[string]string, len(list))
	for i, p := range list {
		token, err := readBetaToken(p.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("beta_programs[%d].token_file: %w", i, err)
		}
		tokens[p.Name] = token
	}
	return tokens, nil
}

func readBetaToken(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no file", path)
	}
	f, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxBetaToken+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if token == "" || len(text) > maxBetaToken || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s holds no token: want one line of at most %d characters without spaces", path, maxBetaToken)
	}
	return token, nil
}
