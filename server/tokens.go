package server

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
)

// namePattern keeps identifiers and persons to characters that are plain in
// commands, URLs and audit entries, and that no actor's own notation uses.
const namePattern = `^[a-z0-9][a-z0-9._-]{0,62}$`

// tokenValid is the state of a token that works.
const tokenValid = "valid"

// maxTokenLife bounds how long a token may live: a year.
const maxTokenLife = 365 * 24 * time.Hour

// CreateToken implements [api.Operations]. Who asks for it becomes the maker of
// the person's token for good; a second person is told from the first by that.
func (s *Server) CreateToken(ctx context.Context, by api.Principal, r api.TokenRequest) (api.NewToken, error) {
	now := s.o.Wall().UTC()
	expires, err := checkToken(r, now)
	if err != nil {
		return api.NewToken{}, err
	}
	have, err := s.store.Tokens(ctx, by.Segment)
	if err != nil {
		return api.NewToken{}, fmt.Errorf("create token: %w", err)
	}
	name := r.Name
	if name == "" {
		name = freeName(r.Person, have)
	} else if named(have, name) >= 0 {
		return api.NewToken{}, tokenExists(name)
	}
	secret, hash := newToken()
	token := storage.Token{
		Hash: hash, Name: name, Segment: by.Segment, CreatedBy: by.Actor, CreatedAt: now, ExpiresAt: expires,
		Person: storage.Person{Name: r.Person, Makers: makers(by)},
	}
	made := api.NewToken{Token: tokenView(token, now), Secret: secret}
	if r.DryRun {
		made.Secret, made.DryRun = "", true
		return made, nil
	}
	err = s.store.CreateToken(ctx, token, storage.AuditEntry{
		At: now, Actor: by.Actor, Action: "token.create", Target: name, Reason: r.Reason,
		Detail: map[string]string{"person": r.Person, "made_by": strings.Join(token.Person.Makers, ","), "expires": expires.Format(time.RFC3339)},
	})
	switch {
	case errors.Is(err, storage.ErrExists): // another request was faster
		return api.NewToken{}, tokenExists(name)
	case err != nil:
		return api.NewToken{}, err
	}
	return made, nil
}

// checkToken refuses a token that nobody could tell apart or that lives too
// long, and returns when it expires.
func checkToken(r api.TokenRequest, now time.Time) (time.Time, error) {
	const want = "%q: want lower-case letters, digits, '.', '_' or '-', at most 63"
	plain := regexp.MustCompile(namePattern)
	if !plain.MatchString(r.Person) {
		return time.Time{}, &fleet.InvalidError{Field: "person", Code: "not-a-name", Message: fmt.Sprintf(want, r.Person), Params: map[string]string{"value": r.Person}}
	}
	if r.Name != "" && !plain.MatchString(r.Name) {
		return time.Time{}, &fleet.InvalidError{Field: "name", Code: "not-a-name", Message: fmt.Sprintf(want, r.Name), Params: map[string]string{"value": r.Name}}
	}
	if r.Expires == "" {
		return now.AddDate(0, 0, tokenDays), nil
	}
	life, err := fleet.ParseOffset(r.Expires)
	if err != nil || life > maxTokenLife {
		return time.Time{}, &fleet.InvalidError{
			Field: "expires", Code: "offset-too-far", Message: fmt.Sprintf("%q: want an offset such as +90d, at most +365d", r.Expires),
			Params: map[string]string{"value": r.Expires, "most": "+365d"},
		}
	}
	return now.Add(life), nil
}

// makers returns through whom a token made by a principal comes about.
func makers(by api.Principal) []string {
	maker := by.Person.Name
	if maker == "" {
		maker = by.Actor
	}
	return append([]string{maker}, by.Person.Makers...)
}

// freeName returns the person's name, with a number when the person has tokens
// already: the name of a revoked token is not given again.
func freeName(person string, have []storage.Token) string {
	name := person
	for n := 2; named(have, name) >= 0; n++ {
		name = fmt.Sprintf("%s-%d", person, n)
	}
	return name
}

func named(list []storage.Token, name string) int {
	return slices.IndexFunc(list, func(t storage.Token) bool { return t.Name == name })
}

func tokenExists(name string) error {
	return &fleet.RefusedError{
		Code: "token-exists", Message: "there is a token " + name + " already, or was; choose another name",
		Params: map[string]string{"token": name},
	}
}

// Tokens implements [api.Operations].
func (s *Server) Tokens(ctx context.Context, seg storage.Segment) ([]api.Token, error) {
	list, err := s.store.Tokens(ctx, seg)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	var out []api.Token
	for _, t := range list {
		out = append(out, tokenView(t, s.o.Wall()))
	}
	return out, nil
}

// RevokeToken implements [api.Operations]. Anybody who may administer the
// segment may revoke any of its tokens: stopping is easy.
func (s *Server) RevokeToken(ctx context.Context, by api.Principal, id, reason string, dryRun bool) (api.RevokedToken, error) {
	now := s.o.Wall().UTC()
	list, err := s.store.Tokens(ctx, by.Segment)
	if err != nil {
		return api.RevokedToken{}, fmt.Errorf("read token: %w", err)
	}
	i := named(list, id)
	if i < 0 {
		return api.RevokedToken{}, &fleet.NotFoundError{What: "token", Name: id}
	}
	token := list[i]
	out := api.RevokedToken{Others: working(list, token, now), DryRun: dryRun}
	if token.RevokedAt.IsZero() {
		if !dryRun {
			err := s.store.RevokeToken(ctx, by.Segment, id, storage.AuditEntry{At: now, Actor: by.Actor, Action: "token.revoke", Target: id, Reason: reason})
			if err != nil {
				return api.RevokedToken{}, err
			}
		}
		token.RevokedAt, token.RevokedBy = now, by.Actor
	} else {
		out.Before = true
	}
	out.Token = tokenView(token, now)
	return out, nil
}

// working returns the names of the other valid tokens of a token's person. A
// token that names nobody has no others.
func working(list []storage.Token, of storage.Token, now time.Time) []string {
	out := []string{}
	for _, t := range list {
		if t.Name != of.Name && of.Person.Name != "" && t.Person.Name == of.Person.Name && tokenView(t, now).State == tokenValid {
			out = append(out, t.Name)
		}
	}
	return out
}

func tokenView(t storage.Token, now time.Time) api.Token {
	v := api.Token{
		ID: t.Name, Person: t.Person.Name, MadeBy: append([]string{}, t.Person.Makers...), CreatedBy: t.CreatedBy, CreatedAt: t.CreatedAt,
		ExpiresAt: t.ExpiresAt, RevokedAt: t.RevokedAt, RevokedBy: t.RevokedBy, State: tokenValid,
	}
	switch {
	case !t.RevokedAt.IsZero():
		v.State = "revoked"
	case !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt):
		v.State = "expired"
	}
	return v
}
