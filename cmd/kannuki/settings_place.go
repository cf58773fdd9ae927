package main

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/policyfile"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// placedError is an error about a line of a file.
type placedError struct {
	place policyfile.Place
	about string // the key, unless the error itself names it
	err   error
}

func (e *placedError) Error() string {
	if e.about == "" {
		return e.place.String() + ": " + e.err.Error()
	}
	return e.place.String() + ": " + e.about + ": " + e.err.Error()
}

// Unwrap returns the error.
func (e *placedError) Unwrap() error { return e.err }

// inFiles says where in the files an error of the server stands.
func (g *globals) inFiles(files *policyfile.Files, err error) error {
	e, ok := errors.AsType[*api.Error](err)
	if !ok {
		return err
	}
	if e.Code == api.CodeConflict {
		return g.changedSince(files, nil, nil, err)
	}
	place, ok := files.Place(files.Item(e.Field, e.Params["value"]))
	if !ok {
		return err
	}
	// What is worded here names the key, without the number of the entry.
	here := *e
	message, named := strings.CutPrefix(here.Message, here.Field+": ")
	here.Field, here.Message = place.Key, message
	if named && here.Code == api.CodeInvalid {
		here.Message = place.Key + ": " + message
		return &placedError{place: place, err: &here}
	}
	return &placedError{place: place, about: place.Key, err: &here}
}

// changedSince says that files would change other things now than were shown
// before, and in which line the first of them stands.
func (g *globals) changedSince(files *policyfile.Files, shown, now []fleet.SettingsChange, err error) error {
	place, found := changedPlace(files, shown, now)
	if !found {
		place = policyfile.Place{File: files.Path}
	}
	changed := errors.New(g.text.T("Nothing was done: other things would change than were shown."))
	text := (&placedError{place, place.Key, changed}).Error()
	return &nextError{&wordedError{text, &placedError{place, place.Key, err}}, g.text.T("Look again with `kannuki diff`, then decide.")}
}

// changedPlace finds the first line that was shown to change something and does
// so no more, or otherwise, or that changes something that was not shown.
func changedPlace(files *policyfile.Files, shown, now []fleet.SettingsChange) (policyfile.Place, bool) {
	if shown == nil {
		return policyfile.Place{}, false // nobody knows what was shown
	}
	for _, pair := range [][2][]fleet.SettingsChange{{now, shown}, {shown, now}} {
		for _, c := range pair[0] {
			i := slices.IndexFunc(pair[1], func(o fleet.SettingsChange) bool { return o.Kind == c.Kind && o.Name == c.Name && o.Action == c.Action })
			if i < 0 {
				if place, ok := files.Setting(c.Kind, c.Name, ""); ok {
					return place, true
				}
				continue
			}
			for _, f := range c.Fields {
				same := func(o fleet.FieldChange) bool { return reflect.DeepEqual(o, f) }
				if place, ok := files.Setting(c.Kind, c.Name, f.Field); ok && !slices.ContainsFunc(pair[1][i].Fields, same) {
					return place, true
				}
			}
		}
	}
	return policyfile.Place{}, false
}
