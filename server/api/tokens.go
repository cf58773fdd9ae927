package api

import (
	"time"
)

// TokenRequest asks for an API token.
type TokenRequest struct {
	Person  string `json:"person"`            // whom it is for
	Name    string `json:"name,omitempty"`    // its identifier; "" makes one from the person
	Expires string `json:"expires,omitempty"` // "+90d", at most "+365d"; "" for the default of 90 days
	Reason  string `json:"reason"`
	DryRun  bool   `json:"dry_run"`
}

// Token is an API token without its secret.
type Token struct {
	ID        string    `json:"id"`
	Person    string    `json:"person"`  // "" names nobody: the token of init
	MadeBy    []string  `json:"made_by"` // persons: who made it, who made the maker's token, and so on
	CreatedBy string    `json:"created_by"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	RevokedBy string    `json:"revoked_by,omitempty"`
	State     string    `json:"state"` // valid, expired or revoked
}

// NewToken is a token with its secret, which is shown this once.
type NewToken struct {
	Token
	Secret string `json:"secret,omitempty"` // "" when it was only tried
	DryRun bool   `json:"dry_run,omitempty"`
}

// RevokedToken is a token that was revoked, now or before.
type RevokedToken struct {
	Token
	// Before says that it was revoked already; nothing was done.
	Before bool `json:"revoked_before,omitempty"`
	// Others are the identifiers of the person's other tokens that still work.
	Others []string `json:"other_tokens"`
	DryRun bool     `json:"dry_run,omitempty"`
}

// Tokens is the list of a segment's tokens.
type Tokens struct {
	Tokens []Token `json:"tokens"`
}

func tokens(h *Handler, c *call) (any, error) {
	list, err := h.ops.Tokens(c.ctx, c.Segment)
	return Tokens{append([]Token{}, list...)}, err
}

func createToken(h *Handler, c *call, in TokenRequest) (any, error) {
	return h.ops.CreateToken(c.ctx, c.Principal, in)
}

func revokeToken(h *Handler, c *call, in write) (any, error) {
	return h.ops.RevokeToken(c.ctx, c.Principal, c.r.PathValue("id"), in.Reason, in.DryRun)
}
