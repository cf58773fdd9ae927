package mdm

// A Checkin is one check-in message: *Authenticate, *TokenUpdate, *CheckOut,
// *SetBootstrapToken, *GetBootstrapToken, *GetToken, *UserAuthenticate or
// *DeclarativeManagement (Apple, Device Management, Check-in). No other type
// can be one.
type Checkin interface {
	// Enrolled returns who the message claims to be from; it resolves.
	Enrolled() Enrollment
	// MessageType returns Apple's name of the message.
	MessageType() string

	checkin()
}

// Authenticate opens an enrolment. It does not yet make it usable; the first
// TokenUpdate does. All but Topic may be empty.
type Authenticate struct {
	Enrollment
	Topic        string
	OSVersion    string
	BuildVersion string
	ProductName  string // "iPhone15,2"
	SerialNumber string
	IMEI         string
	MEID         string
	Model        string // macOS
	ModelName    string // macOS
}

// TokenUpdate tells where and how to push to a device. Topic, Token and
// PushMagic are never empty. All of it replaces what was stored, except that
// an absent UnlockToken says nothing about the stored one.
type TokenUpdate struct {
	Enrollment
	Topic     string
	Token     []byte // raw APNs device token
	PushMagic string
	// UnlockToken clears the passcode; nil when not sent. A secret.
	UnlockToken []byte
	// AwaitingConfiguration says that Setup Assistant waits for
	// DeviceConfigured.
	AwaitingConfiguration bool
}

// CheckOut says that the profile was removed. It is sent once, without retry.
type CheckOut struct {
	Enrollment
	Topic string
}

// SetBootstrapToken hands over the bootstrap token, a secret. An empty token
// deletes the stored one.
type SetBootstrapToken struct {
	Enrollment
	BootstrapToken        []byte
	AwaitingConfiguration bool
}

// GetBootstrapToken asks for the stored bootstrap token.
type GetBootstrapToken struct {
	Enrollment
	AwaitingConfiguration bool
}

// GetToken asks for a token of a service; devices send it only to servers
// that declare the capability com.apple.mdm.token.
type GetToken struct {
	Enrollment
	TokenServiceType string
	// SecurityToken, PhoneUDID and WatchUDID belong to watch pairing.
	SecurityToken string
	PhoneUDID     string
	WatchUDID     string
}

// UserAuthenticate asks whether a macOS network user is managed.
// DigestResponse is empty in the first of the two requests.
type UserAuthenticate struct {
	Enrollment
	DigestResponse string
}

// DeclarativeManagement asks for tokens, the manifest or one declaration, or
// brings a status report. Endpoint is not yet checked: see [ParseEndpoint].
type DeclarativeManagement struct {
	Enrollment
	Endpoint string
	// Data is JSON, of a status report only: see [DecodeStatus].
	Data []byte
}

// Apple's names of the messages.
const (
	msgAuthenticate          = "Authenticate"
	msgTokenUpdate           = "TokenUpdate"
	msgCheckOut              = "CheckOut"
	msgSetBootstrapToken     = "SetBootstrapToken"
	msgGetBootstrapToken     = "GetBootstrapToken"
	msgGetToken              = "GetToken"
	msgUserAuthenticate      = "UserAuthenticate"
	msgDeclarativeManagement = "DeclarativeManagement"
)

// MessageType returns "Authenticate".
func (*Authenticate) MessageType() string { return msgAuthenticate }

// MessageType returns "TokenUpdate".
func (*TokenUpdate) MessageType() string { return msgTokenUpdate }

// MessageType returns "CheckOut".
func (*CheckOut) MessageType() string { return msgCheckOut }

// MessageType returns "SetBootstrapToken".
func (*SetBootstrapToken) MessageType() string { return msgSetBootstrapToken }

// MessageType returns "GetBootstrapToken".
func (*GetBootstrapToken) MessageType() string { return msgGetBootstrapToken }

// MessageType returns "GetToken".
func (*GetToken) MessageType() string { return msgGetToken }

// MessageType returns "UserAuthenticate".
func (*UserAuthenticate) MessageType() string { return msgUserAuthenticate }

// MessageType returns "DeclarativeManagement".
func (*DeclarativeManagement) MessageType() string { return msgDeclarativeManagement }

func (*Authenticate) checkin()          {}
func (*TokenUpdate) checkin()           {}
func (*CheckOut) checkin()              {}
func (*SetBootstrapToken) checkin()     {}
func (*GetBootstrapToken) checkin()     {}
func (*GetToken) checkin()              {}
func (*UserAuthenticate) checkin()      {}
func (*DeclarativeManagement) checkin() {}

// DecodeCheckin reads a check-in message. It applies [CheckinLimits], or
// [ResultLimits] to a DeclarativeManagement message, and what the guard refuses
// is refused. Its errors are *ParseErrors: wrapping ErrUnknownMessage
// for a MessageType it does not know, ErrIdentifiers when the identifiers do
// not resolve, ErrTooLarge over a limit; a missing required key is named.
func DecodeCheckin(body []byte) (Checkin, error) {
	// The greater size, because only the scan finds out what the message is.
	doc, err := scan(body, ResultLimits())
	if err != nil {
		return nil, err
	}
	if doc.oddity != nil {
		return nil, doc.oddity
	}
	typ, err := doc.header("MessageType")
	if err != nil {
		return nil, err
	}
	if limit := CheckinLimits().Bytes; int64(len(body)) > limit && typ != msgDeclarativeManagement {
		return nil, &ParseError{What: "check-in larger than allowed", Offset: limit, Err: ErrTooLarge}
	}
	e, err := doc.enrollment()
	if err != nil {
		return nil, err
	}
	d := checkinDecoder{doc: doc}
	c := d.message(typ, e)
	if d.err != nil {
		return nil, d.err
	}
	if _, err := e.Resolve(); err != nil {
		return nil, err
	}
	return c, nil
}

// checkinDecoder reads the keys of one message and keeps the first error.
type checkinDecoder struct {
	doc *document
	err error
}

func (d *checkinDecoder) message(typ string, e Enrollment) Checkin {
	switch typ {
	case msgAuthenticate:
		return &Authenticate{
			Enrollment: e, Topic: d.required("Topic"),
			OSVersion: d.str("OSVersion"), BuildVersion: d.str("BuildVersion"),
			ProductName: d.str("ProductName"), SerialNumber: d.str("SerialNumber"),
			IMEI: d.str("IMEI"), MEID: d.str("MEID"),
			Model: d.str("Model"), ModelName: d.str("ModelName"),
		}
	case msgTokenUpdate:
		m := &TokenUpdate{
			Enrollment: e, Topic: d.required("Topic"), Token: d.data("Token"),
			PushMagic: d.required("PushMagic"), UnlockToken: d.data("UnlockToken"),
			AwaitingConfiguration: d.boolean("AwaitingConfiguration"),
		}
		if len(m.Token) == 0 {
			d.fail("missing Token")
		}
		return m
	case msgCheckOut:
		return &CheckOut{Enrollment: e, Topic: d.required("Topic")}
	case msgSetBootstrapToken:
		return &SetBootstrapToken{
			Enrollment: e, BootstrapToken: d.data("BootstrapToken"),
			AwaitingConfiguration: d.boolean("AwaitingConfiguration"),
		}
	case msgGetBootstrapToken:
		return &GetBootstrapToken{Enrollment: e, AwaitingConfiguration: d.boolean("AwaitingConfiguration")}
	case msgGetToken:
		p := d.dictionary("TokenParameters")
		return &GetToken{
			Enrollment: e, TokenServiceType: d.required("TokenServiceType"),
			SecurityToken: p.text("SecurityToken"), PhoneUDID: p.text("PhoneUDID"), WatchUDID: p.text("WatchUDID"),
		}
	case msgUserAuthenticate:
		if e.UserID == "" {
			d.fail("missing UserID")
		}
		return &UserAuthenticate{Enrollment: e, DigestResponse: d.str("DigestResponse")}
	case msgDeclarativeManagement:
		return &DeclarativeManagement{Enrollment: e, Endpoint: d.required("Endpoint"), Data: d.data("Data")}
	case "":
		d.fail("missing MessageType")
	default:
		d.err = &ParseError{What: "unknown MessageType", Offset: -1, MessageType: wordOrNone(typ), Err: ErrUnknownMessage}
	}
	return nil
}

// wordOrNone returns s when it is fit for a log: up to 64 ASCII letters.
func wordOrNone(s string) string {
	if len(s) > 64 {
		return ""
	}
	for _, c := range []byte(s) {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return ""
		}
	}
	return s
}

func (d *checkinDecoder) fail(what string) {
	if d.err == nil {
		d.err = malformed(what)
	}
}

// value returns the value under key converted by conv, the zero value when
// the key is absent.
func value[T any](d *checkinDecoder, key string, conv func(any) (T, bool)) T {
	var zero T
	v, err := d.doc.value(key)
	if err != nil && d.err == nil {
		d.err = err
	}
	if err != nil || v == nil {
		return zero
	}
	t, ok := conv(v)
	if !ok {
		d.fail(key + " has an unusable type")
		return zero
	}
	return t
}

func (d *checkinDecoder) str(key string) string   { return value(d, key, asString) }
func (d *checkinDecoder) boolean(key string) bool { return value(d, key, asBool) }
func (d *checkinDecoder) data(key string) []byte  { return value(d, key, asData) }
func (d *checkinDecoder) dictionary(key string) fields {
	return newFields(value(d, key, asDictionary))
}

func (d *checkinDecoder) required(key string) string {
	s := d.str(key)
	if s == "" {
		d.fail("missing " + key)
	}
	return s
}
