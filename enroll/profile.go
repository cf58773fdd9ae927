package enroll

import (
	"bytes"
	"fmt"

	"github.com/google/uuid"
	"github.com/micromdm/plist"

	"github.com/kannuki-mdm/kannuki/storage"
)

// The payloads of an enrolment profile. Names are Apple's (Device Management,
// TopLevel, CertificateRoot, SCEP, MDM).
type (
	profileDoc struct {
		PayloadContent      []any
		PayloadDescription  string
		PayloadDisplayName  string
		PayloadIdentifier   string
		PayloadOrganization string
		PayloadType         string
		PayloadUUID         string
		PayloadVersion      int
	}
	rootPayload struct {
		PayloadContent     []byte
		PayloadDisplayName string
		PayloadIdentifier  string
		PayloadType        string
		PayloadUUID        string
		PayloadVersion     int
	}
	scepPayload struct {
		PayloadContent     scepContent
		PayloadDisplayName string
		PayloadIdentifier  string
		PayloadType        string
		PayloadUUID        string
		PayloadVersion     int
	}
	scepContent struct {
		Challenge string
		KeyType   string `plist:"Key Type"`
		KeyUsage  int    `plist:"Key Usage"`
		Keysize   int
		Name      string
		Subject   [][][]string
		URL       string
	}
	mdmPayload struct {
		AccessRights            int
		CheckInURL              string
		CheckOutWhenRemoved     bool
		IdentityCertificateUUID string
		PayloadDisplayName      string
		PayloadIdentifier       string
		PayloadType             string
		PayloadUUID             string
		PayloadVersion          int
		ServerURL               string
		SignMessage             bool
		Topic                   string
	}
)

// Paths of the device listener that profiles name. They are part of what can
// never be changed on an enrolled phone.
const (
	CheckinPath = "/mdm/checkin"
	CommandPath = "/mdm/command"
	SCEPPath    = "/scep"
	LinkPath    = "/enroll/"
)

const identityKeyBits = 2048 // RSA: SCEP on Apple devices knows no other key type

// profile builds the enrolment profile of a grant. It holds the challenge in
// clear, so it exists only while it is handed out.
func (s *Service) profile(g storage.Grant, challenge string, unsigned bool) ([]byte, error) {
	base := "com.kannuki-mdm." + s.config.InstanceID + ".enroll"
	identity := uuid.NewString()
	var content []any
	for i, der := range s.config.Roots {
		content = append(content, rootPayload{
			PayloadContent:     der,
			PayloadDisplayName: s.config.Organization + " root",
			PayloadIdentifier:  fmt.Sprintf("%s.root.%d", base, i+1),
			PayloadType:        "com.apple.security.root",
			PayloadUUID:        uuid.NewString(),
			PayloadVersion:     1,
		})
	}
	content = append(content, scepPayload{
		PayloadContent: scepContent{
			Challenge: challenge,
			KeyType:   "RSA",
			KeyUsage:  5, // signing and encryption
			Keysize:   identityKeyBits,
			Name:      "kannuki",
			Subject:   [][][]string{{{"O", s.config.Organization}}, {{"CN", "Kannuki device"}}},
			URL:       s.config.URL + SCEPPath,
		},
		PayloadDisplayName: "Identity",
		PayloadIdentifier:  base + ".identity",
		PayloadType:        "com.apple.security.scep",
		PayloadUUID:        identity,
		PayloadVersion:     1,
	}, mdmPayload{
		AccessRights:            g.Rights,
		CheckInURL:              s.config.URL + CheckinPath,
		CheckOutWhenRemoved:     true,
		IdentityCertificateUUID: identity,
		PayloadDisplayName:      "Device management",
		PayloadIdentifier:       base + ".mdm",
		PayloadType:             "com.apple.mdm",
		PayloadUUID:             uuid.NewString(),
		PayloadVersion:          1,
		ServerURL:               s.config.URL + CommandPath,
		SignMessage:             s.config.SignMessage,
		Topic:                   s.topic(),
	})
	var out bytes.Buffer
	enc := plist.NewEncoder(&out)
	enc.Indent("\t")
	if err := enc.Encode(profileDoc{
		PayloadContent:      content,
		PayloadDescription:  "Lets " + s.config.Organization + " check iOS releases with its business apps before they are installed.",
		PayloadDisplayName:  s.config.Organization + " device management",
		PayloadIdentifier:   base,
		PayloadOrganization: s.config.Organization,
		PayloadType:         "Configuration",
		PayloadUUID:         uuid.NewString(),
		PayloadVersion:      1,
	}); err != nil {
		return nil, wrap("encode enrolment profile", err)
	}
	if unsigned {
		return out.Bytes(), nil
	}
	signed, err := s.signer.SignProfile(out.Bytes())
	return signed, wrap("sign enrolment profile", err)
}
