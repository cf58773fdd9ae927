package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/policy/backtest"
)

var update = flag.Bool("update", false, "rewrite the tables in the documentation")

// TestBacktestDocument compares the table of docs/backtest.md with what the
// command named above it prints. It is rewritten with go test -run Document
// -update.
func TestBacktestDocument(t *testing.T) {
	t.Parallel()
	const prompt = "```console\n$ kannuki policy backtest --since 2024-09\n"
	path := filepath.Join("..", "..", "docs", "backtest.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), prompt)
	want, after, closed := strings.Cut(rest, "```\n")
	if !ok || !closed {
		t.Fatalf("%s has no block that begins %q", path, prompt)
	}
	root := newRootCommand(testGlobals(lang.English))
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs([]string{"policy", "backtest", "--since", "2024-09"})
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	if *update {
		if err := os.WriteFile(path, []byte(before+prompt+got+"```\n"+after), 0o600); err != nil {
			t.Fatal(err)
		}
		want = got
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-document +command):\n%s", path, diff)
	}
}

// TestBacktestChart: a chart is well-formed, speaks the reader's language, and
// stands for any number of lines and lengths.
func TestBacktestChart(t *testing.T) {
	t.Parallel()
	run := func(s backtest.Strategy, days int, exposure float64) backtest.Run {
		return backtest.Run{Strategy: s, TestDays: days, Exposure: backtest.Exposure{Total: exposure}}
	}
	for _, test := range []struct {
		name  string
		runs  []backtest.Run
		marks int // points, on both panels
	}{
		{"one", []backtest.Run{run(backtest.Finish, 7, 0)}, 2},
		{"some, in any order", []backtest.Run{run(backtest.Finish, 30, 4000), run(backtest.Restart, 7, 0.1), run(backtest.Finish, 7, 3), run(backtest.Restart, 30, 9)}, 8},
	} {
		v := fleet.BacktestView{Report: backtest.Report{Releases: 30, From: "2024-09-16", Until: "2026-08-22", Runs: test.runs}}
		for _, tag := range []string{lang.English, lang.Japanese} {
			g := testGlobals(tag)
			text := g.backtestChart(v)
			if got := strings.Count(text, "<circle "); got != test.marks {
				t.Errorf("%s (%s): %d points, want %d", test.name, tag, got, test.marks)
			}
			if !strings.Contains(text, g.text.T("Releases approved")) {
				t.Errorf("%s (%s): not in the reader's language:\n%s", test.name, tag, text)
			}
			d := xml.NewDecoder(strings.NewReader(text))
			for {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%s (%s): %v", test.name, tag, err)
				}
			}
			for _, wrong := range []string{"NaN", "Inf"} {
				if strings.Contains(text, wrong) {
					t.Errorf("%s (%s): has %s:\n%s", test.name, tag, wrong, text)
				}
			}
		}
	}
}

func TestNiceStep(t *testing.T) {
	t.Parallel()
	for most, want := range map[float64]float64{1: 0.2, 5: 1, 6: 2, 30: 10, 789: 200, 1027: 500} {
		if got := niceStep(most); got != want {
			t.Errorf("a scale to %g has a line every %g, want %g", most, got, want)
		}
	}
}
