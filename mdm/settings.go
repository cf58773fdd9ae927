package mdm

import (
	"errors"
	"fmt"
)

const reqSettings = "Settings"

// SettingsCommand changes settings of the device. Needs right 2048.
type SettingsCommand struct {
	Settings []SettingsItem `plist:"Settings"` // at least one
}

// SettingsItem is the item SoftwareUpdateSettings of a Settings command, the
// only one made here: which of two branches the person is offered. Supervised
// devices from iOS 14.5 to 26.
type SettingsItem struct {
	Item string `plist:"Item"`
	// RecommendationCadence is 0 for both branches, 1 for the older, 2 for the
	// newer one (Apple, Device Management, Settings).
	RecommendationCadence int `plist:"RecommendationCadence"`
}

// CadenceItem returns the item for CadenceAll, CadenceOldest or CadenceNewest,
// the words of the declaration that replaced it. Any other value makes an item
// that NewCommand refuses.
func CadenceItem(cadence string) SettingsItem {
	item := SettingsItem{Item: "SoftwareUpdateSettings", RecommendationCadence: -1}
	switch cadence {
	case CadenceAll:
		item.RecommendationCadence = 0
	case CadenceOldest:
		item.RecommendationCadence = 1
	case CadenceNewest:
		item.RecommendationCadence = 2
	}
	return item
}

// RequestType returns "Settings".
func (SettingsCommand) RequestType() string { return reqSettings }

func (c SettingsCommand) validate() error {
	if len(c.Settings) == 0 {
		return errors.New("no settings")
	}
	for _, item := range c.Settings {
		if "Settings."+item.Item != FeatureUpdateCadence {
			return fmt.Errorf("unknown item %q", item.Item)
		}
		if item.RecommendationCadence < 0 || item.RecommendationCadence > 2 {
			return errors.New("recommendation cadence is not 0, 1 or 2")
		}
	}
	return nil
}

// SettingsResult is what became of one item.
type SettingsResult struct {
	Status     Status
	ErrorChain []ErrorItem
}

// SettingsResults reads the Settings of the result. The command as a whole is
// acknowledged even when an item failed. Apple documents one dictionary;
// devices send a list with an entry for each item; both are read. It is an
// error, a *ParseError, when there is neither.
func (r *Result) SettingsResults() ([]SettingsResult, error) {
	v, err := payload(r, reqSettings, func(v any) (any, bool) { return v, true })
	if err != nil {
		return nil, err
	}
	if m, ok := asDictionary(v); ok {
		v = []any{m}
	}
	l, ok := asList(v)
	if !ok {
		return nil, malformed(reqSettings + " has an unusable type")
	}
	entries := newFields(map[string]any{reqSettings: l}).objects(reqSettings)
	results := make([]SettingsResult, 0, len(entries))
	for _, f := range entries {
		results = append(results, SettingsResult{Status: Status(f.text("Status")), ErrorChain: f.errorChain()})
	}
	return results, nil
}
