package catalog_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/catalog"
)

// TestScreensAreKnown: every iPhone of the built-in catalogue from the iPhone 8 on has a
// screen, and no other device has.
func TestScreensAreKnown(t *testing.T) {
	t.Parallel()
	screens, names := catalog.Screens(), embedded(t).Models()
	for model, name := range names {
		generation, _ := strconv.Atoi(strings.Split(strings.TrimPrefix(model, "iPhone"), ",")[0])
		want := strings.HasPrefix(model, "iPhone") && generation >= 10
		if (screens[model] != "") != want {
			t.Errorf("%s (%s) has screen %q, want one: %t", model, name, screens[model], want)
		}
	}
	for model := range screens {
		if names[model] == "" {
			t.Errorf("%s is no model of the catalogue", model)
		}
	}
}

// TestScreens: the same size at another scale is another screen, and models that are sold
// beside each other have theirs.
func TestScreens(t *testing.T) {
	t.Parallel()
	screens := catalog.Screens()
	for model, want := range map[string]string{
		"iPhone10,1": "375x667@2x", "iPhone14,6": "375x667@2x", // 8, SE (3rd generation)
		"iPhone11,8": "414x896@2x", "iPhone11,6": "414x896@3x", // XR, XS Max
		"iPhone14,7": "390x844@3x", "iPhone15,2": "393x852@3x", // 14, 14 Pro
		"iPhone17,3": "393x852@3x", "iPhone17,1": "402x874@3x", // 16, 16 Pro
		"iPhone18,3": "402x874@3x", "iPhone18,4": "420x912@3x", // 17, Air
		"iPhone17,5": "390x844@3x", "iPhone18,5": "390x844@3x", // 16e, 17e
	} {
		if screens[model] != want {
			t.Errorf("%s: %q, want %q", model, screens[model], want)
		}
	}
}
