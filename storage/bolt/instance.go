package bolt

import (
	"context"
	"errors"
	"fmt"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Keys of bucketMeta.
const (
	metaSchema   = "schema"       // version of the records, a number
	metaInstance = "instance"     // storage.Instance
	metaCatalog  = "catalog"      // the release catalogue as given
	metaNumber   = "phone-number" // the highest number given to a phone
	metaClock    = "clock"        // what the server's clock showed last, a time
)

// Instance returns the installation's record.
func (s *Store) Instance(ctx context.Context) (storage.Instance, error) {
	var inst storage.Instance
	err := s.view(ctx, func(t *tx) (err error) {
		inst, err = load[storage.Instance](t, bucketMeta, key(metaInstance))
		return err
	})
	if err != nil {
		return inst, fmt.Errorf("instance: %w", err)
	}
	return inst, nil
}

// SetTopic records the push topic of the first push certificate, for good.
// Setting the same topic again changes nothing; another one is
// [storage.ErrConflict], because phones that know the old topic could never be
// woken again. The audit entry goes to the default segment.
func (s *Store) SetTopic(ctx context.Context, topic string, audit storage.AuditEntry) error {
	err := s.updateIn(ctx, storage.DefaultSegment, func(t *tx) error {
		if topic == "" {
			return errors.New("topic is empty")
		}
		inst, err := load[storage.Instance](t, bucketMeta, key(metaInstance))
		if err != nil {
			return err
		}
		if inst.Topic == topic {
			return nil
		}
		if inst.Topic != "" {
			return fmt.Errorf("topic is %q already: %w", inst.Topic, storage.ErrConflict)
		}
		inst.Topic = topic
		if err := save(t, bucketMeta, key(metaInstance), inst); err != nil {
			return err
		}
		return t.appendAudit(storage.DefaultSegment, audit)
	})
	if err != nil {
		return fmt.Errorf("set push topic %q: %w", topic, err)
	}
	return nil
}

// CreateToken adds an API token to the segment it names. It returns
// [storage.ErrExists] when the segment has a token of that name or any segment
// one with that hash.
func (s *Store) CreateToken(ctx context.Context, token storage.Token, audit storage.AuditEntry) error {
	err := s.updateIn(ctx, token.Segment, func(t *tx) error {
		if err := checkName("name", token.Name); err != nil {
			return err
		}
		if err := checkName("hash", token.Hash); err != nil {
			return err
		}
		k, index := inSegment(token.Segment).last(token.Name), key(token.Hash)
		if t.has(bucketTokens, k) || t.has(bucketTokenHash, index) {
			return storage.ErrExists
		}
		if err := save(t, bucketTokens, k, token); err != nil {
			return err
		}
		if err := t.put(bucketTokenHash, index, k); err != nil {
			return err
		}
		return t.appendAudit(token.Segment, audit)
	})
	if err != nil {
		return fmt.Errorf("create token %q: %w", token.Name, err)
	}
	return nil
}

// TokenByHash finds a token by the hash of its secret, in any segment, expired
// and revoked ones included. It returns [storage.ErrNotFound].
func (s *Store) TokenByHash(ctx context.Context, hash string) (storage.Token, error) {
	var token storage.Token
	err := s.view(ctx, func(t *tx) error {
		_, k, err := t.lookup(bucketTokenHash, hash)
		if err != nil {
			return err
		}
		token, err = load[storage.Token](t, bucketTokens, k)
		return err
	})
	if err != nil {
		return token, fmt.Errorf("token: %w", err)
	}
	return token, nil
}

// Tokens returns a segment's tokens by name, expired and revoked ones
// included.
func (s *Store) Tokens(ctx context.Context, seg storage.Segment) ([]storage.Token, error) {
	var tokens []storage.Token
	err := s.viewIn(ctx, seg, func(t *tx) (err error) {
		tokens, err = list[storage.Token](t, bucketTokens, inSegment(seg))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	return tokens, nil
}

// RevokeToken ends a token's life. Revoking one that is revoked already
// changes nothing. It returns [storage.ErrNotFound].
//
// RevokedAt and RevokedBy become the entry's time and actor.
func (s *Store) RevokeToken(ctx context.Context, seg storage.Segment, name string, audit storage.AuditEntry) error {
	err := s.updateIn(ctx, seg, func(t *tx) error {
		k := inSegment(seg).last(name)
		token, err := load[storage.Token](t, bucketTokens, k)
		if err != nil || !token.RevokedAt.IsZero() {
			return err
		}
		token.RevokedAt, token.RevokedBy = audit.At, audit.Actor
		if err := save(t, bucketTokens, k, token); err != nil {
			return err
		}
		return t.appendAudit(seg, audit)
	})
	if err != nil {
		return fmt.Errorf("revoke token %q: %w", name, err)
	}
	return nil
}
