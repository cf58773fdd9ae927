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
// through others, holds that second name himself. What cannot be told from here
// is what an administrator of the machine does, who can become any user.
func secondPerson(first, second storage.Person) error {
	params := map[string]string{"first": first.Name, "second": second.Name}
	switch {
	case strings.EqualFold(first.Name, second.Name):
		return &RefusedError{Code: "same-person", Params: params, Message: first.Name + " proposed it; another person must sign"}
	case made(first, second) || made(second, first) || sharedMaker(first, second):
		return &RefusedError{
			Code: "not-independent", Params: params,
			Message: "the tokens of " + first.Name + " and " + second.Name + " were made by one of them or by the same token; somebody independent must sign",
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

// sharedMaker reports whether somebody made both persons' tokens with a token.
// The last maker of each used the socket or the installation's own token, as an
// administrator does for everybody.
func sharedMaker(a, b storage.Person) bool {
	return slices.ContainsFunc(byToken(a), func(m string) bool {
		return slices.ContainsFunc(byToken(b), func(n string) bool { return strings.EqualFold(m, n) })
	})
}

func byToken(p storage.Person) []string { return p.Makers[:max(0, len(p.Makers)-1)] }
