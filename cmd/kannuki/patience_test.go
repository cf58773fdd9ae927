package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/server/api"
)

// TestTimeout: a command gives a server up that says nothing, after the time that its
// flag or the environment names.
func TestTimeout(t *testing.T) {
	t.Parallel()
	hangs := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	_, err := command(t, hangs, "gate", "list", "--timeout", "10ms")
	silent, given := errors.AsType[*api.SilentError](err)
	if !given || silent.After != 10*time.Millisecond {
		t.Errorf("error %v, want that it did not answer within 10 ms", err)
	}
	for text, want := range map[string]time.Duration{"": defaultTimeout, "30s": 30 * time.Second, "0": 0, "soon": -1, "-1s": -1} {
		g := testGlobals("en")
		g.getenv = func(name string) string { return map[string]string{"KANNUKI_TIMEOUT": text}[name] }
		root := newRootCommand(g)
		if err := g.setTimeout(root); (err != nil) != (want < 0) || err == nil && g.timeout != want {
			t.Errorf("KANNUKI_TIMEOUT=%s: %s, error %v; want %s", text, g.timeout, err, want)
		}
		if err := g.check(root, nil); err != nil {
			t.Errorf("KANNUKI_TIMEOUT=%s is in the way of commands that ask no server: %v", text, err)
		}
	}
}

// TestWaitFor: reading feeds may take longer than the default, and no longer than a user says.
func TestWaitFor(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"": feedsTimeout, "30s": 30 * time.Second} {
		g := testGlobals("en")
		g.getenv = func(name string) string { return map[string]string{"KANNUKI_TIMEOUT": text}[name] }
		root := newRootCommand(g)
		g.waitFor(root, feedsTimeout)
		if err := g.setTimeout(root); err != nil || g.timeout != want {
			t.Errorf("KANNUKI_TIMEOUT=%s: %s, error %v; want %s", text, g.timeout, err, want)
		}
	}
}

// TestBrokeOnPages: a check that ends for want of something else says nothing of the file.
func TestBrokeOnPages(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]bool{
		"unexpected fault address 0x7f0\nfatal error: fault\n":       true,
		"panic: page 3 already freed\n\ngoroutine 1":                 true,
		"fatal error: runtime: out of memory\n":                      false,
		"runtime: failed to create new OS thread (have 5 already)\n": false,
	} {
		if got := brokeOnPages(said); got != want {
			t.Errorf("%q: %t, want %t", said, got, want)
		}
	}
}

// TestRemark: people are told that a server does not answer yet, in their language;
// programs are told nothing.
func TestRemark(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string]string{
		"en": "kannuki: The server at lab/kannuki.sock does not answer yet; waiting. Ctrl-C ends that.\n",
		"ja": "kannuki: サーバーlab/kannuki.sockからまだ応答がありません。待っています（Ctrl-Cで中止）。\n",
	} {
		var told strings.Builder
		cmd := &cobra.Command{}
		cmd.SetErr(&told)
		g := testGlobals(tag)
		p := g.patience(cmd, "lab/kannuki.sock")
		if p.Silent(); told.String() != want || p.Remark != remarkAfter {
			t.Errorf("%s: %q after %s, want %q", tag, told.String(), p.Remark, want)
		}
		if g.forProgram = true; g.patience(cmd, "").Remark != 0 {
			t.Errorf("%s: a program is told as well", tag)
		}
	}
}

// TestWaitedText: people read how long was waited in words.
func TestWaitedText(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration][2]string{
		time.Minute: {"1 minute", "1分"}, 2 * time.Minute: {"2 minutes", "2分"}, time.Second: {"1 second", "1秒"},
		90 * time.Second: {"90 seconds", "90秒"}, 1500 * time.Millisecond: {"1.5s", "1.5s"},
	} {
		for i, tag := range []string{"en", "ja"} {
			if got := waitedText(testGlobals(tag).text, d); got != want[i] {
				t.Errorf("%s in %s: %q, want %q", d, tag, got, want[i])
			}
		}
	}
}
