package mdm

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"

	"github.com/micromdm/plist"
)

// document is a scanned property list: well formed, within its limits, with
// a dictionary as root.
type document struct {
	body []byte
	top  map[string]span
	// oddity is the first fault below the top level that leaves the header
	// keys readable, or nil.
	oddity *ParseError
}

// span is the place of one top-level value in the body.
type span struct {
	start, end int64
	element    string
	text       string // of a header key only
}

// header returns the string under one of the header keys, "" when absent.
func (d *document) header(key string) (string, error) {
	v, ok := d.top[key]
	if !ok {
		return "", nil
	}
	if v.element != "string" {
		return "", &ParseError{What: key + " is not a string", Offset: v.start}
	}
	return v.text, nil
}

// enrollment returns the identifier keys.
func (d *document) enrollment() (Enrollment, error) {
	var e Enrollment
	for _, f := range []struct {
		key string
		to  *string
	}{
		{"UDID", &e.UDID},
		{"EnrollmentID", &e.EnrollmentID},
		{"UserID", &e.UserID},
		{"UserShortName", &e.UserShortName},
		{"UserLongName", &e.UserLongName},
		{"EnrollmentUserID", &e.EnrollmentUserID},
	} {
		v, err := d.header(f.key)
		if err != nil {
			return Enrollment{}, err
		}
		*f.to = v
	}
	return e, nil
}

// value decodes the top-level value under key; nil when absent. Only the
// bytes of that value are read. The library's own error is dropped on
// purpose: it quotes what it could not read.
func (d *document) value(key string) (any, error) {
	at, ok := d.top[key]
	if !ok {
		return nil, nil
	}
	var v any
	if err := plist.NewXMLDecoder(bytes.NewReader(d.body[at.start:at.end])).Decode(&v); err != nil {
		return nil, &ParseError{What: key + " cannot be read", Offset: at.start}
	}
	return v, nil
}

// isHeader reports whether key is one whose text the scan keeps.
func isHeader(key string) bool {
	return isUnique(key) || key == "UserLongName"
}

// isUnique reports whether key says who speaks or what is answered and so
// may stand at top level only once.
func isUnique(key string) bool {
	switch key {
	case "UDID", "EnrollmentID", "EnrollmentUserID", "UserID", "UserShortName",
		"MessageType", "CommandUUID", "Status":
		return true
	}
	return false
}

// isLeaf reports whether element is a property list element that holds text.
func isLeaf(element string) bool {
	switch element {
	case "key", "string", "integer", "real", "data", "date", "true", "false":
		return true
	}
	return false
}

// Depths of the fixed frame <plist><dict><key/><value/>.
const (
	depthPlist = 1
	depthDict  = 2
	depthTop   = 3
)

// frame is an open element.
type frame struct {
	element string
	start   int64
	hasKey  bool // a dict whose last key waits for its value
}

// scanner reads a document once with the tokenizer the decoder also uses, so
// the two cannot disagree about what an element is.
type scanner struct {
	dec    *xml.Decoder
	limits Limits
	doc    *document
	open   []frame
	nodes  int
	seen   bool // the root dictionary
	closed bool // the root element
	key    string
	text   []byte // of the open leaf at top level
}

// scan checks an XML property list against l before a decoder sees it, and finds
// its top-level values. It refuses what is over a limit, binary property lists, a
// DOCTYPE with an internal subset, any root but <plist><dict>, content after the
// root, keys without a value, elements that no property list has, and a second
// UDID, EnrollmentID, EnrollmentUserID, UserID, UserShortName, MessageType,
// CommandUUID or Status at top level, because two readers of one document must
// never see two identities. Any other key that stands there twice is an oddity.
// The error is a *ParseError; over a limit it wraps ErrTooLarge.
func scan(body []byte, l Limits) (*document, error) {
	if int64(len(body)) > l.Bytes {
		return nil, &ParseError{What: "body larger than allowed", Offset: l.Bytes, Err: ErrTooLarge}
	}
	if bytes.HasPrefix(body, []byte("bplist")) {
		return nil, &ParseError{What: "binary property list"}
	}
	s := &scanner{
		dec:    xml.NewDecoder(bytes.NewReader(body)),
		limits: l,
		doc:    &document{body: body, top: make(map[string]span, 16)},
	}
	for {
		start := s.dec.InputOffset()
		tok, err := s.dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, &ParseError{What: "not well-formed XML", Offset: s.dec.InputOffset()}
		}
		if err := s.token(tok, start); err != nil {
			return nil, err
		}
	}
	if !s.seen {
		return nil, malformed("no property list dictionary")
	}
	return s.doc, nil
}

func (s *scanner) token(tok xml.Token, start int64) error {
	switch t := tok.(type) {
	case xml.StartElement:
		return s.startElement(t, start)
	case xml.EndElement:
		return s.endElement()
	case xml.CharData:
		return s.charData(t, start)
	case xml.ProcInst:
		if len(s.open) > 0 || s.closed {
			return &ParseError{What: "processing instruction inside the property list", Offset: start}
		}
	case xml.Directive:
		return s.directive(t, start)
	}
	return nil // a comment
}

// directive accepts Apple's plain DOCTYPE only. The decoder would refuse
// entities anyway; this holds when the decoder is another one some day.
func (s *scanner) directive(d xml.Directive, start int64) error {
	switch {
	case len(s.open) > 0 || s.closed:
		return &ParseError{What: "directive inside the property list", Offset: start}
	case !bytes.HasPrefix(d, []byte("DOCTYPE")):
		return &ParseError{What: "directive other than DOCTYPE", Offset: start}
	case bytes.ContainsAny(d, "[<"):
		return &ParseError{What: "DOCTYPE with an internal subset", Offset: start}
	}
	return nil
}

func (s *scanner) startElement(el xml.StartElement, start int64) error {
	s.nodes += 1 + len(el.Attr)
	if s.nodes > s.limits.Nodes {
		return &ParseError{What: "more elements than allowed", Offset: start, Err: ErrTooLarge}
	}
	depth := len(s.open) + 1
	if depth > s.limits.Depth {
		return &ParseError{What: "nested deeper than allowed", Offset: start, Err: ErrTooLarge}
	}
	if el.Name.Space != "" {
		return &ParseError{What: "element with a namespace", Offset: start}
	}
	name := el.Name.Local
	if what, fatal := s.misplaced(name, depth); what != "" {
		if err := s.fault(what, fatal, start); err != nil {
			return err
		}
	}
	s.seen = s.seen || depth == depthDict
	if depth == depthTop {
		s.text = s.text[:0]
	}
	s.open = append(s.open, frame{element: name, start: start})
	return nil
}

// misplaced says what is wrong with an element that opens at depth, "" when
// nothing is, and whether the header keys can no longer be trusted then. It
// also marks the key or the value in the parent dictionary.
func (s *scanner) misplaced(name string, depth int) (what string, fatal bool) {
	switch {
	case depth == depthPlist && s.closed:
		return "content after the property list", true
	case depth == depthPlist && name != "plist":
		return "root element is not plist", true
	case depth == depthPlist:
		return "", false
	case depth == depthDict && (s.seen || name != "dict"):
		return "property list is not one dictionary", true
	case depth == depthDict:
		return "", false
	}
	parent := &s.open[depth-2]
	if parent.element == "dict" {
		hadKey := parent.hasKey
		parent.hasKey = name == "key"
		switch {
		case hadKey && parent.hasKey:
			return "key without a value", depth == depthTop
		case !hadKey && !parent.hasKey:
			return "value without a key", depth == depthTop
		}
	}
	switch {
	case isLeaf(parent.element):
		return "element inside a text element", true
	case parent.element == "array" && name == "key":
		return "key inside an array", false
	case name != "dict" && name != "array" && !isLeaf(name):
		return "unknown element", false
	}
	return "", false
}

func (s *scanner) endElement() error {
	depth := len(s.open)
	f := s.open[depth-1]
	s.open = s.open[:depth-1]
	if f.hasKey {
		if err := s.fault("key without a value", depth == depthDict, f.start); err != nil {
			return err
		}
	}
	switch depth {
	case depthPlist:
		s.closed = true
	case depthTop:
		return s.endTop(f)
	}
	return nil
}

// endTop records a top-level key or value.
func (s *scanner) endTop(f frame) error {
	if f.element == "key" {
		s.key = string(s.text)
		return nil
	}
	if _, again := s.doc.top[s.key]; again {
		what := "key twice"
		if isUnique(s.key) {
			what = "second " + s.key
		}
		if err := s.fault(what, isUnique(s.key), f.start); err != nil {
			return err
		}
	}
	v := span{start: f.start, end: s.dec.InputOffset(), element: f.element}
	if isHeader(s.key) {
		v.text = string(s.text)
	}
	s.doc.top[s.key] = v
	return nil
}

func (s *scanner) charData(t xml.CharData, start int64) error {
	depth := len(s.open)
	if depth > 0 && isLeaf(s.open[depth-1].element) {
		if depth == depthTop {
			s.text = append(s.text, t...)
		}
		return nil
	}
	if len(bytes.TrimSpace(t)) == 0 {
		return nil
	}
	return s.fault("text between elements", depth <= depthDict, start)
}

// fault refuses the document when its header keys can no longer be trusted.
// Otherwise the first fault is only kept: a device repeats a result until it
// is taken, and must not be locked out for ever by one odd payload.
func (s *scanner) fault(what string, fatal bool, offset int64) error {
	err := &ParseError{What: what, Offset: offset}
	if fatal {
		return err
	}
	if s.doc.oddity == nil {
		s.doc.oddity = err
	}
	return nil
}
