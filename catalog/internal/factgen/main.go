// Command factgen makes the release facts that package catalog has built in.
//
// It reads published copies from the folder given as its only argument and
// writes a bundle to standard output:
//
//	gdmf_pmv_2026-04-11.json, gdmf_pmv.json   copies of Apple's list (GDMF)
//	ios_data_feed.json, models.json           SOFA v2
//	kev_apple.json                            CISA KEV, rows of Apple
//	gdmf_observed.json                        when builds came and went (observed.go)
//
// The copies go through the ordinary importers; only what two copies cannot
// tell, the days between them, is added from the observations.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "factgen:", err)
		os.Exit(1)
	}
}

// oldCopyDay is the day of the older GDMF copy; the file does not say.
const oldCopyDay = "2026-04-11"

func run(args []string, out io.Writer) error {
	if len(args) != 1 {
		return errors.New("want one argument, the folder of the copies")
	}
	dir := args[0]
	var seen observations
	if err := readJSON(filepath.Join(dir, "gdmf_observed.json"), &seen); err != nil {
		return err
	}
	c, err := importCopies(dir, seen.To)
	if err != nil {
		return err
	}
	contents := c.Contents()
	if err := readJSON(filepath.Join(dir, "models.json"), &contents.Models); err != nil {
		return err
	}
	if err := seen.apply(&contents); err != nil {
		return err
	}
	if c, err = catalog.New(contents); err != nil {
		return err
	}
	data, err := c.Marshal()
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	if _, err := w.Write(data); err != nil {
		return err
	}
	return w.Flush()
}

func importCopies(dir string, newest time.Time) (*catalog.Catalog, error) {
	oldest, err := time.Parse(time.DateOnly, oldCopyDay)
	if err != nil {
		return nil, err
	}
	var sofa struct{ LastCheck time.Time }
	if err := readJSON(filepath.Join(dir, "ios_data_feed.json"), &sofa); err != nil {
		return nil, err
	}
	var kev struct{ FetchTimestamp time.Time }
	if err := readJSON(filepath.Join(dir, "kev_apple.json"), &kev); err != nil {
		return nil, err
	}
	c, err := catalog.New(catalog.Contents{})
	if err != nil {
		return nil, err
	}
	for _, file := range []struct {
		name string
		at   time.Time
	}{
		{"gdmf_pmv_" + oldCopyDay + ".json", oldest},
		{"gdmf_pmv.json", newest},
		{"ios_data_feed.json", sofa.LastCheck},
		{"kev_apple.json", kev.FetchTimestamp},
	} {
		data, err := os.ReadFile(filepath.Join(dir, file.name)) //nolint:gosec // the folder is the caller's
		if err != nil {
			return nil, err
		}
		if c, _, err = c.Import(data, file.at.Truncate(time.Second)); err != nil {
			return nil, fmt.Errorf("%s: %w", file.name, err)
		}
	}
	return c, nil
}

func readJSON(name string, into any) error {
	data, err := os.ReadFile(name) //nolint:gosec // the folder is the caller's
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
