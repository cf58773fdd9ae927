package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
)

// versions reads what a flag says of versions of apps, such as
// com.example.pos=1.2, into a table.
func (s *simulation) versions(into map[string]string, flag string, given []string) error {
	for _, set := range given {
		id, version, ok := strings.Cut(set, "=")
		if !ok || id == "" || version == "" {
			return usage(s.cmd, s.g.text.T("%s %q: want BUNDLE-ID=VERSION", flag, set))
		}
		into[id] = version
	}
	return nil
}

// store returns what the App Store has for the phones.
func (s *simulation) store() ([]mdmtest.StoreApp, error) {
	versions := map[string]string{}
	if err := s.versions(versions, "--store", s.o.store); err != nil {
		return nil, err
	}
	var store []mdmtest.StoreApp
	for _, id := range slices.Sorted(maps.Keys(versions)) {
		app := mdmtest.App{BundleID: id, Name: id, Version: versions[id], ShortVersion: versions[id]}
		store = append(store, mdmtest.StoreApp{App: app, Licensed: true})
	}
	return store, nil
}
