package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// build describes this program.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of the source, "+" when it was changed
	Time     string `json:"time,omitempty"`     // of the revision
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// thisBuild reads what the Go toolchain noted in the binary.
func thisBuild() build {
	b := build{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if b.Version = info.Main.Version; b.Version == "" {
		b.Version = "(devel)"
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value + b.Revision
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				b.Revision += "+"
			}
		}
	}
	return b
}

func newVersionCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   g.text.T("Show the version of this program"),
		Example: "kannuki version\nkannuki version -o json",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := thisBuild()
			tab := table{columns: []column{{"version", ""}, {"revision", ""}, {"time", ""}, {"go", ""}, {"platform", ""}}}
			tab.add(plain(b.Version), plain(b.Revision), plain(b.Time), plain(b.Go), plain(b.Platform))
			return g.show(cmd, answer{data: b, table: tab, text: "kannuki " + b.Version + " " + b.Go + " " + b.Platform + "\n"})
		},
	}
}
