package fleet

import (
	"context"
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// holdIdentifier names the hold profile for ever: installing it again replaces
// what is there.
const holdIdentifier = "kannuki.hold"

// managedOnlyFrom is the first iOS that lists managed profiles alone (Apple,
// Device Management, ProfileList).
const managedOnlyFrom = "13.0"

// holdProfileID returns the UUID of the hold profile, which derives from the
// content: a phone that lists the UUID has just this profile.
func (f *Fleet) holdProfileID(hold policy.Hold) string {
	return contentUUID("hold", f.o.Organization, strconv.Itoa(hold.Days))
}

// holdProfile returns the profile that hides releases before iOS 18.
func (f *Fleet) holdProfile(hold policy.Hold) ([]byte, error) {
	id := f.holdProfileID(hold)
	profile, err := mdm.DeferralProfile{
		Identifier: holdIdentifier, UUID: id, PayloadUUID: contentUUID("hold.restrictions", id),
		Name: "iOS updates wait for approval", Organization: f.o.Organization, Days: hold.Days,
	}.Encode()
	return profile, wrap("hold profile", err)
}

// contentUUID derives a UUID from what it stands for.
func contentUUID(about ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(about, "\x00")))
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x80 // version 8: made by our own rule (RFC 9562)
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// legacyOf returns the state of the phone's older mechanisms; the zero value
// when it has none.
func legacyOf(p *storage.Phone) storage.Legacy {
	if p.Legacy == nil {
		return storage.Legacy{}
	}
	return *p.Legacy
}

// holdReport returns whether the phone reported the hold in force, and what it
// said when it refused it. A hold by profile counts on iOS 18 and newer too,
// until the settings declaration has taken its place and the profile is gone.
func (f *Fleet) holdReport(p *storage.Phone, hold policy.Hold) (confirmed bool, refused string) {
	l := legacyOf(p)
	confirmed, refused = f.settingsReport(p, hold)
	switch {
	case hold.By == policy.ByProfile:
		return l.Profile != "", l.Refused
	case hold.By == policy.ByDeclaration && l.Profile != "":
		return confirmed || deviceOf(p).Supports(mdm.FeatureDeferralProfile) == nil, refused
	default:
		return confirmed, refused
	}
}

// settingsReport is holdReport for the settings declaration alone. A report
// about an older revision says nothing about this one.
func (f *Fleet) settingsReport(p *storage.Phone, hold policy.Hold) (confirmed bool, refused string) {
	i := slices.IndexFunc(p.Declarations, func(d storage.DeclarationState) bool { return d.Identifier == idSettings })
	if i < 0 {
		return false, ""
	}
	d := p.Declarations[i]
	switch {
	case d.Active && d.Valid == mdm.ValidValid:
		return p.Supervision == storage.Supervised && d.ServerToken == f.settingsToken(hold), ""
	case d.Valid == mdm.ValidInvalid && len(d.Reasons) > 0:
		return false, d.Reasons[0]
	case d.Valid == mdm.ValidInvalid:
		return false, "refused"
	default:
		return false, ""
	}
}

// The commands of the hold have no queue rows: each is due as long as what the
// phone reported differs from what it should, and its UUID names the report
// that the next one replaces.
func holdID(p *storage.Phone) string { return commandID(p, "hold", stamp(legacyOf(p).TriedAt)) }

func profilesID(p *storage.Phone) string {
	return commandID(p, "profiles", stamp(legacyOf(p).ListedAt)+stamp(legacyOf(p).TriedAt))
}
func liftID(p *storage.Phone) string    { return commandID(p, "lift", legacyOf(p).Profile) }
func cadenceID(p *storage.Phone) string { return commandID(p, "cadence", p.OS.Version) }

func stamp(t time.Time) string { return strconv.FormatInt(t.UnixMicro(), 10) }

// due is one command without a queue row.
type due struct {
	kind    kind
	id      string
	payload mdm.Payload
	feature string // what the phone must have beside the command itself; "" for nothing
}

// holdDue returns what the phone should be asked or told about its hold, in
// order. It is empty for a phone that only declarations concern.
func (f *Fleet) holdDue(p *storage.Phone, hold policy.Hold) ([]due, error) {
	l := legacyOf(p)
	var list []due
	if hold.By == policy.ByProfile && f.stale(l.TriedAt) && l.Profile != f.holdProfileID(hold) {
		profile, err := f.holdProfile(hold)
		if err != nil {
			return nil, err
		}
		list = append(list, due{kindHold, holdID(p), mdm.InstallProfileCommand{Payload: profile}, mdm.FeatureDeferralProfile})
	}
	// Only the phone's own list says whether the profile is there, and only as
	// long as one may be.
	mayHave := l.Profile != "" || hold.By == policy.ByProfile && !l.TriedAt.IsZero()
	if mayHave && f.stale(l.ListedAt) {
		// What people installed themselves is none of our business.
		managed := mdm.ProfileListCommand{ManagedOnly: version.AtLeast(p.OS.Version, managedOnlyFrom)}
		list = append(list, due{kindProfiles, profilesID(p), managed, ""})
	}
	if confirmed, _ := f.settingsReport(p, hold); confirmed && hold.By == policy.ByDeclaration && l.Profile != "" {
		list = append(list, due{kindLift, liftID(p), mdm.RemoveProfileCommand{Identifier: holdIdentifier}, ""})
	}
	if hold.Cadence == policy.ByCommand && l.CadenceAt.IsZero() {
		older := mdm.SettingsCommand{Settings: []mdm.SettingsItem{mdm.CadenceItem(mdm.CadenceOldest)}}
		list = append(list, due{kindCadence, cadenceID(p), older, mdm.FeatureUpdateCadence})
	}
	device := deviceOf(p)
	return slices.DeleteFunc(list, func(d due) bool {
		return device.Supports(d.payload.RequestType()) != nil || d.feature != "" && device.Supports(d.feature) != nil
	}), nil
}

// takeHold stores what the phone answered to a command of the hold.
func (f *Fleet) takeHold(ctx context.Context, t *turn, p storage.Phone, k kind) (storage.Phone, error) {
	r := t.result
	if r.Status == mdm.NotNow {
		return f.touch(ctx, t, p)
	}
	listed, err := "", error(nil)
	if k == kindProfiles && r.Status == mdm.Acknowledged {
		if listed, err = listedHold(r); err != nil {
			f.o.Logger.WarnContext(ctx, "profile list not understood", "udid", p.UDID, "error", err)
			return f.touch(ctx, t, p)
		}
	}
	now, done := f.now(), r.Status == mdm.Acknowledged
	return f.exchange(ctx, t, p, nil, func(q *storage.Phone, _ *storage.Command) storage.PhoneChange {
		q.Contact = now
		l := legacyOf(q)
		switch k {
		case kindHold:
			l.TriedAt, l.ListedAt, l.Refused = now, time.Time{}, ""
			if !done {
				l.Refused = refusal(r)
			}
		case kindProfiles:
			l.ListedAt = now
			if done {
				l.Profile = listed
			}
		case kindLift:
			l.ListedAt = time.Time{} // its own list has the last word
		case kindCadence:
			l.CadenceAt = now
		default:
			return storage.PhoneChange{Unchanged: true}
		}
		q.Legacy = &l
		return storage.PhoneChange{}
	})
}

// refusal is what a phone said when it did not do something, never empty.
func refusal(r *mdm.Result) string {
	if text := firstError(r); text != "" {
		return text
	}
	return mdm.Excerpt(string(r.Status))
}

// listedHold returns the UUID of the hold profile in a profile list, "" when
// the phone has none.
func listedHold(r *mdm.Result) (string, error) {
	profiles, err := r.Profiles()
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(profiles, func(p mdm.InstalledProfile) bool { return p.Identifier == holdIdentifier })
	if i < 0 {
		return "", nil
	}
	return mdm.Excerpt(profiles[i].UUID), nil
}
