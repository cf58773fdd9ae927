// Package powercut tests what a program leaves behind when the power goes. It
// records what a process writes to a folder, and when it asks for that to be
// brought to the disk ([Record]), and makes from the recording the folders a
// power cut at any moment could have left ([Log.Images]). It knows nothing of
// what the files mean. It is for tests only.
//
// The model of the disk: what was synced before the cut is there. Of all
// later writes each may be there, missing, or there in part, in units of 512
// bytes or 4 KiB; so may a change of a file's length. The names in a folder
// are safe once the folder is synced; until then a new name, a rename or a
// removal may be missing, each as a whole.
package powercut

// Kind is what an [Event] did.
type Kind int

// The kinds of events. Names are of files directly in the recorded folder.
const (
	Write      Kind = iota // Data was written to File at Offset
	Truncate               // File was given the length Offset
	Sync                   // File was synced: content and length
	Create                 // Name came to mean File, which is new and empty
	Link                   // Name came to mean File as well
	Rename                 // Name came to mean File, and From came to mean nothing
	Remove                 // Name came to mean nothing
	SyncFolder             // the names of the folder were synced
	Say                    // the process wrote Data to its standard output
	Fail                   // a call on File, or on the folder when that is 0, was made to fail and did nothing
)

// Event is one thing a process did, in the order of all its threads.
type Event struct {
	Kind   Kind
	File   int // number of the file, from 1; names come and go, the number stays
	Name   string
	From   string
	Offset int64
	Data   []byte

	// Covers is, of a sync, the number of events that were over when it began:
	// the only ones that it made safe.
	Covers int
}

// Log is all that a process did to a folder that was empty before.
type Log struct{ Events []Event }

// Without returns the log of a process that differs from the recorded one in
// never having done anything of this kind.
func (l *Log) Without(k Kind) *Log {
	out := &Log{Events: make([]Event, len(l.Events))}
	copy(out.Events, l.Events)
	for i, e := range out.Events {
		if e.Kind == k {
			out.Events[i] = Event{Kind: Say} // keeps its place, which Covers counts
		}
	}
	return out
}
