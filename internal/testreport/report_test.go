package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	passing = `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`
	skipping = `{"Action":"start","Package":"p"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:7: KANNUKI_DATA_DIR is not set\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"--- SKIP: TestB (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Output":"-test.shuffle 7\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`
	skippingPart = `{"Action":"start","Package":"p"}
{"Action":"pass","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestB/some/part","Output":"    b_test.go:7: no data\n"}
{"Action":"skip","Package":"p","Test":"TestB/some/part"}
{"Action":"pass","Package":"p"}
`
	failing = `{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: got 1, want 2\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.5s\n"}
{"Action":"fail","Package":"p"}
`
	panicking = `{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Test":"TestA","Output":"panic: no\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.5s\n"}
{"Action":"fail","Package":"p"}
`
	unbuilt = `{"ImportPath":"p [p.test]","Action":"build-output","Output":"p/a.go:1:1: undefined: x\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}
`
	cut = `{"Action":"start","Package":"p"}
{"Action":"pass","Package":"p","Test":"TestA"}
`
	strange = "go: cannot find module\n"
)

func TestRun(t *testing.T) {
	t.Parallel()
	list := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(list, []byte("# needs real data\np TestB\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		args  []string
		input string
		code  int
		want  string
	}{
		{"passing", nil, passing, 0, "ok  \tp\t0.1s\n\n1 tests passed, 0 failed, 0 did not run\n"},
		{"skip is named", nil, skipping, 0, "ok  \tp\t0.1s\n\n1 tests passed, 0 failed, 1 did not run\n  did not run: p TestB (b_test.go:7: KANNUKI_DATA_DIR is not set)\n"},
		{"strict skip", []string{"-strict"}, skipping, 1, "ok  \tp\t0.1s\n\n1 tests passed, 0 failed, 1 did not run\n  FAIL: did not run: p TestB (b_test.go:7: KANNUKI_DATA_DIR is not set)\n"},
		{"strict with list", []string{"-strict", "-may-skip", list}, skipping, 0, "ok  \tp\t0.1s\n\n1 tests passed, 0 failed, 1 did not run\n  did not run: p TestB (b_test.go:7: KANNUKI_DATA_DIR is not set)\n"},
		{"strict with list, subtest", []string{"-strict", "-may-skip", list}, skippingPart, 0, "\n1 tests passed, 0 failed, 1 did not run\n  did not run: p TestB/some/part (b_test.go:7: no data)\n"},
		{"failing", nil, failing, 1, "    a_test.go:3: got 1, want 2\nFAIL\tp\t0.5s\n\n0 tests passed, 1 failed, 0 did not run\n"},
		{"panicking", nil, panicking, 1, "panic: no\nFAIL\tp\t0.5s\n\n0 tests passed, 0 failed, 0 did not run\n"},
		{"unbuilt", nil, unbuilt, 1, "p/a.go:1:1: undefined: x\nFAIL\tp [build failed]\n\n0 tests passed, 0 failed, 0 did not run\n"},
		{"cut off", nil, cut, 1, "FAIL\tp: ended without a result\n\n1 tests passed, 0 failed, 0 did not run\n"},
		{"no events", nil, strange, 1, "go: cannot find module\nFAIL\tno test ran\n\n0 tests passed, 0 failed, 0 did not run\n"},
		{"missing list", []string{"-may-skip", list + ".no"}, passing, 2, ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var out, errs strings.Builder
			code := run(tc.args, strings.NewReader(tc.input), &out, &errs)
			if code != tc.code {
				t.Errorf("exit status %d, want %d (%s)", code, tc.code, errs.String())
			}
			if diff := cmp.Diff(tc.want, out.String()); diff != "" {
				t.Errorf("output differs (-want +got):\n%s", diff)
			}
		})
	}
}
