package mdmtest

import (
	"fmt"
	"slices"
	"time"
)

// StoreApp is an app as the App Store has it for one phone.
type StoreApp struct {
	App
	// InstallTime is how long the phone takes to install it; zero: no time.
	InstallTime time.Duration
	// Licensed says that a licence was assigned to the phone. Without one the app
	// comes by the Apple Account only, see [Options.StoreAccount].
	Licensed bool
	// Fails is how often the installation fails before it succeeds.
	Fails int
}

// States of a managed app.
const (
	appUpdating        = "Updating"
	appManaged         = "Managed"
	appFailed          = "Failed"
	appPrompting       = "PromptingForUpdate"
	appPromptingSignIn = "PromptingForUpdateLogin"
)

// managedApp is what became of an InstallApplication command.
type managedApp struct {
	state string
	done  time.Time // when it is installed, while state is Updating
}

// SetStore replaces what the App Store has for the phone.
func (p *Phone) SetStore(apps ...StoreApp) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.o.Store = slices.Clone(apps)
}

// SetStoreAccount signs an Apple Account in, or out. What waited for that goes on.
func (p *Phone) SetStoreAccount(signedIn bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.o.StoreAccount = signedIn
	for id, m := range p.managed {
		if signedIn && m.state == appPromptingSignIn {
			p.updateApp(id)
		}
	}
}

// installApplication answers InstallApplication for apps of the store (Apple,
// Device Management, InstallApplication).
func (p *Phone) installApplication(cmd map[string]any) (string, map[string]any) {
	id := str(cmd, "Identifier")
	refuse := func(reason, text string) (string, map[string]any) {
		more := errorChain(12008, "MCMDMErrorDomain", text)
		more["Identifier"], more["RejectionReason"] = id, reason
		return failed, more
	}
	i := slices.IndexFunc(p.o.Store, func(a StoreApp) bool { return a.BundleID == id })
	_, managed := p.managed[id]
	installed := slices.ContainsFunc(p.apps, func(a App) bool { return a.BundleID == id })
	switch licence := integer(dict(cmd, "Options"), "PurchaseMethod") == 1; {
	case id == "":
		return refuse("NotSupported", "Only apps of the store are simulated.")
	case i < 0:
		return refuse("CouldNotVerifyAppID", fmt.Sprintf("The app %.80q is not in the store.", id))
	case installed && !managed && str(cmd, "ChangeManagementState") != appManaged:
		return refuse("AppAlreadyInstalled", "The user installed the app.")
	case licence && !p.o.Store[i].Licensed:
		return refuse("Other", fmt.Sprintf("No licence for %.80q was found.", id))
	case !p.o.Supervised:
		p.manage(id, managedApp{state: appPrompting})
	case !licence && !p.o.StoreAccount:
		p.manage(id, managedApp{state: appPromptingSignIn})
	default:
		p.updateApp(id)
	}
	return acknowledged, map[string]any{"Identifier": id, "State": p.managed[id].state}
}

func (p *Phone) manage(id string, m managedApp) {
	if p.managed == nil {
		p.managed = map[string]managedApp{}
	}
	p.managed[id] = m
}

// updateApp begins an installation of what the store has.
func (p *Phone) updateApp(id string) {
	i := slices.IndexFunc(p.o.Store, func(a StoreApp) bool { return a.BundleID == id })
	if i < 0 {
		return
	}
	a := &p.o.Store[i]
	if a.Fails > 0 {
		a.Fails--
		p.manage(id, managedApp{state: appFailed})
		return
	}
	p.manage(id, managedApp{state: appUpdating, done: p.now().Add(a.InstallTime)})
	p.settleApps()
}

// settleApps finishes the installations that have taken their time. An older
// version never replaces a newer one.
func (p *Phone) settleApps() {
	for id, m := range p.managed {
		if m.state != appUpdating || p.now().Before(m.done) {
			continue
		}
		p.manage(id, managedApp{state: appManaged})
		i := slices.IndexFunc(p.o.Store, func(a StoreApp) bool { return a.BundleID == id })
		have := slices.IndexFunc(p.apps, func(a App) bool { return a.BundleID == id })
		switch {
		case i < 0:
			continue
		case have < 0:
			p.apps = append(p.apps, p.o.Store[i].App)
		case compareVersions(p.o.Store[i].ShortVersion, p.apps[have].ShortVersion) > 0:
			p.apps[have] = p.o.Store[i].App
		default:
			continue
		}
		p.note(Entry{Kind: KindApp, Version: p.o.Store[i].ShortVersion, Detail: id})
	}
}

// managedAppList answers ManagedApplicationList. A failure is told once.
func (p *Phone) managedAppList(cmd map[string]any) map[string]any {
	p.settleApps()
	out, wanted := map[string]any{}, stringsOf(cmd, "Identifiers")
	for id, m := range p.managed {
		if len(wanted) > 0 && !slices.Contains(wanted, id) {
			continue
		}
		out[id] = map[string]any{"Status": m.state, "ManagementFlags": 0, "HasConfiguration": false, "HasFeedback": false, "IsValidated": true}
		if m.state == appFailed {
			p.manage(id, managedApp{state: appManaged})
		}
	}
	return out
}
