package main

import (
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"hash/crc32"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	bbolt "go.etcd.io/bbolt" //nolint:depguard // to write a database of an older Kannuki

	"github.com/kannuki-mdm/kannuki/internal/freeport"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kannuki": main})
}

// TestScripts runs the real program, one script a subject. A script has a data
// directory of its own and none of the surrounding environment.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("KANNUKI_DATA", e.WorkDir+"/lab")
			e.Setenv("LANG", "C")
			e.Setenv("TZ", "UTC")
			// With the race detector every program would sleep a second at its end.
			e.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"waitfor":  waitFor,
			"freeport": freePort,
			"envline":  envLine,
			"envjson":  envJSON,
			"envcsv":   envCSV,
			"older":    older,
			"newer":    newer,
			"inuse":    inUse,
			"receiver": receiver,
		},
	})
}

// older turns a database into one of schema 1, which knew none of what later
// migrations made: older FILE.
func older(ts *testscript.TestScript, neg bool, args []string) {
	setSchema(ts, neg, args, 1, "proposals", "policies", "hold-marks", "problems", "calendars", "notices", "notice-id", "notice-due")
}

// newer turns a database into one of a schema that this kannuki does not know:
// newer FILE.
func newer(ts *testscript.TestScript, neg bool, args []string) {
	setSchema(ts, neg, args, 1<<20)
}

// setSchema gives a database another version, and takes the kinds of records from
// it that the version does not know.
func setSchema(ts *testscript.TestScript, neg bool, args []string, version uint64, unknown ...string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: older FILE, or newer FILE")
	}
	db, err := bbolt.Open(ts.MkAbs(args[0]), 0o600, nil)
	ts.Check(err)
	schema, number := []byte("schema"), binary.BigEndian.AppendUint64([]byte{1}, version) // format and number
	sum := crc32.Checksum(slices.Concat(schema, number), crc32.MakeTable(crc32.Castagnoli))
	value := slices.Concat(number[:1], binary.BigEndian.AppendUint32(nil, sum), number[1:])
	err = db.Update(func(t *bbolt.Tx) error {
		for _, name := range unknown {
			if err := t.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		return t.Bucket([]byte("meta")).Put(schema, value)
	})
	ts.Check(errors.Join(err, db.Close()))
}

// inUse runs a program as exits does, while another process reads a database:
// inuse FILE CODE PROGRAM ARGS…
func inUse(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: inuse FILE CODE PROGRAM ARGS...")
	}
	db, err := bbolt.Open(ts.MkAbs(args[0]), 0o600, &bbolt.Options{ReadOnly: true})
	ts.Check(err)
	defer db.Close() //nolint:errcheck // read only
	exits(ts, false, args[1:])
}

// exits runs a program that must end with exactly this code: exits CODE PROGRAM
// ARGS…
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ended := errors.AsType[*exec.ExitError](err)
		if !ended {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d\n%s%s", got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// pollEvery and giveUp pace waitfor. A wait that succeeds costs nothing, so the
// limit is far above what any script needs, for machines that do much else: one has
// been seen to wait a minute. It stays well below the ten minutes after which go
// test ends everything without saying what was waited for.
const (
	pollEvery = 100 * time.Millisecond
	giveUp    = 3 * time.Minute
)

// waitFor runs a program until it succeeds and its output matches: waitfor
// REGEXP PROGRAM ARGS… The last output is what stdout and stderr look at.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: waitfor REGEXP PROGRAM ARGS...")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), giveUp)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("%q did not show within %s; last: %v\n%s%s", args[0], giveUp, err, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
		}
	}
}

// freePort sets a variable to a port that nothing listens on now.
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport VARIABLE")
	}
	port, err := freeport.Port(context.Background())
	ts.Check(err)
	ts.Setenv(args[0], port)
}

// envLine sets a variable to the first line of a file, or to the last one.
func envLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 || (args[1] != "first" && args[1] != "last") {
		ts.Fatalf("usage: envline VARIABLE first|last FILE")
	}
	lines := strings.Split(strings.TrimSpace(ts.ReadFile(args[2])), "\n")
	line := lines[0]
	if args[1] == "last" {
		line = lines[len(lines)-1]
	}
	ts.Setenv(args[0], line)
}

// envJSON sets a variable to a text in a JSON object: envjson VARIABLE KEY FILE.
func envJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: envjson VARIABLE KEY FILE")
	}
	var object map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[2])), &object))
	text, ok := object[args[1]].(string)
	if !ok {
		ts.Fatalf("%s has no text %q", args[2], args[1])
	}
	ts.Setenv(args[0], text)
}

// envCSV sets a variable to the first value of the last row of a file: envcsv
// VARIABLE FILE.
func envCSV(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: envcsv VARIABLE FILE")
	}
	rows, err := csv.NewReader(strings.NewReader(ts.ReadFile(args[1]))).ReadAll()
	ts.Check(err)
	if len(rows) < 2 {
		ts.Fatalf("%s has no rows", args[1])
	}
	ts.Setenv(args[0], rows[len(rows)-1][0])
}
