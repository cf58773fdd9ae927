package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// bundleFormat names our own format; bundleVersion grows when a reader of the
// version before could not read a file correctly.
const (
	bundleFormat  = "kannuki-catalogue"
	bundleVersion = 1
)

// The types below are the file. Model lists stand once in a table, and others
// refer to them by position (from 1; 0 is none): most releases are for the same
// few sets of models.
type bundleHead struct {
	Format  string            `json:"format"`
	Version int               `json:"version"`
	Sources []bundleSource    `json:"sources"`
	Models  map[string]string `json:"models"`
	KEV     map[string]Date   `json:"kev"`
}

type bundleSource struct {
	Kind       Kind      `json:"kind"`
	FetchedAt  time.Time `json:"fetchedAt"`
	Digest     string    `json:"digest"`
	Entries    int       `json:"entries"`
	Newest     Date      `json:"newest,omitzero"`
	LastExpiry Date      `json:"lastExpiry,omitzero"`
}

type bundleRelease struct {
	Version     string        `json:"version"`
	Synthetic   bool          `json:"synthetic,omitempty"`
	Posted      Date          `json:"posted,omitzero"`
	SecurityURL string        `json:"securityURL,omitempty"`
	Builds      []bundleBuild `json:"builds,omitempty"`
	Facts       []bundleFacts `json:"facts,omitempty"`
	CVEs        []string      `json:"cves,omitempty"`
	Exploited   []string      `json:"exploited,omitempty"`
	KEV         []string      `json:"kev,omitempty"`
}

type bundleBuild struct {
	ID           string `json:"id"`
	Prerequisite string `json:"prerequisite,omitempty"`
	Models       int    `json:"models,omitempty"`
}

// bundleFacts are the ModelFacts that a list of models shares.
type bundleFacts struct {
	Models        int  `json:"models"`
	Posted        Date `json:"posted,omitzero"`
	Listed        bool `json:"listed,omitempty"`
	LeftPublic    Date `json:"leftPublic,omitzero"`
	LeftAssets    Date `json:"leftAssets,omitzero"`
	PrintedExpiry Date `json:"printedExpiry,omitzero"`
	Inferred      bool `json:"inferred,omitempty"`
}

// Marshal writes the catalogue as a bundle that Unmarshal and Import read. The
// same catalogue always gives the same bytes.
func (c *Catalog) Marshal() ([]byte, error) {
	head := bundleHead{Format: bundleFormat, Version: bundleVersion, Models: c.Models(), KEV: c.kev}
	if head.KEV == nil {
		head.KEV = map[string]Date{}
	}
	head.Sources = make([]bundleSource, len(c.sources))
	for i, s := range c.sources {
		head.Sources[i] = bundleSource(s)
	}
	var lists modelLists
	releases := make([]any, len(c.releases))
	for i, r := range c.releases {
		releases[i] = lists.release(r)
	}
	table := make([]any, len(lists.table))
	for i, list := range lists.table {
		table[i] = list
	}
	text, err := json.Marshal(head)
	if err != nil {
		return nil, fmt.Errorf("write bundle: %w", err)
	}
	var b bytes.Buffer
	b.Write(bytes.TrimSuffix(text, []byte("}")))
	if err := errors.Join(writeLines(&b, "lists", table), writeLines(&b, "releases", releases)); err != nil {
		return nil, fmt.Errorf("write bundle: %w", err)
	}
	b.WriteString("\n}\n")
	return b.Bytes(), nil
}

// writeLines writes one element per line, so that bundles can be compared.
func writeLines(b *bytes.Buffer, key string, items []any) error {
	fmt.Fprintf(b, ",\n%q:[", key)
	for i, item := range items {
		text, err := json.Marshal(item)
		if err != nil {
			return err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
		b.Write(text)
	}
	b.WriteByte(']')
	return nil
}

// modelLists builds the table of model lists.
type modelLists struct {
	table [][]string
	known map[string]int
}

// number returns the position of a list, from 1, adding it if need be.
func (l *modelLists) number(models []string) int {
	if len(models) == 0 {
		return 0
	}
	key := strings.Join(models, "\n")
	if l.known == nil {
		l.known = map[string]int{}
	}
	if n, ok := l.known[key]; ok {
		return n
	}
	l.table = append(l.table, models)
	l.known[key] = len(l.table)
	return len(l.table)
}

func (l *modelLists) release(r Release) bundleRelease {
	out := bundleRelease{Version: r.Version, Synthetic: r.Synthetic, Posted: r.Posted, SecurityURL: r.SecurityURL}
	for _, b := range r.Builds {
		out.Builds = append(out.Builds, bundleBuild{ID: b.ID, Prerequisite: b.Prerequisite, Models: l.number(b.Models)})
	}
	// Models with equal facts share a line, in the order of the first model.
	var order []ModelFacts
	groups := map[ModelFacts][]string{}
	for _, f := range r.Models {
		model := f.Model
		f.Model = ""
		if _, known := groups[f]; !known {
			order = append(order, f)
		}
		groups[f] = append(groups[f], model)
	}
	for _, f := range order {
		out.Facts = append(out.Facts, bundleFacts{
			Models: l.number(groups[f]), Posted: f.Posted, Listed: f.Listed, LeftPublic: f.LeftPublic,
			LeftAssets: f.LeftAssets, PrintedExpiry: f.PrintedExpiry, Inferred: f.Inferred,
		})
	}
	for _, cve := range r.CVEs {
		out.CVEs = append(out.CVEs, cve.ID)
		if cve.Exploited {
			out.Exploited = append(out.Exploited, cve.ID)
		}
		// The rest follows from the KEV table.
		if cve.KEV && cve.KEVAdded.IsZero() {
			out.KEV = append(out.KEV, cve.ID)
		}
	}
	return out
}
