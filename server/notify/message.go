package notify

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/storage"
)

// KindTest is the kind of a message that somebody sends to try a channel. It is
// no notice: nothing of it is kept.
const KindTest = "test"

// Message is a notice as a channel carries it. Its JSON is the body that a
// webhook gets; a field is added now and then, and none changes its meaning.
type Message struct {
	ID           string            `json:"id"`           // the same for every attempt
	Seq          uint64            `json:"seq"`          // 0: a test, which is no notice
	Installation string            `json:"installation"` // names the sender
	Segment      string            `json:"segment"`
	Kind         string            `json:"kind"`
	At           time.Time         `json:"at"` // policy time, UTC
	Group        string            `json:"group,omitempty"`
	Release      string            `json:"release,omitempty"`
	Device       string            `json:"device,omitempty"` // UDID
	Holder       string            `json:"holder,omitempty"`
	Params       map[string]string `json:"params"`
	Language     string            `json:"language"`
	Text         string            `json:"text"` // for people, in that language
}

func newMessage(p *lang.Printer, installation string, seg storage.Segment, n storage.Notice) Message {
	if tag := n.Params["language"]; tag != "" { // whoever it is for reads that one
		p = p.As(tag)
	}
	m := Message{
		ID: n.ID, Seq: n.Seq, Installation: installation, Segment: string(seg), Kind: n.Kind, At: n.At.UTC(), Group: n.Group, Release: n.Release,
		Device: n.Phone, Holder: n.Holder, Params: n.Params, Language: p.Lang(), Text: p.Notice(n.Kind, n.Group, n.Release, n.Phone, n.Params),
	}
	if m.Params == nil {
		m.Params = map[string]string{}
	}
	return m
}

func (m Message) body() ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return body, nil
}
