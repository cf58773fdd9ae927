package deptest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/internal/deptest"
)

// layer says what one package may import of ours, and why no more.
type layer struct {
	dir string // of the package, or "dir/..." for it and all below
	may []string
	why string
}

// layers is the import direction of the project, outermost last. The first
// entry that fits a package decides. A package without an entry fails the
// test: a new one takes its place here first.
func layers() []layer {
	return []layer{
		{"internal/version", nil, "it is the leaf everything may compare versions with"},
		{"internal/deptest", nil, "it must be able to look at a tree that does not build"},
		{"internal/powercut", nil, "it watches any process and knows no file's meaning"},
		{"internal/testreport", nil, "it judges the tests of all other packages"},
		{"internal/freeport", nil, "whoever starts a server asks it for an address"},
		{"internal/lang", nil, "texts are keyed by codes, not by types"},
		{"internal/holidays", nil, "days in a file are days, whoever closes them"},
		{"internal/yamltext", nil, "a guard before a library knows nothing of what is read"},

		{"storage", nil, "records are shared by all, so they know nobody"},
		{"storage/bolt", []string{"storage"}, "an adapter knows the records and its database, no use case and no other adapter"},
		{"storage/memory", []string{"storage"}, "a store for tests knows the records, no use case and no other adapter"},
		{"storage/storagetest", []string{"storage", "enroll", "fleet"}, "it tests the interfaces those two declare"},

		{"policy", []string{"internal/version"}, "decisions are a pure function"},
		{"policy/backtest", []string{"policy", "internal/version"}, "a replay is a pure function that asks the engine"},
		{"catalog/...", []string{"catalog", "internal/version"}, "release facts are usable without a server"},

		{"mdm/mdmtest/...", []string{"mdm/mdmtest"}, "a simulated phone built from our own wire types would agree with our own mistakes"},
		{"mdm/apns/apnstest", []string{"mdm/apns"}, "the stand-in for Apple's push service knows only what a push is"},
		{"mdm/apns/...", []string{"mdm/apns"}, "an adapter knows its own protocol only"},
		{"mdm", []string{"internal/version"}, "Apple's protocol does not depend on what we do with it; which command exists depends on the version"},

		{"certs/stepca", []string{"certs"}, "an adapter knows the interfaces it serves, no other adapter"},
		{"certs", nil, "identities are usable without a server"},

		{"enroll", []string{"mdm", "storage", "certs", "internal/version"}, "enrolment knows no adapter, and fleet not at all: the two meet in server"},
		{"fleet", []string{"mdm", "policy", "policy/backtest", "catalog", "storage", "internal/version"}, "the use cases know no adapter, and enroll not at all: the two meet in server"},

		{"server/notify", []string{"storage", "policy", "internal/lang"}, "a channel carries what others decided to tell, at the hours that policy computes"},
		{"server/...", []string{
			"server", "server/api", "server/notify", "server/web", "enroll", "fleet", "mdm", "mdm/apns", "mdm/apns/wake", "policy", "catalog",
			"storage", "storage/bolt", "certs", "certs/stepca", "internal/version", "internal/lang", "internal/yamltext",
		}, "the composition knows every part and nothing that belongs to tests or to the command line"},

		{"internal/policyfile", []string{"fleet", "policy", "internal/yamltext"}, "the keys of files are those of the types that are sent to the server"},
		{"internal/lab", []string{
			"mdm/apns", "mdm/apns/apnstest", "mdm/mdmtest",
		}, "a lab plays Apple and the phones; the server it plays for is reached over the network"},
		{"internal/bench", []string{
			"server", "server/api", "fleet", "policy", "storage", "storage/bolt", "certs", "mdm/mdmtest", "internal/lab", "internal/freeport",
		}, "it measures the real server over the network, and fills installations through the storage interface"},
		{"internal/demo", []string{
			"server", "server/api", "fleet", "mdm/mdmtest", "mdm/apns/apnstest", "policy", "catalog", "internal/lab", "internal/freeport", "internal/version", "internal/lang",
		}, "the demo drives the real server from outside, with simulated phones"},
		{"cmd/...", []string{
			"server", "server/api", "fleet", "mdm/mdmtest", "internal/demo", "internal/lab", "internal/lang", "internal/freeport", "internal/holidays", "internal/policyfile", "internal/version", "policy", "policy/backtest", "catalog", "storage", "certs",
		}, "commands talk to the server through its API and hold no rules of their own"},
	}
}

// TestImportDirection holds the arrows of docs/architecture.md. Test files are
// free: a test may use any package to set its scene.
func TestImportDirection(t *testing.T) {
	t.Parallel()
	for _, f := range source(t) {
		rule, found := layerOf(f.Dir())
		if !found {
			t.Errorf("%s: package %s has no place in the import direction; give it one in layers()", f.Path, f.Dir())
			continue
		}
		for _, imported := range f.Imports() {
			ours, isOurs := strings.CutPrefix(imported, deptest.Module+"/")
			if !isOurs || slices.Contains(rule.may, ours) || ownInternal(f.Dir(), ours) {
				continue
			}
			t.Errorf("%s imports %s, but of ours %s may import only %v: %s", f.Path, ours, rule.dir, rule.may, rule.why)
		}
	}
}

// ownInternal reports whether imported is a detail of the package at dir: it
// lies in an internal folder below dir or beside it. The internal folder at
// the root belongs to nobody and is listed in the layers.
func ownInternal(dir, imported string) bool {
	return strings.Contains(imported, "/internal/") && within(dir, owner(imported))
}

// owner returns the package whose rules a folder follows: an internal one is a
// detail of the package it lies in.
func owner(dir string) string {
	owner, _, _ := strings.Cut(dir, "/internal/")
	return owner
}

func layerOf(dir string) (layer, bool) {
	dir = owner(dir)
	for _, l := range layers() {
		if prefix, tree := strings.CutSuffix(l.dir, "/..."); tree {
			if dir == prefix || strings.HasPrefix(dir, prefix+"/") {
				return l, true
			}
		} else if dir == l.dir {
			return l, true
		}
	}
	return layer{}, false
}

// TestThirdParty keeps each outside library behind the one package that wraps
// it, so that it can be replaced there and nowhere else.
func TestThirdParty(t *testing.T) {
	t.Parallel()
	rules := []struct {
		module string
		in     []string
		why    string
	}{
		{"github.com/smallstep/certificates", []string{"certs/stepca"}, "it links 69 modules and takes outside bytes; it stays behind certs.Issuer"},
		{"github.com/smallstep/nosql", []string{"certs/stepca"}, "it belongs to the certificate authority"},
		{"go.step.sm/crypto", []string{"certs/stepca"}, "it belongs to the certificate authority"},
		{"github.com/go-chi/chi/v5", []string{"certs/stepca"}, "only the certificate authority's handlers need it; ours use net/http"},
		{"go.etcd.io/bbolt", []string{"storage/bolt"}, "one package owns the database file and its transactions"},
		{"github.com/sideshow/apns2", []string{"mdm/apns"}, "one package owns the connection to Apple's push service"},
		{"go.mozilla.org/pkcs7", []string{"certs", "mdm/mdmtest"}, "signatures are made and checked in one place; the simulated phone checks with its own eyes"},
		{"github.com/smallstep/pkcs7", []string{"certs", "certs/stepca", "mdm/mdmtest"}, "signatures are made and checked in one place; the simulated phone checks with its own eyes"},
		{"github.com/smallstep/scep", []string{"certs/stepca", "mdm/mdmtest"}, "the server's side is the certificate authority's, the other side the simulated phone's"},
		{"github.com/micromdm/plist", []string{"mdm", "enroll", "mdm/mdmtest"}, "outside bytes reach it only behind the guard of package mdm"},
		{"github.com/spf13/cobra", []string{"cmd/kannuki"}, "no rule lives in the command line"},
	}
	for _, f := range source(t) {
		for _, imported := range f.Imports() {
			for _, rule := range rules {
				if !within(imported, rule.module) || slices.Contains(rule.in, owner(f.Dir())) {
					continue
				}
				t.Errorf("%s imports %s, which belongs in %v only: %s", f.Path, imported, rule.in, rule.why)
			}
		}
	}
}

// TestPolicyIsPure allows the engine those packages of the standard library
// that can neither read a clock, do I/O nor draw a random number. Package time
// is there for its types; TestClock bans time.Now.
func TestPolicyIsPure(t *testing.T) {
	t.Parallel()
	allowed := []string{"cmp", "errors", "fmt", "hash/fnv", "maps", "math", "math/bits", "slices", "sort", "strconv", "strings", "time", "crypto/sha256", "encoding/binary", "encoding/hex"}
	for _, f := range source(t) {
		if f.Dir() != "policy" && f.Dir() != "policy/backtest" {
			continue
		}
		for _, imported := range f.Imports() {
			if !strings.HasPrefix(imported, deptest.Module+"/") && !slices.Contains(allowed, imported) {
				t.Errorf("%s imports %s: policy decides from its arguments alone and may import only %v", f.Path, imported, allowed)
			}
		}
	}
}

// TestTestPackages keeps helpers for tests out of the server.
func TestTestPackages(t *testing.T) {
	t.Parallel()
	for _, f := range source(t) {
		for _, imported := range f.Imports() {
			if imported == "testing" && !strings.HasSuffix(f.Dir(), "test") {
				t.Errorf("%s imports testing: only packages named …test may, so that it is never linked into the server", f.Path)
			}
			if imported == deptest.Module+"/storage/storagetest" {
				t.Errorf("%s imports storagetest, which only _test.go files may", f.Path)
			}
		}
	}
}

func within(imported, module string) bool {
	return imported == module || strings.HasPrefix(imported, module+"/")
}
