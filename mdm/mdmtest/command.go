package mdmtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Statuses of a command's result.
const (
	acknowledged = "Acknowledged"
	failed       = "Error"
	badFormat    = "CommandFormatError"
	notNow       = "NotNow"
)

// neverDeferred are the commands iOS never answers with NotNow (Apple, Device
// Management, "Handling NotNow status responses").
func neverDeferred(requestType string) bool {
	return slices.Contains([]string{
		"DeviceInformation", "ProfileList", "DeviceLock", "EraseDevice", "ClearPasscode",
		"ProvisioningProfileList", "InstalledApplicationList", "Restrictions",
	}, requestType)
}

// execute carries out one command and returns its encoded result. It returns
// an error only when the context ended in mid-command.
func (p *Phone) execute(ctx context.Context, m map[string]any) ([]byte, error) {
	id, cmd := str(m, "CommandUUID"), dict(m, "Command")
	requestType := str(cmd, "RequestType")
	p.note(Entry{Kind: KindCommand, Type: requestType, CommandUUID: id})
	e := p.enrolment
	status, more := p.answer(ctx, id, cmd)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.note(Entry{Kind: KindAnswer, Type: requestType, CommandUUID: id, Status: status, Detail: answerText(more)})
	e.notNowLast = status == notNow
	return p.result(status, id, more)
}

// answer decides a command's status and the keys that go with it.
func (p *Phone) answer(ctx context.Context, id string, cmd map[string]any) (string, map[string]any) {
	requestType := str(cmd, "RequestType")
	if requestType == "" {
		return badFormat, nil
	}
	it, ok := schema().Commands[requestType]
	if !ok {
		p.violation("unknown command %.80q", requestType)
		return failed, errorChain(12021, "MCMDMErrorDomain", fmt.Sprintf("%.80q is not a valid request type.", requestType))
	}
	r := p.reader()
	if f := r.available(it.Introduced, it.Removed, it.Supervised); f != "" {
		p.violation("command %s: %s", requestType, f)
		return failed, errorChain(12021, "MCMDMErrorDomain", requestType+": "+string(f))
	}
	if !p.enrolment.may(it.Rights) {
		p.violation("command %s: access right %s was not granted", requestType, it.Rights)
		return failed, errorChain(12007, "MCMDMErrorDomain", "The server does not have the right for "+requestType+".")
	}
	if p.locked && !neverDeferred(requestType) {
		return notNow, nil
	}
	keys := append([]*key{{Name: "RequestType", Type: "string", Required: true}}, it.Keys...)
	if requestType == "DeviceInformation" {
		keys = append(keys, &key{Name: "DeviceAttestationNonce", Type: "data", Introduced: "16.0"})
		p.checkQueries(cmd)
		keys = anyQuery(keys)
	}
	if ps := r.checkDict("", cmd, keys); len(ps) > 0 {
		p.violation("command %s: %s", requestType, describe(ps))
		return badFormat, errorChain(12003, "MCMDMErrorDomain", describe(ps))
	}
	return p.perform(ctx, id, cmd)
}

// perform carries out a command that passed all checks.
func (p *Phone) perform(ctx context.Context, id string, cmd map[string]any) (string, map[string]any) {
	switch str(cmd, "RequestType") {
	case "DeviceInformation":
		return acknowledged, map[string]any{"QueryResponses": p.deviceInformation(stringsOf(cmd, "Queries"))}
	case "InstalledApplicationList":
		return acknowledged, map[string]any{"InstalledApplicationList": p.appList(cmd)}
	case "ManagedApplicationList":
		return acknowledged, map[string]any{"ManagedApplicationList": p.managedAppList(cmd)}
	case "InstallApplication":
		return p.installApplication(cmd)
	case "DeclarativeManagement":
		return p.declarativeManagement(cmd)
	case "InstallProfile":
		if err := p.install(ctx, bytesOf(cmd, "Payload"), false); err != nil {
			return failed, errorChain(4001, "MCInstallationErrorDomain", err.Error())
		}
		return acknowledged, nil
	case "RemoveProfile":
		return p.removeByCommand(str(cmd, "Identifier"))
	case "ProfileList":
		return acknowledged, map[string]any{"ProfileList": p.profileList()}
	case "CertificateList":
		return acknowledged, map[string]any{"CertificateList": []any{map[string]any{
			"CommonName": p.enrolment.identity.cert.Subject.CommonName,
			"IsIdentity": true, "Data": p.enrolment.identity.cert.Raw,
		}}}
	case "SecurityInfo":
		return acknowledged, map[string]any{"SecurityInfo": map[string]any{
			"HardwareEncryptionCaps": 3, "PasscodePresent": p.o.Passcode,
			"PasscodeCompliant": true, "PasscodeCompliantWithProfiles": true,
		}}
	case "DeviceLock":
		p.locked = true
		return acknowledged, map[string]any{"MessageResult": "Success"}
	case "ClearPasscode":
		p.o.Passcode = false
		return acknowledged, nil
	case "EraseDevice":
		p.erase("by command")
		return acknowledged, nil
	case "Settings":
		return acknowledged, p.settings(cmd)
	case "AvailableOSUpdates":
		return acknowledged, map[string]any{"AvailableOSUpdates": p.availableUpdates()}
	case "OSUpdateStatus":
		return acknowledged, map[string]any{"OSUpdateStatus": p.updateStatus()}
	case "ScheduleOSUpdate":
		return p.scheduleUpdates(id, cmd)
	default:
		// Everything else has no effect that matters here.
		return acknowledged, nil
	}
}

func (p *Phone) declarativeManagement(cmd map[string]any) (string, map[string]any) {
	d := &p.enrolment.ddm
	d.enabled, d.syncDue, d.announced = true, true, nil
	data := bytesOf(cmd, "Data")
	if len(data) == 0 {
		return acknowledged, nil
	}
	tokens, err := p.readTokens(data)
	if err != nil {
		p.violation("DeclarativeManagement command: Data: %v", err)
		return badFormat, errorChain(12003, "MCMDMErrorDomain", err.Error())
	}
	d.announced = &tokens
	return acknowledged, nil
}

func (p *Phone) removeByCommand(id string) (string, map[string]any) {
	e := p.enrolment
	switch {
	case e.profiles[id] == nil:
		return failed, errorChain(12009, "MCProfileErrorDomain", "The profile is not installed.")
	case id == e.profileID:
		p.violation("RemoveProfile for the MDM profile itself")
		return failed, errorChain(12009, "MCProfileErrorDomain", "The MDM profile cannot remove itself here.")
	}
	delete(e.profiles, id)
	p.note(Entry{Kind: KindProfileGone, Detail: id})
	p.noteHold()
	return acknowledged, nil
}

func (p *Phone) profileList() []any {
	out := []any{}
	for _, prof := range p.enrolment.profiles {
		var payloads []any
		for _, pl := range prof.payloads {
			payloads = append(payloads, map[string]any{
				"PayloadType": str(pl, "PayloadType"), "PayloadVersion": 1,
				"PayloadIdentifier": str(pl, "PayloadIdentifier"), "PayloadUUID": str(pl, "PayloadUUID"),
			})
		}
		out = append(out, map[string]any{
			"PayloadIdentifier": prof.id, "PayloadUUID": prof.uuid, "PayloadDisplayName": prof.name,
			"PayloadVersion": 1, "HasRemovalPasscode": false, "IsEncrypted": false, "IsManaged": true,
			"PayloadContent": payloads,
		})
	}
	return out
}

func errorChain(code int, domain, text string) map[string]any {
	return map[string]any{"ErrorChain": []any{map[string]any{
		"ErrorCode": code, "ErrorDomain": domain, "LocalizedDescription": text, "USEnglishDescription": text,
	}}}
}

// answerText sums up an answer for the journal: its error, or what it says
// about updates.
func answerText(more map[string]any) string {
	for _, v := range list(more, "ErrorChain") {
		if m, ok := v.(map[string]any); ok {
			return str(m, "USEnglishDescription")
		}
	}
	var parts []string
	for key, words := range map[string][]string{
		"AvailableOSUpdates": {"Version"}, "UpdateResults": {"InstallAction", "Status"}, "OSUpdateStatus": {"Status"},
	} {
		for _, v := range list(more, key) {
			m, _ := v.(map[string]any)
			for _, w := range words {
				parts = append(parts, str(m, w))
			}
		}
	}
	return strings.Join(parts, " ")
}

// errSuperseded is what a legacy update command gets while a declaration
// manages the update; Apple does not publish the code.
var errSuperseded = errors.New("software update is managed by a declaration")
