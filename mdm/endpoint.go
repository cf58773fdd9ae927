package mdm

import "strings"

// EndpointKind says what a DeclarativeManagement message is about.
type EndpointKind int

// The kinds of endpoint.
const (
	// EndpointTokens asks for the token of the manifest.
	EndpointTokens EndpointKind = iota + 1
	// EndpointItems asks for the manifest ("declaration-items").
	EndpointItems
	// EndpointStatus brings a status report.
	EndpointStatus
	// EndpointDeclaration asks for one declaration.
	EndpointDeclaration
)

// Endpoint is the parsed Endpoint of a DeclarativeManagement message.
type Endpoint struct {
	Kind EndpointKind
	// Class and Identifier are set for EndpointDeclaration only.
	Class      string
	Identifier string
}

// ParseEndpoint reads the Endpoint key of a DeclarativeManagement message.
// Class is one of the four classes and Identifier keeps to the characters of
// [NewDeclaration]: nothing else was ever handed out, so anything else is a
// *ParseError.
func ParseEndpoint(s string) (Endpoint, error) {
	switch s {
	case "tokens":
		return Endpoint{Kind: EndpointTokens}, nil
	case "declaration-items":
		return Endpoint{Kind: EndpointItems}, nil
	case "status":
		return Endpoint{Kind: EndpointStatus}, nil
	}
	rest, ok := strings.CutPrefix(s, "declaration/")
	if !ok {
		return Endpoint{}, malformed("unknown Endpoint")
	}
	class, identifier, _ := strings.Cut(rest, "/")
	if !validClass(class) {
		return Endpoint{}, malformed("Endpoint with an unknown declaration class")
	}
	if !validIdentifier(identifier) {
		return Endpoint{}, malformed("Endpoint with a bad declaration identifier")
	}
	return Endpoint{Kind: EndpointDeclaration, Class: class, Identifier: identifier}, nil
}
