package powercut

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// Image is what a power cut could have left of the folder.
type Image struct {
	Number int               // which of the images of a seed it is
	After  int               // how many events were over at the cut
	Fate   string            // what became of the writes that were not synced
	Files  map[string][]byte // content by name; not to be changed, nor used after the next image
}

// Images makes n images of a log, at random moments and with random fates of
// what was not synced. The same log and seed give the same images. They come
// in the order of their moments.
func (l *Log) Images(seed uint64, n int) iter.Seq[Image] {
	type plan struct {
		number, after int
		random        *rand.Rand
	}
	plans := make([]plan, n)
	for i := range plans {
		random := rand.New(rand.NewPCG(seed, uint64(i))) //nolint:gosec // repeatable on purpose
		plans[i] = plan{i, random.IntN(len(l.Events) + 1), random}
	}
	slices.SortStableFunc(plans, func(a, b plan) int { return cmp.Compare(a.after, b.after) })
	return func(yield func(Image) bool) {
		d := &disk{safe: map[string]int{}, files: map[int]*file{}}
		done := 0
		for _, p := range plans {
			for ; done < p.after; done++ {
				d.apply(done, l.Events[done])
			}
			f := fates()[p.random.IntN(len(fates()))]
			if !yield(Image{Number: p.number, After: p.after, Fate: f.name, Files: d.cut(f, p.random)}) {
				return
			}
		}
	}
}

// Said returns what the process had written to its standard output when so
// many events were over.
func (l *Log) Said(after int) []byte {
	var said []byte
	for _, e := range l.Events[:after] {
		if e.Kind == Say {
			said = append(said, e.Data...)
		}
	}
	return said
}

// WriteTo puts the image's files into a folder that exists, and removes all
// others there.
func (i Image) WriteTo(dir string) error {
	there, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range there {
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	for name, data := range i.Files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// disk is a folder as the kernel and the disk know it: what is safe, and what
// was done since.
type disk struct {
	safe  map[string]int // names, with the file each means
	names []pending      // changes of names that are not safe
	files map[int]*file
}

type file struct {
	safe   []byte
	writes []pending // writes and changes of length that are not safe
}

// pending is an event that is not safe, with its place in the log.
type pending struct {
	place int
	Event
}

func (d *disk) apply(place int, e Event) {
	switch e.Kind {
	case Create, Link, Rename, Remove:
		if e.Kind == Create {
			d.files[e.File] = &file{}
		}
		d.names = append(d.names, pending{place, e})
	case Write, Truncate:
		f := d.files[e.File]
		f.writes = append(f.writes, pending{place, e})
	case Sync:
		f := d.files[e.File]
		for len(f.writes) > 0 && f.writes[0].place < e.Covers {
			f.safe = change(f.safe, f.writes[0].Event)
			f.writes = f.writes[1:]
		}
	case SyncFolder:
		for len(d.names) > 0 && d.names[0].place < e.Covers {
			rename(d.safe, d.names[0].Event)
			d.names = d.names[1:]
		}
	case Say, Fail:
	}
}

// cut returns the folder after a power cut.
func (d *disk) cut(f fate, random *rand.Rand) map[string][]byte {
	names := maps.Clone(d.safe)
	for i, p := range d.names {
		if f.keep(random, i, len(d.names)) {
			rename(names, p.Event)
		}
	}
	files := map[string][]byte{}
	for name, number := range names {
		files[name] = d.files[number].cut(f, random)
	}
	return files
}

func (f *file) cut(fate fate, random *rand.Rand) []byte {
	if len(f.writes) == 0 {
		return f.safe
	}
	data := bytes.Clone(f.safe)
	chosen := random.IntN(len(f.writes))
	for i, p := range f.writes {
		switch {
		case fate.unit > 0 && p.Kind == Write && (i == chosen || random.IntN(4) == 0):
			for _, part := range tear(p.Event, fate.unit, random) {
				data = change(data, part)
			}
		case fate.one != nil && i == chosen:
			if fate.one() {
				data = change(data, p.Event)
			}
		case fate.keep(random, i, len(f.writes)):
			data = change(data, p.Event)
		}
	}
	// The blocks of a longer file can be there before its length is.
	if len(data) > len(f.safe) && fate.short && random.IntN(2) == 0 {
		data = data[:len(f.safe)]
	}
	return data
}

// tear returns some of the parts of a write, of unit bytes each as the disk
// divides them.
func tear(e Event, unit int64, random *rand.Rand) []Event {
	var kept []Event
	for start, end := e.Offset, e.Offset+int64(len(e.Data)); start < end; {
		next := min((start/unit+1)*unit, end)
		if random.IntN(2) == 0 {
			kept = append(kept, Event{Kind: Write, Offset: start, Data: e.Data[start-e.Offset : next-e.Offset]})
		}
		start = next
	}
	return kept
}

// change applies a write or a change of length to a file's content, which it
// may change in place.
func change(data []byte, e Event) []byte {
	end := e.Offset + int64(len(e.Data))
	if grow := end - int64(len(data)); grow > 0 {
		data = append(data, make([]byte, grow)...)
	}
	if e.Kind == Truncate {
		return data[:e.Offset]
	}
	copy(data[e.Offset:end], e.Data)
	return data
}

// rename applies a change of names.
func rename(names map[string]int, e Event) {
	switch e.Kind {
	case Remove:
		delete(names, e.Name)
	case Rename:
		delete(names, e.From)
		names[e.Name] = e.File
	default:
		names[e.Name] = e.File
	}
}

// fate is what becomes of what is not safe.
type fate struct {
	name  string
	keep  func(random *rand.Rand, i, n int) bool // whether the i-th of n changes is there
	one   func() bool                            // if set, decides about one chosen write
	unit  int64                                  // if set, one write or more is torn into such parts
	short bool                                   // a longer file may have its old length
}

func fates() []fate {
	all := func(*rand.Rand, int, int) bool { return true }
	none := func(*rand.Rand, int, int) bool { return false }
	some := func(random *rand.Rand, _, _ int) bool { return random.IntN(2) == 0 }
	yes, no := func() bool { return true }, func() bool { return false }
	return []fate{
		{name: "all kept", keep: all},
		{name: "none kept", keep: none},
		{name: "some kept", keep: some},
		{name: "some kept, length lost", keep: some, short: true},
		{name: "the first kept", keep: func(_ *rand.Rand, i, n int) bool { return i < n/2 }},
		{name: "the last kept", keep: func(_ *rand.Rand, i, n int) bool { return i >= n/2 }},
		{name: "all but one kept", keep: all, one: no},
		{name: "one kept", keep: none, one: yes},
		{name: "torn at 512 bytes", keep: all, unit: 512},
		{name: "torn at 4 KiB", keep: all, unit: 4096},
		{name: "some kept, torn at 512 bytes", keep: some, unit: 512, short: true},
	}
}

// String names the image in the words of a report.
func (i Image) String() string {
	return fmt.Sprintf("image %d (cut after event %d, %s)", i.Number, i.After, i.Fate)
}
