package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Errors that Import wraps, besides InputError and ErrUnknownKind.
var (
	// ErrEmptyFeed means that no row of the file concerns an iPhone, iPad or
	// iPod touch.
	ErrEmptyFeed = errors.New("the feed has no usable row")
	// ErrShrunkFeed means that the file has fewer than half the rows of the
	// newest accepted copy of its kind, which a truncated copy has and a real one
	// never did.
	ErrShrunkFeed = errors.New("the feed has shrunk")
)

// Report tells what an import did.
type Report struct {
	Kind Kind
	// New are the versions that were not in the catalogue before.
	New []string
	// Changed are the known releases that differ now, newest first. A printed
	// expiry that rolls on while a release is offered is not a change.
	Changed []Change
	// Unchanged counts the other releases in the catalogue.
	Unchanged int
	// Skipped names rows that do not concern the catalogue, with the reason.
	Skipped []string
	// Warnings are for the operator to read.
	Warnings []Warning
	// Stale: older than the newest accepted copy, so that it could only add.
	Stale bool
}

// Change says what is different about a release.
type Change struct {
	Version string
	What    []Difference
}

// Import adds a file to the catalogue and returns the new catalogue; the old
// one does not change. The kind is detected. At is when the file was fetched
// from its source; it dates what has left Apple's list.
//
// Import is atomic: on an error (InputError, ErrUnknownKind, ErrEmptyFeed,
// ErrShrunkFeed) nothing is taken over. Nothing known is ever forgotten; a copy
// older than the newest accepted one only adds. Importing a file again changes
// nothing but the time it was last seen.
func (c *Catalog) Import(data []byte, at time.Time) (*Catalog, Report, error) {
	root, err := parseJSON(data)
	if err != nil {
		return nil, Report{}, fmt.Errorf("import: %w", err)
	}
	kind, err := detect(root)
	if err != nil {
		return nil, Report{}, fmt.Errorf("import: %w", err)
	}
	report := Report{Kind: kind}
	next, err := c.importKind(root, c.newSource(kind, data, at), &report)
	if err != nil {
		return nil, Report{}, fmt.Errorf("import %s: %w", kind, err)
	}
	report.fill(c, next)
	return next, report, nil
}

func (c *Catalog) newSource(kind Kind, data []byte, at time.Time) Source {
	sum := sha256.Sum256(data)
	src := Source{Kind: kind, FetchedAt: at.UTC(), Digest: hex.EncodeToString(sum[:])}
	// The same bytes again are no fresher than they were.
	if last, ok := c.Source(kind); ok && last.Digest == src.Digest && src.FetchedAt.After(last.FetchedAt) {
		src.FetchedAt = last.FetchedAt
	}
	return src
}

func (c *Catalog) importKind(root *node, src Source, report *Report) (*Catalog, error) {
	switch src.Kind {
	case GDMF:
		return c.importGDMF(root, src, report)
	case SOFA:
		return c.importSOFA(root, src, report)
	case KEV:
		return c.importKEV(root, src, report)
	case Bundle:
		return c.importBundle(root, report)
	}
	return nil, ErrUnknownKind
}

// replayed reports whether a copy of Apple's list prints earlier dates of expiry
// than the last one and names no release posted after all that are known. It was
// made before the last, and a release withdrawn since must not come back with it.
func (c *Catalog) replayed(src, last Source) bool {
	var posted Date
	for _, r := range c.releases {
		posted = latest(posted, r.Posted)
	}
	return !src.LastExpiry.IsZero() && src.LastExpiry.Before(last.LastExpiry) && !src.Newest.After(posted)
}

// admit checks a copy against the newest accepted one of its kind. It returns
// true when the copy is stale, that is, may only add.
func (c *Catalog) admit(src Source, report *Report) (stale bool, err error) {
	if src.Entries == 0 {
		return false, ErrEmptyFeed
	}
	last, ok := c.Source(src.Kind)
	if !ok {
		return false, nil
	}
	if src.Entries*2 < last.Entries {
		return false, fmt.Errorf("%w: %w", ErrShrunkFeed, inputError("", "fewer-rows", fmt.Sprintf("%d rows, the last copy had %d", src.Entries, last.Entries),
			ParamCount, strconv.Itoa(src.Entries), ParamWas, strconv.Itoa(last.Entries)))
	}
	// A withdrawn release takes the newest date back as well, but then Apple's
	// rolling expiry has still moved on.
	wentBack := src.Newest.Before(last.Newest) && !src.LastExpiry.After(last.LastExpiry) || c.replayed(src, last)
	if wentBack || src.FetchedAt.Before(last.FetchedAt) {
		report.Stale = true
		report.Warnings = append(report.Warnings, Warning{WarningOlder, map[string]string{
			ParamFetched: last.FetchedAt.Format(isoDate), ParamNewest: last.Newest.String(), ParamHere: src.Newest.String(),
		}})
		return true, nil
	}
	return false, nil
}
