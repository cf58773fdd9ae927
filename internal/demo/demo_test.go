package demo_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/demo"
	"github.com/kannuki-mdm/kannuki/internal/lang"
)

// play runs a small story to its end.
func play(t *testing.T, change func(*demo.Options)) (string, error) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.MkdirTemp("", "kd") // short: a socket lies in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(data) })
	var out bytes.Buffer
	o := demo.Options{
		Phones: 20, Day: time.Second, Exit: true, Data: filepath.Join(data, "d"),
		Program: program, Text: lang.New("en"), Out: &out,
	}
	if change != nil {
		change(&o)
	}
	err = demo.Run(t.Context(), o)
	if t.Failed() || err != nil {
		t.Logf("the story:\n%s", out.String())
	}
	return out.String(), err
}

func TestStory(t *testing.T) {
	t.Parallel()
	out, err := play(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Missing: POS.", "Missing: Scanner.", "[newer-than-verified]", "kill -9", "[app-update-needed]", "[offline]",
		"12.4.1   no          —                         —                 —                —                          Cannot be controlled",
		"[no-space]", "[passcode-needed]", "[model-not-verified]", "[ungrouped]",
		"No production phone received an enforcement before its gate was verified and approved: ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the story does not tell %q:\n%s", want, out)
		}
	}
}

// The check must find a phone that was told too early, or it proves nothing.
func TestPlantedViolationIsFound(t *testing.T) {
	t.Parallel()
	out, err := play(t, func(o *demo.Options) { o.Plant = "early-enforcement" })
	if _, ok := errors.AsType[*demo.UnsafeError](err); !ok {
		t.Fatalf("Run = %v, want an UnsafeError", err)
	}
	if !strings.Contains(out, "VIOLATION") || !strings.Contains(out, "its gate was approved only at") {
		t.Errorf("the story does not name the violation:\n%s", out)
	}
	if strings.Contains(out, "No production phone received") {
		t.Error("the story claims to be safe all the same")
	}
}

// So must it find a journal that contradicts what a phone of its kind can do.
func TestPlantedContradictionIsFound(t *testing.T) {
	t.Parallel()
	out, err := play(t, func(o *demo.Options) { o.Plant = "wrong-supervision" })
	if _, ok := errors.AsType[*demo.UnsafeError](err); !ok {
		t.Fatalf("Run = %v, want an UnsafeError", err)
	}
	for _, want := range []string{
		"was held by profile at ", "iOS 12.4.1, not supervised, is held by nothing",
		"was told to install 15.8.8 by command at ", "iOS 12.4.1, not supervised, is told by nothing",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the story does not tell %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "No production phone received") {
		t.Error("the story claims to be in order all the same")
	}
}

// stopAt ends a story once it tells something.
type stopAt struct {
	told bytes.Buffer
	text string
	stop func()
}

func (s *stopAt) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(s.text)) {
		s.stop()
	}
	return s.told.Write(p)
}

// Ctrl-C in the middle leaves nothing behind: no directory, no process.
func TestInterruptedStoryCleansUp(t *testing.T) {
	parent := t.TempDir()
	t.Setenv("TMPDIR", parent)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &stopAt{text: "Apple posts", stop: cancel}
	err = demo.Run(ctx, demo.Options{Phones: 20, Day: time.Second, Program: program, Text: lang.New("en"), Out: out})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want context.Canceled\n%s", err, out.told.String())
	}
	left, err := os.ReadDir(parent)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*demo.Options){
		"phones": func(o *demo.Options) { o.Phones = 3 },
		"speed":  func(o *demo.Options) { o.Day = time.Millisecond },
		"plant":  func(o *demo.Options) { o.Plant = "weeds" },
	} {
		_, err := play(t, change)
		if invalid, ok := errors.AsType[*demo.InvalidError](err); !ok || invalid.Option != name {
			t.Errorf("wrong %s: %v", name, err)
		}
	}
}

func TestServerThatDoesNotStart(t *testing.T) {
	t.Parallel()
	_, err := play(t, func(o *demo.Options) { o.Program = filepath.Join(t.TempDir(), "no-such-program") })
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "start server") {
		t.Errorf("Run = %v, want that the server could not be started", err)
	}
}
