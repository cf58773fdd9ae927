// Command testreport turns the events of "go test -json" on standard input
// into what a person wants to see: one line per package, the output of what
// failed, and at the end the name and cause of every test that did not run.
//
// With -strict a skipped test is a failure, except those whose names are listed
// in the file given with -may-skip: one "package test" a line, # comments,
// subtests belong to their test. A package that ends without a result is a
// failure always.
//
// Exit status: 0 all passed, 1 something failed, 2 wrong usage.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, in io.Reader, out, errs io.Writer) int {
	flags := flag.NewFlagSet("testreport", flag.ContinueOnError)
	flags.SetOutput(errs)
	strict := flags.Bool("strict", false, "fail when a test is skipped")
	maySkip := flags.String("may-skip", "", "`file` with the tests that -strict lets skip")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	allowed := make(map[string]bool)
	if *maySkip != "" {
		data, err := os.ReadFile(*maySkip)
		if err != nil {
			_, _ = fmt.Fprintln(errs, "testreport:", err)
			return 2
		}
		allowed = readList(string(data))
	}
	r := newReport(out)
	if err := r.read(in); err != nil {
		_, _ = fmt.Fprintln(errs, "testreport:", err)
		return 1
	}
	if !r.finish(*strict, allowed) {
		return 1
	}
	return 0
}

// readList reads "package test" lines; the result is keyed like report.skips.
func readList(text string) map[string]bool {
	list := make(map[string]bool)
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if fields := strings.Fields(line); len(fields) == 2 {
			list[fields[0]+" "+fields[1]] = true
		}
	}
	return list
}
