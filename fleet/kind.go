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
// mean something. Most answers are to what the phone was handed last.
func kindOf(s *snapshot, p *storage.Phone, id string, handed kind) kind {
	if handed != kindNone && handed != kindQueue && handed.id(s, p) == id {
		return handed
	}
	for _, k := range []kind{
		kindSync, kindInformation, kindApps, kindManaged, kindHold, kindProfiles, kindLift, kindCadence, kindProgress, kindUpdate,
	} {
		if k.id(s, p) == id {
			return k
		}
	}
	return kindQueue
}

// id returns the UUID of the command of a kind that the phone would be handed as it
// is now, "" where a row names it.
func (k kind) id(s *snapshot, p *storage.Phone) string {
	switch k {
	case kindSync:
		return syncID(p)
	case kindInformation:
		return informationID(p)
	case kindApps:
		return appsID(p, groupApps(s, p.Group))
	case kindManaged:
		return managedID(p)
	case kindHold:
		return holdID(p)
	case kindProfiles:
		return profilesID(p)
	case kindLift:
		return liftID(p)
	case kindCadence:
		return cadenceID(p)
	case kindProgress:
		return progressID(p)
	case kindUpdate:
		return updateID(p)
	case kindNone, kindQueue:
	}
	return ""
}
