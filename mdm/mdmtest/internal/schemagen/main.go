// Command schemagen condenses Apple's device management schema into the one
// table package mdmtest embeds. It keeps what an iPhone needs in order to
// accept or refuse what a server sends; descriptions and other platforms go.
//
// Usage, with a checkout of Apple's device-management repository:
//
//	go run ./mdm/mdmtest/internal/schemagen DIR > mdm/mdmtest/schema/ios.json
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// source is the part of one YAML file that matters here.
type source struct {
	Payload struct {
		RequestType     string              `yaml:"requesttype"`
		PayloadType     string              `yaml:"payloadtype"`
		DeclarationType string              `yaml:"declarationtype"`
		StatusItemType  string              `yaml:"statusitemtype"`
		SupportedOS     map[string]platform `yaml:"supportedOS"`
		Apply           string              `yaml:"apply"`
	} `yaml:"payload"`
	PayloadKeys []sourceKey `yaml:"payloadkeys"`
}

// platform is the support statement for one platform.
type platform struct {
	Introduced         any      `yaml:"introduced"`
	Removed            any      `yaml:"removed"`
	Supervised         *bool    `yaml:"supervised"`
	AccessRights       string   `yaml:"accessrights"`
	AllowedEnrollments []string `yaml:"allowed-enrollments"`
}

type sourceKey struct {
	Key         string              `yaml:"key"`
	Type        string              `yaml:"type"`
	Presence    string              `yaml:"presence"`
	RangeList   []any               `yaml:"rangelist"`
	Range       *bounds             `yaml:"range"`
	Format      string              `yaml:"format"`
	CombineType string              `yaml:"combinetype"`
	SupportedOS map[string]platform `yaml:"supportedOS"`
	SubKeys     []sourceKey         `yaml:"subkeys"`
}

type bounds struct {
	Min *float64 `yaml:"min" json:"min,omitempty"`
	Max *float64 `yaml:"max" json:"max,omitempty"`
}

// item and key are the output; package mdmtest documents and reads them.
type item struct {
	Introduced string `json:"in"`
	Removed    string `json:"rm,omitempty"`
	Supervised bool   `json:"sup,omitempty"`
	Rights     string `json:"rights,omitempty"`
	Keys       []key  `json:"keys,omitempty"`
}

type key struct {
	Name       string  `json:"k"`
	Type       string  `json:"t"`
	Required   bool    `json:"req,omitempty"`
	Introduced string  `json:"in,omitempty"`
	Removed    string  `json:"rm,omitempty"`
	Supervised bool    `json:"sup,omitempty"`
	Rights     string  `json:"rights,omitempty"`
	OneOf      []any   `json:"of,omitempty"`
	Range      *bounds `json:"range,omitempty"`
	Format     string  `json:"fmt,omitempty"`
	Keys       []key   `json:"keys,omitempty"`
}

// profilePayloads are the files of the payload types the phone takes; others
// it refuses.
var profilePayloads = []string{
	"TopLevel", "CommonPayloadKeys", "com.apple.mdm", "com.apple.applicationaccess",
	"com.apple.security.scep", "com.apple.security.acme", "com.apple.security.root",
	"com.apple.security.pem", "com.apple.security.pkcs1", "com.apple.security.pkcs12",
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: schemagen SCHEMA-FOLDER > ios.json")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

// run writes the table for the schema in dir.
func run(dir string, w io.Writer) error {
	out := map[string]map[string]item{}
	sections := []struct {
		name, glob string
		id         func(source) string
	}{
		{"commands", "mdm/commands/*.yaml", func(s source) string { return s.Payload.RequestType }},
		{"payloads", "mdm/profiles/*.yaml", func(s source) string { return s.Payload.PayloadType }},
		{"declarations", "declarative/declarations/*/*.yaml", func(s source) string { return s.Payload.DeclarationType }},
		{"protocol", "declarative/protocol/*.yaml", func(s source) string { return s.Payload.RequestType }},
		{"protocol", "declarative/declarations/*.yaml", func(source) string { return "DeclarationBase" }},
		{"status", "declarative/status/*.yaml", func(s source) string { return s.Payload.StatusItemType }},
	}
	for _, sec := range sections {
		if out[sec.name] == nil {
			out[sec.name] = map[string]item{}
		}
		files, err := filepath.Glob(filepath.Join(dir, sec.glob))
		if err != nil {
			return fmt.Errorf("list %s: %w", sec.glob, err)
		}
		if len(files) == 0 {
			return errors.New("no file matches " + sec.glob)
		}
		for _, file := range files {
			// Other payload files are not even read: some hold YAML aliases to
			// themselves.
			if sec.name == "payloads" && !slices.Contains(profilePayloads, strings.TrimSuffix(filepath.Base(file), ".yaml")) {
				continue
			}
			s, err := read(file)
			if err != nil {
				return err
			}
			id := sec.id(s)
			if id == "" {
				continue
			}
			if it, ok := convert(s, sec.name); ok {
				out[sec.name][id] = it
			}
		}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}

func read(file string) (source, error) {
	var s source
	data, err := os.ReadFile(file) //nolint:gosec // the operator names the folder
	if err != nil {
		return s, fmt.Errorf("read schema: %w", err)
	}
	if err := yaml.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("parse %s: %w", filepath.Base(file), err)
	}
	return s, nil
}

// convert reports false for what iOS does not have.
func convert(s source, section string) (item, bool) {
	ios, ok := s.Payload.SupportedOS["iOS"]
	if !ok || version(ios.Introduced) == "n/a" {
		return item{}, false
	}
	it := item{
		Introduced: version(ios.Introduced), Removed: version(ios.Removed),
		Supervised: supervised(ios), Rights: rights(ios.AccessRights),
	}
	if section != "status" { // the phone produces status, it does not check it
		it.Keys = convertKeys(s.PayloadKeys)
	}
	return it, true
}

func convertKeys(in []sourceKey) []key {
	var out []key
	for _, k := range in {
		ios := k.SupportedOS["iOS"]
		if version(ios.Introduced) == "n/a" {
			continue
		}
		out = append(out, key{
			Name: k.Key, Type: strings.Trim(k.Type, "<>"), Required: k.Presence == "required",
			Introduced: version(ios.Introduced), Removed: version(ios.Removed),
			Supervised: supervised(ios), Rights: rights(ios.AccessRights),
			OneOf: k.RangeList, Range: k.Range, Format: k.Format, Keys: convertKeys(k.SubKeys),
		})
	}
	return out
}

// version prints a version that YAML may have read as a number.
func version(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func supervised(o platform) bool {
	if len(o.AllowedEnrollments) > 0 {
		for _, e := range o.AllowedEnrollments {
			if e == "device" {
				return false
			}
		}
		return true
	}
	return o.Supervised != nil && *o.Supervised
}

func rights(s string) string {
	switch s {
	case "None", "Special Case", "n/a":
		return ""
	}
	return s
}
