package demo

import (
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
)

func TestReadDiary(t *testing.T) {
	t.Parallel()
	hold := func(detail string) mdmtest.Entry {
		return mdmtest.Entry{Time: hour(9), Kind: mdmtest.KindHold, Detail: detail}
	}
	profile, declaration := hold("90 days by profile"), hold("90 days by declaration")
	told := mdmtest.Entry{Time: hour(12), Kind: mdmtest.KindEnforcement, Version: "18.7.10"}
	scheduled := mdmtest.Entry{Time: hour(12), Kind: mdmtest.KindScheduled, Version: "15.8.8"}
	command := func(name string) mdmtest.Entry {
		return mdmtest.Entry{Time: hour(12), Kind: mdmtest.KindCommand, Type: name}
	}
	installed := func(release string) mdmtest.Entry {
		return mdmtest.Entry{Time: hour(13), Kind: mdmtest.KindInstalled, Version: release}
	}
	tests := map[string]struct {
		kind    kind
		entries []mdmtest.Entry
		want    string // part of the only contradiction; "" when there is none
	}{
		"profile and command":       {kind{os: "15.8.7", supervised: true, goal: "15.8.8"}, []mdmtest.Entry{profile, scheduled, installed("15.8.8")}, ""},
		"profile, then declaration": {kind{os: "17.7.2", supervised: true, goal: "18.7.10"}, []mdmtest.Entry{profile, told, installed("18.7.10"), hold("90 days by declaration, 90 by profile"), declaration}, ""},
		"declaration":               {kind{os: "18.5", supervised: true, goal: "18.7.10"}, []mdmtest.Entry{declaration, told, installed("18.7.10")}, ""},
		"declaration, unsupervised": {kind{os: "17.7.2", goal: "18.7.10"}, []mdmtest.Entry{told, installed("18.7.10")}, ""},
		"nothing to be done":        {kind{os: "15.8.7", goal: "15.8.8"}, nil, ""},
		"command before iOS 27":     {kind{os: "15.8.7"}, []mdmtest.Entry{command("OSUpdateStatus")}, ""},
		"inventory on iOS 27":       {kind{os: "27.0"}, []mdmtest.Entry{command("DeviceInformation")}, ""},

		"held without supervision":     {kind{os: "15.8.7"}, []mdmtest.Entry{profile}, "was held by profile at 2026-08-20T09:00:00Z; iOS 15.8.7, not supervised, is held by nothing"},
		"declaration before iOS 18":    {kind{os: "17.7.2", supervised: true}, []mdmtest.Entry{declaration}, "iOS 17.7.2, supervised, is held by profile"},
		"profile on iOS 18":            {kind{os: "18.5", supervised: true}, []mdmtest.Entry{profile}, "is held by declaration"},
		"both on iOS 18":               {kind{os: "18.5", supervised: true}, []mdmtest.Entry{hold("90 days by declaration, 90 by profile")}, "is held by declaration"},
		"old hold instead of the new":  {kind{os: "17.7.2", supervised: true}, []mdmtest.Entry{profile, installed("18.7.10"), profile}, "iOS 18.7.10, supervised, is held by declaration"},
		"hold lost":                    {kind{os: "15.8.7", supervised: true}, []mdmtest.Entry{profile, hold("none")}, "lost its hold at 2026-08-20T09:00:00Z"},
		"never held":                   {kind{os: "15.8.7", supervised: true}, nil, "was never held, though iOS 15.8.7, supervised, can be by profile"},
		"declaration before iOS 17":    {kind{os: "16.7.11"}, []mdmtest.Entry{told}, "was told to install 18.7.10 by declaration at 2026-08-20T12:00:00Z; iOS 16.7.11, not supervised, is told by nothing"},
		"command from iOS 17 on":       {kind{os: "17.7.2"}, []mdmtest.Entry{scheduled}, "is told by declaration"},
		"command without supervision":  {kind{os: "15.8.7"}, []mdmtest.Entry{scheduled}, "is told by nothing"},
		"removed command":              {kind{os: "27.0"}, []mdmtest.Entry{command("OSUpdateStatus")}, "received OSUpdateStatus at 2026-08-20T12:00:00Z on iOS 27.0, which removed it"},
		"removed command after update": {kind{os: "26.5"}, []mdmtest.Entry{installed("27.0"), command("AvailableOSUpdates")}, "which removed it"},
		"never installed":              {kind{os: "16.7.11", supervised: true, goal: "16.7.16"}, []mdmtest.Entry{profile}, "runs iOS 16.7.11 and should have installed 16.7.16 by command"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := readDiary(test.kind, test.entries).wrong
			switch {
			case test.want == "" && len(got) > 0:
				t.Errorf("found %q, want nothing", got)
			case test.want != "" && (len(got) != 1 || !strings.Contains(got[0], test.want)):
				t.Errorf("found %q, want one contradiction with %q", got, test.want)
			}
		})
	}
}

// What a diary says of a phone is the first of each mechanism, and since when.
func TestReadDiaries(t *testing.T) {
	t.Parallel()
	entries := []mdmtest.Entry{
		{Phone: "P", Time: hour(1), Kind: mdmtest.KindHold, Detail: "90 days by profile"},
		{Phone: "Q", Time: hour(2), Kind: mdmtest.KindScheduled, Version: "15.8.8"},
		{Phone: "P", Time: hour(3), Kind: mdmtest.KindEnforcement, Version: "18.7.10"},
		{Phone: "P", Time: hour(4), Kind: mdmtest.KindInstalled, Version: "18.7.10"},
		{Phone: "P", Time: hour(5), Kind: mdmtest.KindHold, Detail: "90 days by declaration"},
	}
	diaries, problems := readDiaries(entries, map[string]kind{
		"P": {os: "17.7.2", supervised: true, place: place{older, production}},
		"Q": {os: "15.8.7", place: place{older, production}},
	})
	p := diaries["P"]
	if p.hold != byProfile || !p.held.Equal(hour(1)) || p.update != byDeclaration || len(p.installed) != 1 || p.installed[0] != (installation{"18.7.10", hour(4)}) {
		t.Errorf("diary of P: %+v", p)
	}
	if len(problems) != 1 || !strings.HasPrefix(problems[0].String(), "Q (older, production): was told to install 15.8.8 by command") {
		t.Errorf("problems: %v, want the one of Q", problems)
	}
}
