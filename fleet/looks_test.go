package fleet

import (
	"testing"

	"github.com/kannuki-mdm/kannuki/storage"
)

// TestLooks: phones share a look when nothing tells them apart, and only then,
// even where the hash does not tell.
func TestLooks(t *testing.T) {
	t.Parallel()
	k := newLooks()
	content := func(settings bool) storage.Phone {
		return storage.Phone{Group: "sales", Capabilities: &storage.Capabilities{Settings: settings}}
	}
	with, without := content(true), content(false)
	if k.hash(&with) != k.hash(&without) {
		t.Fatal("the hash tells the two apart; take others")
	}
	a, b := k.with(with), k.with(without)
	if a == b || k.with(content(true)) != a || k.with(content(false)) != b {
		t.Error("looks that differ are one, or one that is known is made again")
	}
	k.forget(a)
	if again := k.with(content(true)); again == a || k.with(content(false)) != b {
		t.Error("a look that was forgotten is found, or another one is not")
	}
}

// BenchmarkLook is the cost of finding the look of a phone that has changed.
func BenchmarkLook(b *testing.B) {
	c := newCensus()
	p := censusPhone("A", "26.1")
	p.Apps = []storage.InstalledApp{{BundleID: "a", Version: "1"}, {BundleID: "b", Version: "2"}}
	p.Capabilities = &storage.Capabilities{Settings: true, StatusItems: []string{"device.operating-system.version", "softwareupdate.install-state"}}
	c.add(p, c.moment())
	for b.Loop() {
		c.lookOf(p, nil)
	}
}
