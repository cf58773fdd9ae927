package simulation

import (
	"encoding/json"
	"strings"
	"time"
)

// synchronise brings what a phone holds in step with what the server says, as
// iOS does: tokens, the list, what changed of it, a report.
func (w *world) synchronise(p *phone) {
	var tokens struct {
		SyncTokens struct {
			DeclarationsToken string
			Timestamp         time.Time
		}
	}
	if !w.decode(p, "tokens", &tokens) {
		return
	}
	told := tokens.SyncTokens
	w.checkTokens(p, told.DeclarationsToken, told.Timestamp)
	if told.DeclarationsToken != p.token {
		if !w.takeSet(p) {
			return
		}
		p.token, p.stamp = told.DeclarationsToken, told.Timestamp
	}
	p.reportAt = time.Time{}
	p.machine(w)
	p.reportAt = time.Time{} // this report says it all
	w.status(p, p.statusItems(true))
}

// takeSet fetches the list of declarations and those the phone does not have, and
// puts them in force together.
func (w *world) takeSet(p *phone) bool {
	var items struct {
		Declarations map[string][]struct{ Identifier, ServerToken string }
	}
	if !w.decode(p, "declaration-items", &items) {
		return false
	}
	next := map[string]declaration{}
	for class, list := range items.Declarations {
		class = strings.TrimSuffix(strings.ToLower(class), "s")
		for _, it := range list {
			if have, ok := p.held[it.Identifier]; ok && have.token == it.ServerToken {
				next[it.Identifier] = have
				continue
			}
			d := declaration{class: class, id: it.Identifier, token: it.ServerToken}
			var body struct {
				Type, ServerToken string
				Payload           payload
			}
			if !w.decode(p, "declaration/"+class+"/"+it.Identifier, &body) {
				return false
			}
			if body.ServerToken != it.ServerToken {
				w.violated("P0", p, "%s: fetched %s, the list says %s", d.id, body.ServerToken, it.ServerToken)
			}
			d.kind, d.payload = body.Type, body.Payload
			next[it.Identifier] = d
		}
	}
	w.checkSet(p, next)
	p.hold(next)
	return true
}

// decode fetches a document of declarative management.
func (w *world) decode(p *phone, endpoint string, to any) bool {
	body := w.fetch(p, endpoint, nil)
	if len(w.violations) > 0 {
		return false
	}
	if err := json.Unmarshal(body, to); err != nil {
		w.violated("P0", p, "%s cannot be read: %v", endpoint, err)
		return false
	}
	return true
}
