package crash

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
)

// stage is how far an act or a visit has come, as its own side knows it.
type stage string

const (
	begun        stage = "begun"
	acknowledged stage = "acknowledged" // the server answered 200
	refused      stage = "refused"      // the server answered that it did nothing
	lost         stage = "lost"         // no answer: it may have happened, as a whole, or not at all
)

// record is one line of the journal outside the server: exactly one of the
// pointers is set.
type record struct {
	N    int       `json:"n"` // position, from 1
	Wall time.Time `json:"wall"`

	Act    *act           `json:"act,omitempty"`
	Visit  *visit         `json:"visit,omitempty"`
	Phone  *mdmtest.Entry `json:"phone,omitempty"`
	Server string         `json:"server,omitempty"` // started or killed
}

// act is one request of an operator. It is written when it begins and again
// when its outcome is known.
type act struct {
	ID      string `json:"id"` // given as the reason, so that its audit entry can be told from all others
	Stage   stage  `json:"stage"`
	Action  string `json:"action"`           // as in the audit log
	Target  string `json:"target,omitempty"` // as in the audit log, "" when the answer tells it
	Release string `json:"release,omitempty"`
	Group   string `json:"group,omitempty"`
	Ring    string `json:"ring,omitempty"`
	Phone   string `json:"phone,omitempty"`

	// Told is what the acknowledgement said, by the names of the audit entry's
	// details; Commands are UUIDs found in the phone's queue afterwards.
	Told     map[string]string `json:"told,omitempty"`
	Commands []string          `json:"commands,omitempty"`
	Error    string            `json:"error,omitempty"`
}

// visit is one conversation of a phone with the server: an enrolment or a
// session. Acknowledged means that the server took all the phone had to say.
type visit struct {
	Phone string `json:"phone"`
	Stage stage  `json:"stage"`
	Enrol bool   `json:"enrol,omitempty"`
	Group string `json:"group,omitempty"` // of an enrolment
	Ring  string `json:"ring,omitempty"`

	// What the phone holds after an acknowledged visit.
	PushToken    []byte        `json:"push_token,omitempty"`
	OS           string        `json:"os,omitempty"`
	Declarations []declaration `json:"declarations,omitempty"`
	Error        string        `json:"error,omitempty"`
}

// declaration names one declaration a phone holds.
type declaration struct {
	Identifier  string `json:"identifier"`
	ServerToken string `json:"server_token"`
}

// journal is what the server's clients know, in a file of their own. A line is
// on disk before whoever wrote it goes on.
type journal struct {
	mu      sync.Mutex
	file    *os.File
	records []record
	err     error
}

func newJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return &journal{file: f}, nil
}

func (j *journal) add(r record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r.N, r.Wall = len(j.records)+1, time.Now()
	j.records = append(j.records, r)
	line, err := json.Marshal(r)
	if err == nil {
		_, err = j.file.Write(append(line, '\n'))
	}
	if err == nil {
		err = j.file.Sync()
	}
	if j.err == nil {
		j.err = err
	}
}

func (j *journal) act(a act)     { j.add(record{Act: &a}) }
func (j *journal) visit(v visit) { j.add(record{Visit: &v}) }

// all returns what was written so far. The caller does not change it.
func (j *journal) all() []record {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.records[:len(j.records):len(j.records)]
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.file.Close(); err != nil && j.err == nil {
		j.err = err
	}
	return j.err
}

// phones returns a writer for the phones' own journal: each of its lines
// becomes a record, in one order with everything else.
func (j *journal) phones() io.Writer { return phoneLines{j} }

type phoneLines struct{ journal *journal }

// Write implements io.Writer for lines of JSON.
func (w phoneLines) Write(line []byte) (int, error) {
	var e mdmtest.Entry
	if err := json.Unmarshal(line, &e); err != nil {
		return 0, fmt.Errorf("line of a phone's journal: %w", err)
	}
	w.journal.add(record{Phone: &e})
	return len(line), nil
}
