package catalog

import (
	_ "embed"
	"fmt"
)

// facts are made by internal/factgen; README.md in this folder says from what.
//
//go:generate sh -c "go run ./internal/factgen \"$KANNUKI_DATA_DIR/releases\" > facts.new && mv facts.new facts.json"
//go:embed facts.json
var facts []byte

// Embedded returns the release facts built into the binary: iOS and iPadOS
// releases as published up to 2026-08-22. They are a catalogue like any other,
// to start from and import into. Each call reads them anew.
func Embedded() (*Catalog, error) {
	c, err := Unmarshal(facts)
	if err != nil {
		return nil, fmt.Errorf("built-in release facts: %w", err)
	}
	return c, nil
}
