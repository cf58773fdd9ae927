package fleet

import (
	"strings"
	"sync"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// compiled is the set of declarations that phones with the same needs are told,
// and their content. It is never changed.
type compiled struct {
	set    storage.DeclarationSet
	bodies []storage.DeclarationBody
}

// compiler remembers what it compiled: a whole fleet is told only a few sets,
// and encoding and hashing them is most of what planning for a phone costs. The
// zero value is ready.
type compiler struct {
	sets     sync.Map // compiled by need
	settings sync.Map // server token of the settings declaration by policy.Hold
	asked    sync.Map // mdm.Command by a string with everything but its UUID
	mu       sync.Mutex
	kept     int
}

// maxCompiled bounds what is remembered: deadlines differ by the minute, and
// are over after some days.
const maxCompiled = 4096

// need is everything that what a phone is told depends on.
type need struct {
	hold                     policy.Hold
	supervision              storage.Supervision
	items                    string // to subscribe to
	release, build, deadline string // of the enforcement, "" without one
}

// compiled returns what a phone with a hold and an enforcement is told.
func (f *Fleet) compiled(p *storage.Phone, hold policy.Hold, e *storage.AnnouncedEnforcement) (compiled, error) {
	about := need{hold: hold, supervision: p.Supervision, items: strings.Join(statusItems(p), ",")}
	if e != nil {
		about.release, about.build, about.deadline = e.Release, e.Build, e.Deadline
	}
	if known, ok := f.compiler.sets.Load(about); ok {
		if c, ok := known.(compiled); ok {
			return c, nil
		}
	}
	declarations, err := f.compile(p, hold, e)
	if err != nil {
		return compiled{}, err
	}
	var c compiled
	items := make([]mdm.Item, len(declarations))
	for i, d := range declarations {
		items[i] = d.Item()
		c.bodies = append(c.bodies, storage.DeclarationBody{ServerToken: d.ServerToken, JSON: d.JSON()})
	}
	set := mdm.NewSet(items)
	if err := set.Validate(); err != nil {
		return compiled{}, wrap("compile declarations", err)
	}
	c.set.Token = set.Token()
	for _, it := range set.Items() {
		c.set.Items = append(c.set.Items, storage.DeclarationItem(it))
	}
	f.compiler.keep(&f.compiler.sets, about, c)
	return c, nil
}

func (k *compiler) keep(in *sync.Map, about, v any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept >= maxCompiled {
		k.sets.Clear()
		k.asked.Clear()
		k.kept = 0
	}
	k.kept++
	in.Store(about, v)
}

// question returns the command that asks for a payload, which is the same for
// whole groups but for its UUID. About is all that the payload depends on.
func (f *Fleet) question(id, about string, p mdm.Payload) (mdm.Command, error) {
	about = p.RequestType() + " " + about
	if known, ok := f.compiler.asked.Load(about); ok {
		if c, ok := known.(mdm.Command); ok {
			return c.With(id)
		}
	}
	c, err := mdm.NewCommand(id, p)
	if err == nil {
		f.compiler.keep(&f.compiler.asked, about, c)
	}
	return c, err
}

// settingsToken returns the revision of the settings declaration for a hold,
// or "" when there is none.
func (f *Fleet) settingsToken(hold policy.Hold) string {
	if known, ok := f.compiler.settings.Load(hold); ok {
		if token, ok := known.(string); ok {
			return token
		}
	}
	d, err := mdm.NewDeclaration(mdm.TypeSoftwareUpdateSettings, idSettings, f.settingsFor(hold))
	if err != nil {
		return ""
	}
	f.compiler.settings.Store(hold, d.ServerToken) // there are a handful of holds
	return d.ServerToken
}
