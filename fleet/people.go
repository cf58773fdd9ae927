package fleet

import (
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/storage"
)

// named refuses an act of one of two people by somebody the connection does
// not name.
func named(a Act) error {
	if a.Person.Name == "" {
		return refused("no-person", "%s names no person; use the server's own socket, or a token made with `kannuki token create --person`", a.Actor).with("actor", a.Actor)
	}
	return nil
}

// secondPerson returns why one person cannot be the second beside another, or
// nil. Two names are not enough: whoever made a token for somebody, directly or
// through others, holds that second name himself, and whoever made two holds
// both. What cannot be told from here is what root does, who can become any
// user.
func secondPerson(first, second storage.Person) error {
	params := map[string]string{"first": first.Name, "second": second.Name}
	switch {
	case strings.EqualFold(first.Name, second.Name):
		return &RefusedError{Code: "same-person", Params: params, Message: first.Name + " proposed it; another person must sign"}
	case made(first, second) || made(second, first) || sharedMaker(first, second):
		return &RefusedError{
			Code: "not-independent", Params: params,
			Message: "the tokens of " + first.Name + " and " + second.Name + " were made by one of them, or by the same person or token; somebody independent must sign",
		}
	default:
		return nil
	}
}

// made reports whether a person made another's token, directly or through
// others.
func made(maker, of storage.Person) bool {
	return slices.ContainsFunc(of.Makers, func(m string) bool { return strings.EqualFold(m, maker.Name) })
}

// sharedMaker reports whether somebody made both persons' tokens, directly or
// through others: a person, a user of the socket, or whoever holds the
// installation's own token.
func sharedMaker(a, b storage.Person) bool {
	return slices.ContainsFunc(makersBelowRoot(a), func(m string) bool {
		return slices.ContainsFunc(makersBelowRoot(b), func(n string) bool { return strings.EqualFold(m, n) })
	})
}

// makersBelowRoot returns the makers of a person's token without root at the
// socket, where a chain can only end. Root can become anyone in any case, and
// one administrator must be able to hand out everybody's tokens.
func makersBelowRoot(p storage.Person) []string {
	last := len(p.Makers) - 1
	if last >= 0 && (p.Makers[last] == "root" || p.Makers[last] == "uid:0") {
		return p.Makers[:last]
	}
	return p.Makers
}
