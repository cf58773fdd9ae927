package mdmtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// ddm is the declarative management state of an enrolment.
type ddm struct {
	enabled   bool
	syncDue   bool
	announced *syncTokens // from the command, saves the tokens request

	token        string // of the set in force
	timestamp    time.Time
	declarations map[string]*declaration // by identifier

	reported     map[string]string // status item -> JSON the server confirmed
	reportedCaps string            // which capabilities it confirmed
	lastFull     time.Time
}

func newDDM() ddm {
	return ddm{declarations: map[string]*declaration{}, reported: map[string]string{}}
}

// declaration is one declaration on the phone.
type declaration struct {
	class, typ, id, token string
	payload               map[string]any
	received              time.Time
	deadline              time.Time // of an enforcement, in the phone's zone

	active  bool
	valid   string
	reasons []reason
}

type reason struct {
	code, description string
	details           map[string]any
}

type syncTokens struct {
	token     string
	timestamp time.Time
}

// manifestItem is one line of the declaration-items answer.
type manifestItem struct{ class, id, token string }

// classes maps the arrays of the manifest to the class used in endpoints, in
// the order in which the phone fetches them.
var classes = [...]struct{ array, class string }{
	{"Assets", "asset"},
	{"Configurations", "configuration"},
	{"Management", "management"},
	{"Activations", "activation"},
}

// readTokens parses a tokens answer, or the Data of the command.
func (p *Phone) readTokens(data []byte) (syncTokens, error) {
	m, err := p.readJSON("TokensResponse", data)
	if err != nil {
		return syncTokens{}, err
	}
	t := dict(m, "SyncTokens")
	ts, err := time.Parse(time.RFC3339, str(t, "Timestamp"))
	if err != nil {
		return syncTokens{}, fmt.Errorf("timestamp: %w", err)
	}
	token := str(t, "DeclarationsToken")
	if token == "" || len(token) > 256 {
		return syncTokens{}, fmt.Errorf("DeclarationsToken has %d octets, want 1 to 256", len(token))
	}
	return syncTokens{token, ts}, nil
}

// readJSON parses an answer and checks it against the named shape.
func (p *Phone) readJSON(shape string, data []byte) (map[string]any, error) {
	m, err := parseJSON(data)
	if err != nil {
		return nil, err
	}
	if ps := p.reader().checkDict("", m, schema().Protocol[shape].Keys); len(ps) > 0 {
		return nil, errors.New(describe(ps))
	}
	return m, nil
}

// errNotFound is a 404 on a declaration.
var errNotFound = errors.New("not found")

// declarative asks one endpoint. It returns errNotFound for 404.
func (p *Phone) declarative(ctx context.Context, s *session, endpoint string, data []byte) ([]byte, error) {
	msg := map[string]any{"MessageType": "DeclarativeManagement", "Endpoint": endpoint}
	if data != nil {
		msg["Data"] = data
	}
	a, err := p.putCheckin(ctx, s, msg)
	if err != nil {
		return nil, err
	}
	if a.status == http.StatusNotFound {
		return nil, errNotFound
	}
	if err := a.err(endpoint); err != nil {
		return nil, err
	}
	if data == nil && a.mediaType != typeJSON {
		p.violation("%s answered with content type %q", endpoint, a.mediaType)
	}
	return a.body, nil
}

// sync brings the phone's declarations to what the server has. When it fails
// half way, the phone keeps what it had and tries again.
func (p *Phone) sync(ctx context.Context, s *session) error {
	d := &s.e.ddm
	tokens, err := p.tokens(ctx, s)
	if err != nil {
		return err
	}
	if tokens.timestamp.Before(d.timestamp) {
		p.violation("sync tokens' Timestamp went back from %s to %s",
			d.timestamp.Format(time.RFC3339), tokens.timestamp.Format(time.RFC3339))
	}
	if tokens.timestamp.After(d.timestamp) {
		d.timestamp = tokens.timestamp
	}
	if tokens.token == d.token {
		d.syncDue, d.announced = false, nil
		p.note(Entry{Kind: KindSync, Detail: "unchanged"})
		return nil
	}
	items, err := p.manifest(ctx, s, tokens)
	if err != nil {
		return err
	}
	next, err := p.fetchChanged(ctx, s, items)
	if err != nil {
		return err
	}
	p.apply(d, next)
	d.token = tokens.token
	d.syncDue, d.announced = false, nil
	p.note(Entry{Kind: KindSync, Detail: "applied"})
	return nil
}

func (p *Phone) tokens(ctx context.Context, s *session) (syncTokens, error) {
	if t := s.e.ddm.announced; t != nil {
		return *t, nil
	}
	body, err := p.declarative(ctx, s, "tokens", nil)
	if err != nil {
		if errors.Is(err, errNotFound) {
			p.violation("tokens answered 404")
		}
		return syncTokens{}, err
	}
	t, err := p.readTokens(body)
	if err != nil {
		p.violation("tokens: %v", err)
		return syncTokens{}, fmt.Errorf("tokens: %w", err)
	}
	return t, nil
}

// manifest asks for the declaration items and checks them.
func (p *Phone) manifest(ctx context.Context, s *session, tokens syncTokens) ([]manifestItem, error) {
	body, err := p.declarative(ctx, s, "declaration-items", nil)
	if err != nil {
		if errors.Is(err, errNotFound) {
			p.violation("declaration-items answered 404")
		}
		return nil, err
	}
	m, err := p.readJSON("DeclarationItemsResponse", body)
	if err != nil {
		p.violation("declaration-items: %v", err)
		return nil, fmt.Errorf("declaration-items: %w", err)
	}
	if got := str(m, "DeclarationsToken"); got != tokens.token {
		p.violation("DeclarationsToken changed while the phone was synchronising")
		s.e.ddm.announced = nil // ask again next time
		return nil, errors.New("declaration-items: token differs from the one announced")
	}
	var items []manifestItem
	seen := map[string]bool{}
	for _, c := range classes {
		for _, v := range list(dict(m, "Declarations"), c.array) {
			it, _ := v.(map[string]any)
			id, token := str(it, "Identifier"), str(it, "ServerToken")
			if seen[id] || id == "" || len(id) > 64 || token == "" || len(token) > 64 {
				p.violation("declaration-items: identifier %.80q is empty, too long, listed twice, or its token is", id)
				continue
			}
			seen[id] = true
			items = append(items, manifestItem{c.class, id, token})
		}
	}
	if len(items) == 0 && len(s.e.ddm.declarations) > 0 {
		p.note(Entry{Kind: KindEmptied})
	}
	return items, nil
}

// fetchChanged returns the phone's next set of declarations: known ones kept,
// new and changed ones fetched, vanished ones left out.
func (p *Phone) fetchChanged(ctx context.Context, s *session, items []manifestItem) (map[string]*declaration, error) {
	next := map[string]*declaration{}
	for _, it := range items {
		if old := s.e.ddm.declarations[it.id]; old != nil && old.token == it.token && old.class == it.class {
			next[it.id] = old
			continue
		}
		body, err := p.declarative(ctx, s, "declaration/"+it.class+"/"+it.id, nil)
		switch {
		case errors.Is(err, errNotFound):
			p.note(Entry{Kind: KindMissing, Declaration: it.id, ServerToken: it.token})
			continue
		case err != nil:
			return nil, err
		}
		if decl := p.readDeclaration(it, body); decl != nil {
			next[it.id] = decl
		}
	}
	return next, nil
}

// readDeclaration parses a fetched declaration. What contradicts the manifest
// is a violation and is dropped.
func (p *Phone) readDeclaration(it manifestItem, body []byte) *declaration {
	m, err := p.readJSON("DeclarationBase", body)
	if err != nil {
		p.violation("declaration %s: %v", it.id, err)
		return nil
	}
	d := &declaration{
		class: it.class, id: it.id, token: it.token, typ: str(m, "Type"),
		payload: dict(m, "Payload"), received: p.now(), valid: "unknown",
	}
	switch {
	case str(m, "Identifier") != it.id:
		p.violation("declaration %s: the answer is about another identifier", it.id)
		return nil
	case str(m, "ServerToken") != it.token:
		p.violation("declaration %s: ServerToken contradicts the manifest", it.id)
		return nil
	case !strings.HasPrefix(d.typ, "com.apple."+it.class+"."):
		p.violation("declaration %s: type %.80q is listed as %s", it.id, d.typ, it.class)
		return nil
	}
	if !p.knows(d.typ) {
		// It is not among the capabilities the phone reported.
		p.violation("declaration %s: type %.80q is unknown to iOS %s", it.id, d.typ, p.version)
	}
	if d.typ == typeEnforcement {
		p.enforcementReceived(d)
	}
	return d
}

// knows reports whether the phone's version has the declaration type.
func (p *Phone) knows(typ string) bool {
	it := schema().Declarations[typ]
	return it != nil && p.reader().available(it.Introduced, it.Removed, false) == ""
}

// enforcementReceived records an enforcement the moment it arrives, in force or
// not: from then on its content can no longer be taken back.
func (p *Phone) enforcementReceived(d *declaration) {
	e := Entry{
		Kind: KindEnforcement, Declaration: d.id, Type: d.typ, ServerToken: d.token,
		Version: str(d.payload, "TargetOSVersion"), Build: str(d.payload, "TargetBuildVersion"),
	}
	at, err := time.ParseInLocation(localDateTime, str(d.payload, "TargetLocalDateTime"), p.zone)
	if err == nil {
		d.deadline = at
		e.Deadline = &at
	}
	p.note(e)
	if err == nil && at.Before(d.received) {
		e.Kind = KindPastDeadline
		p.note(e)
	}
}

// apply replaces the set in one pass and records what changed.
func (p *Phone) apply(d *ddm, next map[string]*declaration) {
	for id, old := range d.declarations {
		if next[id] == nil {
			p.note(Entry{Kind: KindRemoved, Declaration: id, Type: old.typ, ServerToken: old.token})
		}
	}
	d.declarations = next
	p.catalogChecked = time.Time{} // a new enforcement makes the phone ask Apple at once
	p.evaluate()
}

// Declaration types, as far as the phone acts on them.
const (
	typeActivation    = "com.apple.activation.simple"
	typeEnforcement   = "com.apple.configuration.softwareupdate.enforcement.specific"
	typeSettings      = "com.apple.configuration.softwareupdate.settings"
	typeSubscriptions = "com.apple.configuration.management.status-subscriptions"

	localDateTime = "2006-01-02T15:04:05"
)
