package mdmtest

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"net"
	"time"
)

// Options describes an iPhone as it comes out of its box, its owner, and the
// world it lives in. Now is required; everything else has a useful zero value.
type Options struct {
	UDID         string // default: a random one
	SerialNumber string // default: derived from UDID
	ProductName  string // hardware identifier such as "iPhone15,2" (the default)
	Name         string // device name; default "iPhone"
	OSVersion    string // default "18.1"
	Build        string // default "22B83"
	Supervised   bool
	TimeZone     string // IANA name; default "UTC"
	Apps         []App
	Store        []StoreApp // what the App Store has for the phone
	StoreAccount bool       // an Apple Account is signed in to the store
	Passcode     bool       // a passcode is set, so installing asks for it
	CapacityGB   float64    // total storage, decimal gigabytes; default 128
	AvailableGB  float64    // free storage, decimal gigabytes; default 64
	Battery      float64    // charge, 0..1; default 0.8
	IMEI         string     // sent in Authenticate when set and the rights allow it

	// Now is the phone's own clock. It may be scaled or fake. Required.
	Now func() time.Time
	// Wall stamps journal entries with real time; default Now.
	Wall func() time.Time
	// Roots is what the phone trusts before it is enrolled, such as a root the
	// administrator installed; nil means the system's pool. Roots of an
	// enrolment profile are added while it is installed.
	Roots *x509.CertPool
	// Apple answers what Apple offers; nil offers nothing.
	Apple Apple
	User  User
	// Journal receives what happens on the phone; nil keeps a private one.
	Journal *Journal
	// Timeout bounds one HTTP exchange in wall time; default 30 s.
	Timeout time.Duration
	// Dial replaces the network, for instance to reach a host name that does
	// not resolve; nil uses net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Key is the identity's key pair. When nil, Keys is asked; when that is nil
	// too, the phone generates KeySize bits (default: what the profile says).
	Key     *rsa.PrivateKey
	Keys    *KeyPool
	KeySize int

	Faults Faults
}

// App is one installed app.
type App struct {
	BundleID     string
	Name         string
	Version      string // CFBundleVersion
	ShortVersion string // CFBundleShortVersionString, what people call the version
}

// Apple is what the phone's update client learns from Apple.
type Apple interface {
	// Offered returns every release Apple lets the hardware model install at
	// now, in any order. It must be safe for concurrent use.
	Offered(model string, now time.Time) []Offer
}

// Offer is one release Apple offers to a model.
type Offer struct {
	Version      string    // "26.6.1"
	Build        string    // "23G90"
	Extra        string    // "a": a background security improvement of Version, and Build is that of the improvement
	Posted       time.Time // the release date, from which deferrals count
	DownloadTime time.Duration
	InstallTime  time.Duration
	SizeGB       float64 // free space needed, decimal gigabytes; default 6
}

// User is how the phone's owner behaves. All durations run on the phone's
// clock; zero means "never", one nanosecond means "at once".
type User struct {
	// TapsInstall is how long after an update appears in Settings > Software
	// Update the user installs it.
	TapsInstall time.Duration
	// AutoUpdate is how long after an update appears the phone installs it by
	// itself, unless the settings declaration turns that off.
	AutoUpdate time.Duration
	// PutsOff is how often the user answers with "later" when an update that a
	// ScheduleOSUpdate command installs asks for the passcode, a day each time.
	// After the third time the phone gives no such choice any more.
	PutsOff int
	// EntersPasscode is how long the user takes to enter the passcode when an
	// update asks for it. Without it, see [Phone.SetPasscodeEntry].
	EntersPasscode time.Duration
	// InstallsEarly is how long after an enforced update is prepared the user
	// accepts it, ahead of the deadline.
	InstallsEarly time.Duration
	// TakesImprovements is how long after Apple posts a background security
	// improvement the phone takes it by itself, unless it is not offered.
	TakesImprovements time.Duration
	// JoinsBeta says that the user takes part in the first beta program that the
	// phone's settings offer.
	JoinsBeta bool
}

// Faults makes the phone's network misbehave on purpose.
type Faults struct {
	// LoseResult drops the server's answer to that many command results after
	// the server has handled them; the phone then sends the same result again.
	LoseResult int
	// LoseStatus does the same to status reports.
	LoseStatus int
	// SwallowAnswer drops that many answers to a ScheduleOSUpdate command that
	// makes the phone install at once: it restarts before it can speak.
	SwallowAnswer int
}

func (o *Options) setDefaults() {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	def(&o.ProductName, "iPhone15,2")
	def(&o.Name, "iPhone")
	if o.OSVersion == "" {
		o.OSVersion, o.Build = "18.1", "22B83"
	}
	def(&o.TimeZone, "UTC")
	if o.CapacityGB == 0 {
		o.CapacityGB = 128
	}
	if o.AvailableGB == 0 {
		o.AvailableGB = 64
	}
	if o.Battery == 0 {
		o.Battery = 0.8
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Wall == nil {
		o.Wall = o.Now
	}
	if o.Apple == nil {
		o.Apple = nothingOffered{}
	}
	if o.Journal == nil {
		o.Journal = NewJournal(nil)
	}
}

type nothingOffered struct{}

// Offered implements Apple.
func (nothingOffered) Offered(string, time.Time) []Offer { return nil }
