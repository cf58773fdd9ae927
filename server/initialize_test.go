package server_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/mdm/apns/apnstest"
	"github.com/kannuki-mdm/kannuki/server"
)

func initOptions(data string) server.InitOptions {
	return server.InitOptions{Data: data, URL: "https://mdm.example.co.jp:8443", Listen: "127.0.0.1:0"}
}

// tree lists a directory with everything below it: paths, modes and contents.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		out[name] = info.Mode().String()
		if err == nil && info.Mode().IsRegular() {
			var content []byte
			content, err = os.ReadFile(path)
			out[name] += " " + string(content)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestInitPlaces makes data directories where administrators want them.
func TestInitPlaces(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T, parent string) string{
		"below what does not exist": func(_ *testing.T, parent string) string { return filepath.Join(parent, "a", "b") },
		"with a slash at the end":   func(_ *testing.T, parent string) string { return filepath.Join(parent, "a") + "/" },
		"an empty directory": func(t *testing.T, parent string) string {
			return mkdir(t, filepath.Join(parent, "a"), 0o755)
		},
		// As under systemd, where /var/lib belongs to root: nothing may be made
		// or renamed beside the directory.
		"an empty directory in one that is not ours": func(t *testing.T, parent string) string {
			dir := mkdir(t, filepath.Join(parent, "a"), 0o700)
			if err := os.Chmod(parent, 0o500); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(parent, 0o700) })
			return dir
		},
		"a link to an empty directory": func(t *testing.T, parent string) string {
			link := filepath.Join(parent, "link")
			if err := os.Symlink(mkdir(t, filepath.Join(parent, "disk"), 0o700), link); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
					t.Errorf("the link was replaced: %v", err)
				}
			})
			return link
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := prepare(t, t.TempDir())
			before, err := os.Stat(dir)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			made, err := server.Init(t.Context(), initOptions(dir), time.Now)
			if err != nil {
				t.Fatal(err)
			}
			after, err := os.Stat(dir)
			if err != nil {
				t.Fatal(err)
			}
			if before != nil && !os.SameFile(before, after) {
				t.Error("the directory was replaced by another: a mount point cannot be")
			}
			if after.Mode().Perm() != 0o700 {
				t.Errorf("the directory is %v, want it private", after.Mode())
			}
			for _, path := range []string{made.ConfigPath, made.TokenPath, made.RootPath} {
				if _, err := os.Stat(path); err != nil {
					t.Errorf("said to be made: %v", err)
				}
			}
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != 4 {
				t.Errorf("%d entries, %v; want configuration, database, keys and token", len(entries), err)
			}
			in := &installation{t: t, data: dir}
			if err := in.startAndStop(); err != nil {
				t.Errorf("the server does not start on it: %v", err)
			}
		})
	}
}

func mkdir(t *testing.T, path string, mode fs.FileMode) string {
	t.Helper()
	if err := os.Mkdir(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestInitLeavesNothingBehind: a failed init changes no file and adds none.
func TestInitLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	sink, err := apnstest.New(apnstest.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sink.Close() })
	pushCert, _, err := sink.IssueCertificate(topic)
	if err != nil {
		t.Fatal(err)
	}
	_, otherKey, err := sink.IssueCertificate(topic)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		prepare func(t *testing.T, parent string) // parent/d is the data directory
		change  func(*server.InitOptions)
		says    string
	}{
		{"used directory", func(t *testing.T, parent string) {
			write(t, filepath.Join(mkdir(t, filepath.Join(parent, "d"), 0o755), "notes"), "mine")
		}, nil, "in use already"},
		{"a file of that name", func(t *testing.T, parent string) { write(t, filepath.Join(parent, "d"), "mine") }, nil, "not a directory"},
		{"a link to nowhere", func(t *testing.T, parent string) {
			if err := os.Symlink(filepath.Join(parent, "gone"), filepath.Join(parent, "d")); err != nil {
				t.Fatal(err)
			}
		}, nil, "data directory"},
		{"localhost", nil, func(o *server.InitOptions) { o.URL = "https://localhost" }, "localhost"},
		{"unknown zone", nil, func(o *server.InitOptions) { o.TimeZone = "Nowhere" }, "time_zone"},
		{"unknown zone, empty directory", func(t *testing.T, parent string) { mkdir(t, filepath.Join(parent, "d"), 0o755) }, func(o *server.InitOptions) { o.TimeZone = "Nowhere" }, "time_zone"},
		{"open admin listener", nil, func(o *server.InitOptions) { o.AdminListen = ":9443" }, "admin_listen"},
		{"a clock without --lab", nil, func(o *server.InitOptions) { o.Clock.Start = time.Now() }, "--lab"},
		{"a push service without --lab", nil, func(o *server.InitOptions) { o.Push.Host = "https://localhost" }, "--lab"},
		{"a host that no certificate can name", nil, func(o *server.InitOptions) { o.URL = "https://mdm_1.例.jp" }, "keys"},
		{"a push certificate with another's key", nil, func(o *server.InitOptions) {
			o.Lab, o.PushCertificate, o.PushKey = true, pushCert, otherKey
		}, "key"},
		{"the same in an empty directory", func(t *testing.T, parent string) { mkdir(t, filepath.Join(parent, "d"), 0o755) }, func(o *server.InitOptions) {
			o.Lab, o.PushCertificate, o.PushKey = true, pushCert, otherKey
		}, "key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			parent := t.TempDir()
			if test.prepare != nil {
				test.prepare(t, parent)
			}
			before := tree(t, parent)
			o := initOptions(filepath.Join(parent, "d"))
			if test.change != nil {
				test.change(&o)
			}
			_, err := server.Init(t.Context(), o, time.Now)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("init = %v, want an error that says %q", err, test.says)
			}
			if diff := cmp.Diff(before, tree(t, parent)); diff != "" {
				t.Errorf("a failed init left something (-before +after):\n%s", diff)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestInitTwice: an installation is never overwritten.
func TestInitTwice(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "d")
	if _, err := server.Init(t.Context(), initOptions(dir), time.Now); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	if _, err := server.Init(t.Context(), initOptions(dir), time.Now); !errors.Is(err, server.ErrInitialized) {
		t.Errorf("second init = %v, want ErrInitialized", err)
	}
	if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
		t.Error("the second init changed the installation")
	}
}
