package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// event is one line of go test -json (go doc test2json).
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output and build-fail
	Test        string
	Output      string
	FailedBuild string
}

// report gathers events. With -count above one a test ends more than once; it
// counts once, as skipped or failed when any run was.
type report struct {
	out     io.Writer
	started map[string]bool     // packages without a result yet
	passed  map[string]bool     // "package test"
	skips   map[string]string   // "package test" to its last words
	failed  map[string]bool     // "package test" or package
	output  map[string][]string // of running tests, by "package test"
	builds  map[string][]string // compiler output by import path
}

func newReport(out io.Writer) *report {
	return &report{
		out:     out,
		started: make(map[string]bool),
		passed:  make(map[string]bool),
		skips:   make(map[string]string),
		failed:  make(map[string]bool),
		output:  make(map[string][]string),
		builds:  make(map[string][]string),
	}
}

// read consumes all events and prints results as they come.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil && e.Action != "" {
				r.add(e)
			} else {
				// Not an event: the go command itself has something to say.
				r.printf("%s", line)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
	}
}

func (r *report) add(e event) {
	switch e.Action {
	case "start":
		r.started[e.Package] = true
	case "build-output":
		r.builds[e.ImportPath] = append(r.builds[e.ImportPath], e.Output)
	case "output":
		r.keep(e)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(e)
		} else {
			r.endTest(e)
		}
	}
}

func (r *report) keep(e event) {
	key := e.Package + " " + e.Test
	// What frames the output says nothing that the result does not.
	if e.Test != "" && strings.HasPrefix(strings.TrimSpace(e.Output), "===") {
		return
	}
	r.output[key] = append(r.output[key], e.Output)
}

func (r *report) endTest(e event) {
	key := e.Package + " " + e.Test
	output := r.output[key]
	delete(r.output, key)
	switch e.Action {
	case "pass":
		r.passed[key] = true
	case "skip":
		r.skips[key] = lastWords(output)
	case "fail":
		r.failed[key] = true
		for _, line := range output {
			r.printf("%s", line)
		}
	}
}

func (r *report) endPackage(e event) {
	delete(r.started, e.Package)
	key := e.Package + " "
	output := r.output[key]
	delete(r.output, key)
	switch e.Action {
	case "pass", "skip":
		for _, line := range output {
			if resultLine(line) {
				r.printf("%s", line)
			}
		}
	default:
		r.failed[e.Package] = true
		for _, line := range r.builds[e.FailedBuild] {
			r.printf("%s", line)
		}
		// A test that ends the process (a panic, a timeout) has no result of
		// its own: its output is all there is.
		for _, test := range slices.Sorted(maps.Keys(r.output)) {
			if strings.HasPrefix(test, key) {
				r.printf("%s", strings.Join(r.output[test], ""))
				delete(r.output, test)
			}
		}
		for _, line := range output {
			r.printf("%s", line)
		}
	}
}

// resultLine reports whether a line is go test's own word on a package that
// passed, or on one without tests.
func resultLine(line string) bool {
	return strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "?   \t")
}

// parent returns the test that a subtest belongs to: it stands for all of them
// in the list of those that may skip.
func parent(key string) string {
	pkg, test, _ := strings.Cut(key, " ")
	test, _, _ = strings.Cut(test, "/")
	return pkg + " " + test
}

// finish prints the summary and reports whether everything is well.
func (r *report) finish(strict bool, maySkip map[string]bool) bool {
	good := len(r.failed) == 0
	for _, pkg := range slices.Sorted(maps.Keys(r.started)) {
		r.printf("FAIL\t%s: ended without a result\n", pkg)
		good = false
	}
	if len(r.passed) == 0 && len(r.failed) == 0 {
		r.printf("FAIL\tno test ran\n")
		good = false
	}
	failedTests := 0
	for key := range r.failed {
		if strings.Contains(key, " ") {
			failedTests++
		}
	}
	r.printf("\n%d tests passed, %d failed, %d did not run\n", len(r.passed), failedTests, len(r.skips))
	for _, key := range slices.Sorted(maps.Keys(r.skips)) {
		verdict := "did not run"
		if strict && !maySkip[parent(key)] {
			verdict = "FAIL: did not run"
			good = false
		}
		r.printf("  %s: %s (%s)\n", verdict, key, r.skips[key])
	}
	return good
}

// lastWords returns why a test was skipped: the last line it wrote that is not
// the result line of the testing package.
func lastWords(output []string) string {
	for _, line := range slices.Backward(output) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "--- ") {
			return line
		}
	}
	return "no cause given"
}

func (r *report) printf(format string, args ...any) {
	// A closed pipe ends the run on its own; there is nobody left to tell.
	_, _ = fmt.Fprintf(r.out, format, args...)
}
