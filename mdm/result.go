package mdm

// Status is the outcome a device reports. Values unknown today are kept as
// they are.
type Status string

// The documented statuses (Apple, Device Management, command response).
const (
	// Idle polls: nothing to report.
	Idle Status = "Idle"
	// Acknowledged means executed, or for some commands only accepted.
	Acknowledged Status = "Acknowledged"
	// Error means that the command failed; ErrorChain says why.
	Error Status = "Error"
	// CommandFormatError means that the device could not read the command: a
	// fault of the server, never worth sending the same bytes again.
	CommandFormatError Status = "CommandFormatError"
	// NotNow means that the device refuses for the moment and has forgotten
	// the command.
	NotNow Status = "NotNow"
)

// Final reports whether s ends its command: true for all but Idle and NotNow,
// unknown values included.
func (s Status) Final() bool { return s != Idle && s != NotNow }

// An ErrorItem is one link of an error chain; the first is the outermost.
// Codes and domains change between OS releases and texts are in the device's
// language: for people, never to branch on. All of it is untrusted text.
type ErrorItem struct {
	Code      int64
	Domain    string
	Localized string
	USEnglish string
}

// maxStatusBytes bounds Status; the longest documented one has 18.
const maxStatusBytes = 64

// Result is what a device sends to the command URL: a poll or the outcome of
// a command.
type Result struct {
	Enrollment
	Status Status
	// CommandUUID is "" for a poll, otherwise at most 128 printable bytes.
	CommandUUID string
	ErrorChain  []ErrorItem
	// NotUnderstood says, when not empty, why something beside the header
	// could not be read. The header is good, and the device must get its 200.
	NotUnderstood string
	// Raw is the body as received; it belongs to the Result.
	Raw []byte

	doc   *document
	given map[string]any // instead of doc
}

// ResultOf returns what [DecodeResult] returns for a message of e with a status,
// a command UUID ("" for a poll) and top-level values, without Raw: for
// simulations, which would encode and decode most of the time. Values are string,
// bool, int64, float64, []byte, []any and map[string]any; they are not checked
// and belong to the Result.
func ResultOf(e Enrollment, s Status, uuid string, values map[string]any) *Result {
	return &Result{Enrollment: e, Status: s, CommandUUID: uuid, given: values}
}

// value returns the top-level value under key; nil when absent.
func (r *Result) value(key string) (any, error) {
	if r.doc == nil {
		return r.given[key], nil
	}
	return r.doc.value(key)
}

// DecodeResult reads a poll or a result within l, in one pass over the header
// keys; payloads are read only when one of the accessors is called. What it
// refuses with a *ParseError is a body that is no property list dictionary,
// is over a limit (ErrTooLarge), has unusable identifiers (ErrIdentifiers),
// or lacks a usable Status. Anything else odd ends up in NotUnderstood,
// because a device repeats a refused result for ever. It keeps body.
func DecodeResult(body []byte, l Limits) (*Result, error) {
	doc, err := scan(body, l)
	if err != nil {
		return nil, err
	}
	r := &Result{Raw: body, doc: doc}
	if r.Enrollment, err = doc.enrollment(); err != nil {
		return nil, err
	}
	if _, err := r.Resolve(); err != nil {
		return nil, err
	}
	if err := r.readHeader(); err != nil {
		return nil, err
	}
	if doc.oddity != nil {
		r.oddly(doc.oddity.Error())
	}
	r.readErrorChain()
	return r, nil
}

func (r *Result) readHeader() error {
	status, err := r.doc.header("Status")
	switch {
	case err != nil:
		return err
	case status == "":
		return malformed("missing Status")
	case len(status) > maxStatusBytes || !validKey(status):
		return malformed("Status with a bad length or character")
	}
	uuid, err := r.doc.header("CommandUUID")
	switch {
	case err != nil:
		return err
	case uuid != "" && !validKey(uuid):
		return malformed("CommandUUID with a bad length or character")
	}
	r.Status, r.CommandUUID = Status(status), uuid
	if uuid == "" && r.Status != Idle {
		r.oddly("mdm: missing CommandUUID")
	}
	return nil
}

func (r *Result) readErrorChain() {
	v, err := r.doc.value("ErrorChain")
	if err != nil {
		r.oddly(err.Error())
		return
	}
	f := newFields(map[string]any{"ErrorChain": v})
	r.ErrorChain = f.errorChain()
	if s := f.skippedSorted(); len(s) > 0 {
		r.oddly("mdm: " + s[0] + " has an unusable type")
	}
}

// errorChain returns the usable links of the ErrorChain in f.
func (f fields) errorChain() []ErrorItem {
	var chain []ErrorItem
	for _, item := range f.objects("ErrorChain") {
		chain = append(chain, ErrorItem{
			Code:      deref(item.integer("ErrorCode")),
			Domain:    item.text("ErrorDomain"),
			Localized: item.text("LocalizedDescription"),
			USEnglish: item.text("USEnglishDescription"),
		})
	}
	return chain
}

// oddly keeps the first reason.
func (r *Result) oddly(why string) {
	if r.NotUnderstood == "" {
		r.NotUnderstood = why
	}
}
