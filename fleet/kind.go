package fleet

import "github.com/kannuki-mdm/kannuki/storage"

// kind says what a command handed to a phone is.
type kind string

const (
	kindNone        kind = ""
	kindQueue       kind = "queue" // a row of the phone's queue
	kindSync        kind = "sync"  // DeclarativeManagement, without a row
	kindInformation kind = "information"
	kindApps        kind = "apps"
	kindManaged     kind = "managed" // what became of apps that it was told to update
	// Of the mechanisms that iOS 27 removed, without rows as well.
	kindHold     kind = "hold"     // installs the hold profile
	kindProfiles kind = "profiles" // asks whether it is there
	kindLift     kind = "lift"     // removes it
	kindCadence  kind = "cadence"  // chooses the older branch
	kindProgress kind = "progress" // OSUpdateStatus
	kindUpdate   kind = "update"   // the command of the present attempt, which has a row
)

// repeats reports whether a command that got lost is handed out again as it
// was. Those that iOS 27 removed are decided about anew each time.
func (k kind) repeats() bool {
	return k == kindSync || k == kindInformation || k == kindApps || k == kindManaged
}

// kindOf recognises a command without a queue row by its UUID: it is what the
// phone would be asked as it is now. An answer to anything else is too late to
// mean something.
func kindOf(s *snapshot, p *storage.Phone, id string) kind {
	switch id {
	case syncID(p):
		return kindSync
	case informationID(p):
		return kindInformation
	case appsID(p, groupApps(s, p.Group)):
		return kindApps
	case managedID(p):
		return kindManaged
	case holdID(p):
		return kindHold
	case profilesID(p):
		return kindProfiles
	case liftID(p):
		return kindLift
	case cadenceID(p):
		return kindCadence
	case progressID(p):
		return kindProgress
	case updateID(p):
		return kindUpdate
	default:
		return kindQueue
	}
}
