package mdm

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/micromdm/plist"
)

// A Payload is the content of one kind of command, a struct. Its fields, all of them
// exported, become the command's keys, named by their plist tags.
type Payload interface {
	// RequestType returns Apple's name of the command.
	RequestType() string
}

// Command is one encoded command. The same Command may be sent any number of
// times; a device takes a repeated UUID for the same command.
type Command struct {
	UUID        string
	RequestType string
	// Body is the whole XML property list.
	Body []byte
}

// NewCommand encodes p. The caller supplies the UUID, 1 to 128 printable
// bytes, so that the same arguments give the same bytes. An empty required key
// and a text that no XML property list can carry are errors.
func NewCommand(uuid string, p Payload) (Command, error) {
	if !validKey(uuid) {
		return Command{}, errors.New("mdm: command UUID with a bad length or character")
	}
	if err := check(p); err != nil {
		return Command{}, fmt.Errorf("mdm: %s: %w", p.RequestType(), err)
	}
	command, err := dictionaryOf(p)
	if err != nil {
		return Command{}, fmt.Errorf("mdm: %s: %w", p.RequestType(), err)
	}
	command["RequestType"] = p.RequestType()
	body, err := plist.Marshal(map[string]any{"CommandUUID": uuid, "Command": command})
	if err != nil {
		return Command{}, fmt.Errorf("mdm: %s: %w", p.RequestType(), err)
	}
	if bytes.ContainsRune(body, '\uFFFD') {
		// The encoder replaces what XML cannot carry, which would silently
		// change an identifier.
		return Command{}, fmt.Errorf("mdm: %s: text that XML cannot carry", p.RequestType())
	}
	return Command{UUID: uuid, RequestType: p.RequestType(), Body: body}, nil
}

// commandEnd follows the UUID in an encoded command: keys are sorted.
const commandEnd = "</string></dict></plist>\n"

// With returns the same command under another UUID, as [NewCommand] would encode
// it: encoding what many devices are asked costs a hundred times as much.
func (c Command) With(uuid string) (Command, error) {
	if !validKey(uuid) {
		return Command{}, errors.New("mdm: command UUID with a bad length or character")
	}
	start, found := bytes.CutSuffix(c.Body, []byte(escaped(c.UUID)+commandEnd))
	if !found {
		return Command{}, errors.New("mdm: not a command that NewCommand made")
	}
	own := escaped(uuid)
	body := make([]byte, 0, len(start)+len(own)+len(commandEnd))
	body = append(append(append(body, start...), own...), commandEnd...)
	return Command{UUID: uuid, RequestType: c.RequestType, Body: body}, nil
}

// escaped returns printable text as it stands in XML.
func escaped(text string) string {
	needs := func(r rune) bool { return r > '~' || r == '"' || r == '\'' || r == '&' || r == '<' || r == '>' }
	if !strings.ContainsFunc(text, needs) { // as in every UUID of ours
		return text
	}
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a builder takes everything
	return b.String()
}

// dictionaryOf turns a payload into a dictionary RequestType can be added to. It
// reads the plist tags as the encoder does: to encode the payload alone and decode
// that again costs twice as much as all the rest of a command.
func dictionaryOf(p Payload) (map[string]any, error) {
	v := reflect.Indirect(reflect.ValueOf(p))
	if v.Kind() != reflect.Struct {
		return nil, fmt.Errorf("payload is a %s and not a struct", v.Kind())
	}
	m := make(map[string]any, v.NumField()+1)
	for i := range v.NumField() {
		name, option, _ := strings.Cut(v.Type().Field(i).Tag.Get("plist"), ",")
		field := v.Field(i)
		isEmpty := field.IsZero() || field.Kind() == reflect.Slice && field.Len() == 0
		if option != "omitempty" || !isEmpty {
			m[name] = field.Interface()
		}
	}
	return m, nil
}

const (
	reqDeviceInformation = "DeviceInformation"
	reqInstallProfile    = "InstallProfile"
)

// DeviceInformationCommand asks for the named facts. Devices answer it even
// when locked. Needs right 16 for most queries.
type DeviceInformationCommand struct {
	Queries []string `plist:"Queries"`
}

// InstalledApplicationListCommand asks for the named apps and nothing else:
// the unfiltered list tells more about a person than an employer may know, so
// Identifiers must not be empty. Needs right 256.
type InstalledApplicationListCommand struct {
	Identifiers []string `plist:"Identifiers"`
	// Items are the keys wanted of each app (iOS 14); Identifier always comes.
	Items []string `plist:"Items,omitempty"`
}

// DeclarativeManagementCommand turns declarative management on and tells the
// device to synchronise (iOS 15).
type DeclarativeManagementCommand struct {
	// Data may hold the tokens response; the device then need not ask.
	Data []byte `plist:"Data,omitempty"`
}

// InstallProfileCommand installs or replaces a configuration profile. Needs
// right 2.
type InstallProfileCommand struct {
	Payload []byte `plist:"Payload"` // the profile, signed or not
}

// RemoveProfileCommand removes a configuration profile. Needs right 2.
type RemoveProfileCommand struct {
	Identifier string `plist:"Identifier"` // its top-level PayloadIdentifier
}

// ProfileListCommand asks which profiles are installed. Needs right 1.
type ProfileListCommand struct {
	// ManagedOnly leaves out what the person installed (iOS 13).
	ManagedOnly bool `plist:"ManagedOnly,omitempty"`
}

// SecurityInfoCommand asks whether a passcode is set. Needs right 1024.
type SecurityInfoCommand struct{}

// RequestType returns "DeviceInformation".
func (DeviceInformationCommand) RequestType() string { return reqDeviceInformation }

// RequestType returns "InstalledApplicationList".
func (InstalledApplicationListCommand) RequestType() string { return "InstalledApplicationList" }

// RequestType returns "DeclarativeManagement".
func (DeclarativeManagementCommand) RequestType() string { return msgDeclarativeManagement }

// RequestType returns "InstallProfile".
func (InstallProfileCommand) RequestType() string { return reqInstallProfile }

// RequestType returns "RemoveProfile".
func (RemoveProfileCommand) RequestType() string { return "RemoveProfile" }

// RequestType returns "ProfileList".
func (ProfileListCommand) RequestType() string { return "ProfileList" }

// RequestType returns "SecurityInfo".
func (SecurityInfoCommand) RequestType() string { return "SecurityInfo" }

// validator is a payload, of a command or a declaration, that knows contents a
// device would refuse.
type validator interface{ validate() error }

// check validates v when it can be.
func check(v any) error {
	if c, ok := v.(validator); ok {
		return c.validate()
	}
	return nil
}

func (c DeviceInformationCommand) validate() error {
	if len(c.Queries) == 0 {
		return errors.New("no queries")
	}
	return nil
}

func (c InstalledApplicationListCommand) validate() error {
	if len(c.Identifiers) == 0 {
		return errors.New("no app identifiers")
	}
	return nil
}

func (c InstallProfileCommand) validate() error {
	if len(c.Payload) == 0 {
		return errors.New("empty profile")
	}
	return nil
}

func (c RemoveProfileCommand) validate() error {
	if c.Identifier == "" {
		return errors.New("no profile identifier")
	}
	return nil
}
