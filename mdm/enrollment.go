package mdm

// sharedUserID is the UserID of every Shared iPad user; the short name tells
// them apart (Apple, Device Management, TokenUpdate).
const sharedUserID = "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"

// Enrollment holds the identifier keys of one message, as sent. They are
// claims: only the certificate proves who speaks.
type Enrollment struct {
	// UDID of a device enrolment. Apple guarantees neither length nor form.
	UDID string
	// EnrollmentID of a User Enrollment, sent instead of the UDID.
	EnrollmentID string
	// UserID of a macOS user channel, or the constant of Shared iPad.
	UserID string
	// UserShortName is the user's key on Shared iPad.
	UserShortName string
	// UserLongName is a person's name; nothing here needs it.
	UserLongName string
	// EnrollmentUserID of the user channel of a User Enrollment.
	EnrollmentUserID string
}

// Enrolled returns e itself. Every message embeds its Enrollment and so
// satisfies [Checkin].
func (e Enrollment) Enrolled() Enrollment { return e }

// EnrollmentType tells the two kinds of enrolment apart.
type EnrollmentType int

// The kinds of enrolment.
const (
	// DeviceEnrollment manages the whole device and is known by its UDID.
	DeviceEnrollment EnrollmentType = iota + 1
	// UserEnrollment manages only the organisation's part of a person's
	// device and is known by its EnrollmentID.
	UserEnrollment
)

// String returns "device" or "user".
func (t EnrollmentType) String() string {
	switch t {
	case DeviceEnrollment:
		return "device"
	case UserEnrollment:
		return "user"
	}
	return "unknown"
}

// ID is the resolved key of a message: the one thing authorisation, queue and
// storage may use.
type ID struct {
	// Device is the UDID or EnrollmentID: 1 to 128 bytes, printable, no colon.
	Device string
	// User is the key of the user channel, "" on the device channel. Same
	// bounds as Device.
	User string
	// Type says which kind of key Device is.
	Type EnrollmentType
}

// String returns "device" or "device:user". The parts cannot be confused,
// because neither holds a colon; still, nothing should parse it back.
func (id ID) String() string {
	if id.User == "" {
		return id.Device
	}
	return id.Device + ":" + id.User
}

// Resolve returns the key of the message. Both or neither of UDID and
// EnrollmentID, a key over 128 bytes, and a key with a colon or a control
// character are errors: a *ParseError that wraps ErrIdentifiers. Every
// message this package decodes has been resolved once without error.
func (e Enrollment) Resolve() (ID, error) {
	var id ID
	switch {
	case e.UDID != "" && e.EnrollmentID != "":
		return ID{}, unusable("both UDID and EnrollmentID")
	case e.UDID != "":
		id = ID{Device: e.UDID, User: e.UserID, Type: DeviceEnrollment}
		if e.UserID == sharedUserID {
			id.User = e.UserShortName
			if id.User == "" {
				return ID{}, unusable("shared user without UserShortName")
			}
		}
	case e.EnrollmentID != "":
		id = ID{Device: e.EnrollmentID, User: e.EnrollmentUserID, Type: UserEnrollment}
	default:
		return ID{}, unusable("neither UDID nor EnrollmentID")
	}
	if !validKey(id.Device) {
		return ID{}, unusable("device identifier with a bad length or character")
	}
	if id.User != "" && !validKey(id.User) {
		return ID{}, unusable("user identifier with a bad length or character")
	}
	return id, nil
}

func unusable(what string) error {
	return &ParseError{What: what, Offset: -1, Err: ErrIdentifiers}
}
