package storage

import (
	"encoding/json"
	"fmt"
	"strings"
)

// WaveShares are how many phones each wave of a rollout and those before it are: "5%"
// of them, or "20" for that many. They were percentages alone once, and numbers;
// records, files and programs of then are read as before.
type WaveShares []string

// UnmarshalJSON reads a list of texts, of numbers, or of both. Numbers alone are
// percentages. Where a percentage is written as one, as in [20, "50%", "100%"], a number is one
// of phones, so that a list means what the same words mean on a command line.
func (s *WaveShares) UnmarshalJSON(text []byte) error {
	var items []any
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	if err := dec.Decode(&items); err != nil {
		return fmt.Errorf("decode waves: %w", err)
	}
	if items == nil {
		*s = nil
		return nil
	}
	unit, shares := "%", make(WaveShares, len(items))
	for i, item := range items {
		switch v := item.(type) {
		case string:
			unit, shares[i] = "", v
		case json.Number:
			shares[i] = v.String()
		default:
			return fmt.Errorf("decode waves: item %d is neither a text nor a number", i+1)
		}
	}
	for i := range shares {
		shares[i] += unit
	}
	*s = shares
	return nil
}
