package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/freeport"
	"github.com/kannuki-mdm/kannuki/mdm/apns/apnstest"
)

// TestGuide follows the pages of the guide, and docs/operations.md after them, word for word
// in a clean directory: every line of their sh blocks is run by a shell, in order,
// with the real program, in the language of the page. Only folders, ports, UDIDs
// and ids are replaced. Simulated phones stand where a reader takes an iPhone, and
// the test is Apple's portal, which signs the request for a push certificate.
func TestGuide(t *testing.T) {
	t.Parallel()
	for _, l := range []guideLanguage{
		{
			name: "en", ending: ".md", locale: "C",
			background: "in another terminal",
			exit:       regexp.MustCompile(`# exit code (\d)`),
			until:      regexp.MustCompile(`# repeat until it says "([^"]+)"`),
		},
		{
			name: "ja", ending: ".ja.md", locale: "ja_JP.UTF-8",
			background: "別のターミナルで",
			exit:       regexp.MustCompile(`# 終了コード(\d)`),
			until:      regexp.MustCompile(`# 「([^」]+)」と出るまで繰り返す`),
		},
	} {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			r := newReader(t, l)
			for _, page := range append(guidePages(), "docs/operations") {
				r.page = page + l.ending
				for _, b := range readPage(t, r.page).blocks {
					if b.lang != "sh" {
						continue
					}
					for _, line := range b.lines {
						r.follow(line)
					}
				}
			}
			if r.ran < 50 {
				t.Errorf("the guide has %d commands to type; this test means to follow a whole one", r.ran)
			}
		})
	}
}

// guideLanguage is what the comments behind commands say in one language.
type guideLanguage struct {
	name, locale string
	ending       string // of the pages
	background   string
	exit, until  *regexp.Regexp
}

// reader is somebody who types what the guide says.
type reader struct {
	t          *testing.T
	lang       guideLanguage
	page       string // that is followed now
	dir        string
	installed  string            // stands for /var/lib/kannuki
	labPort    string            // stands for 18443
	places     []string          // pairs for strings.NewReplacer
	env        map[string]string // what the shell has
	simulation *exec.Cmd         // the one that runs now, or nil
	ran        int
}

func newReader(t *testing.T, l guideLanguage) *reader {
	t.Helper()
	dir := t.TempDir()
	installed, people := filepath.Join(dir, "var"), listenAddress(t)
	_, labPort, _ := strings.Cut(listenAddress(t), ":")
	return &reader{
		t: t, lang: l, dir: dir, installed: installed, labPort: labPort,
		places: []string{
			"/var/lib/kannuki", installed,
			"localhost:18443", "localhost:" + labPort,
			"127.0.0.1:18444", people,
			"127.0.0.1:8444", people, // section 1 says so of a lab
		},
		env: map[string]string{
			"PATH": os.Getenv("PATH"), "HOME": dir, "LANG": l.locale, "TZ": "Asia/Tokyo",
			"KANNUKI_DATA": installed, // the folder a reader has without the variable
			// With the race detector every program would sleep a second at its end.
			"GORACE": "atexit_sleep_ms=0",
		},
	}
}

// listenAddress returns a loopback address that nothing listens on now.
func listenAddress(t *testing.T) string {
	t.Helper()
	address, err := freeport.Address(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// follow does what one line of the guide says.
func (r *reader) follow(line string) {
	r.t.Helper()
	command := comment.ReplaceAllString(line, "")
	if assignment, ok := strings.CutPrefix(command, "export "); ok {
		name, value, _ := strings.Cut(assignment, "=")
		r.env[name] = value
		return
	}
	r.ran++
	command = r.filled(command)
	if strings.Contains(line, r.lang.background) {
		r.start(command)
		return
	}
	want := 0
	if m := r.lang.exit.FindStringSubmatch(line); m != nil {
		want, _ = strconv.Atoi(m[1])
	}
	if m := r.lang.until.FindStringSubmatch(line); m != nil {
		r.repeat(command, m[1])
		return
	}
	if strings.Contains(line, "  # ") && want == 0 {
		r.t.Fatalf("%s: nobody obeys the comment of %q", r.page, line)
	}
	if out, code := r.shell(command); code != want {
		r.t.Fatalf("%s: %s\nexit code %d, want %d\n%s", r.page, command, code, want, out)
	}
}

// filled puts the reader's own things where the guide says so.
func (r *reader) filled(command string) string {
	r.t.Helper()
	places := r.places
	for _, ring := range []string{"verification", "production"} {
		if word := strings.ToUpper(ring) + "-UDID"; strings.Contains(command, word) {
			var list struct {
				Devices []struct {
					UDID string `json:"udid"`
				} `json:"devices"`
			}
			r.look("kannuki device list --group sales --ring "+ring+" -o json", &list)
			if len(list.Devices) == 0 {
				r.t.Fatalf("%s: no %s phone for %q", r.page, ring, command)
			}
			places = append(places, word, list.Devices[0].UDID)
		}
	}
	if strings.Contains(command, " ID") {
		var list struct {
			Approvals []struct {
				ID string `json:"id"`
			} `json:"approvals"`
		}
		r.look("kannuki approval list -o json", &list)
		if len(list.Approvals) == 0 {
			r.t.Fatalf("%s: no proposal for %q", r.page, command)
		}
		places = append(places, " ID", " "+list.Approvals[0].ID)
	}
	if strings.Contains(command, "MDM_Example.pem") {
		r.signRequest("push.csr", "MDM_Example.pem")
	}
	return strings.NewReplacer(places...).Replace(command)
}

// look reads the JSON that a command prints.
func (r *reader) look(command string, into any) {
	r.t.Helper()
	out, code := r.shell(command)
	if code != 0 {
		r.t.Fatalf("%s: exit code %d\n%s", command, code, out)
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		r.t.Fatalf("%s: %v\n%s", command, err, out)
	}
}

// signRequest plays the vendor and Apple's portal.
func (r *reader) signRequest(request, certificate string) {
	r.t.Helper()
	apple, err := apnstest.New(apnstest.Options{Now: time.Now})
	if err != nil {
		r.t.Fatal(err)
	}
	defer apple.Close() //nolint:errcheck // it has done its part
	csr, err := os.ReadFile(filepath.Join(r.dir, request))
	if err != nil {
		r.t.Fatal(err)
	}
	signed, err := apple.SignRequest(csr, "com.apple.mgmt.External.11111111-2222-3333-4444-555555555555")
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, certificate), signed, 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// repeat runs a command until it succeeds and says this.
func (r *reader) repeat(command, until string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), giveUp)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		out, code := r.shell(command)
		if code == 0 && strings.Contains(strings.Join(strings.Fields(out), " "), until) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			r.t.Fatalf("%s: %s\ndid not say %q within %s; last, with exit code %d:\n%s", r.page, command, until, giveUp, code, out)
		}
	}
}

// shell runs a line and returns all it printed and its exit code.
func (r *reader) shell(line string) (string, int) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), giveUp)
	defer cancel()
	cmd := r.command(ctx, line)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		r.t.Fatalf("%s: %v", line, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (r *reader) command(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir = r.dir
	for name, value := range r.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// start runs what the guide wants in a terminal of its own until the test ends;
// a simulation only until the next one, as the guide says.
func (r *reader) start(command string) {
	r.t.Helper()
	out := &output{}
	cmd := r.command(context.WithoutCancel(r.t.Context()), "exec "+command)
	cmd.Stdout, cmd.Stderr = out, out
	simulation := strings.HasPrefix(command, "kannuki sim ")
	if simulation && r.simulation != nil {
		r.stop(r.simulation)
	}
	if !simulation {
		cmd.Env = append(cmd.Env, r.listeners(command)...)
	}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		r.stop(cmd)
		if r.t.Failed() {
			r.t.Logf("%s\n%s", command, out)
		}
	})
	if simulation {
		r.simulation = cmd
		return
	}
	r.repeat(strings.Replace(command, "serve", "status", 1), "")
}

// listeners keeps a server on loopback addresses that no other test uses.
func (r *reader) listeners(serve string) []string {
	if strings.Contains(serve, r.installed) {
		return []string{"KANNUKI_LISTEN=" + listenAddress(r.t), "KANNUKI_ADMIN_LISTEN=" + listenAddress(r.t)}
	}
	return []string{"KANNUKI_LISTEN=127.0.0.1:" + r.labPort}
}

// stop ends a program as Ctrl-C does. One that has ended already stays ended.
func (r *reader) stop(cmd *exec.Cmd) {
	if cmd.ProcessState != nil {
		return
	}
	_ = cmd.Process.Signal(os.Interrupt)
	kill := time.AfterFunc(giveUp, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
	defer kill.Stop()
	if err := cmd.Wait(); err != nil {
		r.t.Errorf("%s: %v", strings.Join(cmd.Args, " "), err)
	}
}

// output collects what a program prints while it runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.text.Write(p)
	if err != nil {
		return n, fmt.Errorf("collect output: %w", err)
	}
	return n, nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
