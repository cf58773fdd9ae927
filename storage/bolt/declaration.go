package bolt

import (
	"bytes"
	"context"
	"fmt"

	"github.com/kannuki-mdm/kannuki/storage"
)

// saveDeclarations stores the bodies and the set of a change. Both are named
// by their content; the same name with other content would change what other
// phones were told, and is storage.ErrConflict.
func (t *tx) saveDeclarations(seg storage.Segment, c storage.PhoneChange) error {
	for _, body := range c.Declarations {
		if err := checkName("server token", body.ServerToken); err != nil {
			return err
		}
		if err := t.putOnce(bucketBodies, inSegment(seg).last(body.ServerToken), body.JSON); err != nil {
			return fmt.Errorf("declaration %q: %w", body.ServerToken, err)
		}
	}
	if c.Set == nil {
		return nil
	}
	if err := checkName("declarations token", c.Set.Token); err != nil {
		return err
	}
	content, err := pack(t.packer, bucketSets, *c.Set)
	if err != nil {
		return err
	}
	if err := t.putOnce(bucketSets, inSegment(seg).last(c.Set.Token), content); err != nil {
		return fmt.Errorf("declaration set %q: %w", c.Set.Token, err)
	}
	return nil
}

func (t *tx) putOnce(b bucket, k key, content []byte) error {
	old, err := t.get(b, k)
	if err != nil {
		return err
	}
	if old != nil && !bytes.Equal(old, content) {
		return fmt.Errorf("stored with other content: %w", storage.ErrConflict)
	}
	return t.put(b, k, content)
}

// DeclarationSet implements the store of package fleet.
func (s *Store) DeclarationSet(ctx context.Context, seg storage.Segment, token string) (storage.DeclarationSet, error) {
	var set storage.DeclarationSet
	err := s.viewIn(ctx, seg, func(t *tx) (err error) {
		set, err = load[storage.DeclarationSet](t, bucketSets, inSegment(seg).last(token))
		return err
	})
	if err != nil {
		return storage.DeclarationSet{}, fmt.Errorf("declaration set %q: %w", token, err)
	}
	return set, nil
}

// Declaration implements the store of package fleet.
func (s *Store) Declaration(ctx context.Context, seg storage.Segment, serverToken string) ([]byte, error) {
	var body []byte
	err := s.viewIn(ctx, seg, func(t *tx) error {
		content, err := t.get(bucketBodies, inSegment(seg).last(serverToken))
		if err == nil && content == nil {
			err = storage.ErrNotFound
		}
		body = bytes.Clone(content)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("declaration %q: %w", serverToken, err)
	}
	return body, nil
}

// SweepDeclarations implements the store of package fleet. It reads no phone:
// the index of the tokens in use decides, so its cost grows with the sets.
func (s *Store) SweepDeclarations(ctx context.Context, seg storage.Segment) (int, error) {
	swept := 0
	err := s.updateIn(ctx, seg, func(t *tx) error {
		swept = 0
		needed := map[string]bool{} // keys of bodies
		for r, err := range t.rows(bucketSets, inSegment(seg), nil) {
			if err != nil {
				return err
			}
			set, err := parse[storage.DeclarationSet](t, bucketSets, r)
			if err != nil {
				return err
			}
			if t.inUse(seg, set.Token) {
				for _, item := range set.Items {
					needed[string(inSegment(seg).last(item.ServerToken))] = true
				}
			}
		}
		sets, err := t.removeUnless(bucketSets, seg, func(k key) bool {
			return t.inUse(seg, string(k[len(inSegment(seg)):]))
		})
		if err != nil {
			return err
		}
		bodies, err := t.removeUnless(bucketBodies, seg, func(k key) bool { return needed[string(k)] })
		swept = sets + bodies
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("sweep declarations: %w", err)
	}
	return swept, nil
}

// inUse reports whether a phone refers to a declarations token.
func (t *tx) inUse(seg storage.Segment, token string) bool {
	prefix := inSegment(seg).text(token)
	k, _ := t.bolt.Bucket([]byte(bucketSetUse)).Cursor().Seek(prefix)
	return bytes.HasPrefix(k, prefix)
}

// removeUnless removes the records of a segment that keep rejects.
func (t *tx) removeUnless(b bucket, seg storage.Segment, keep func(key) bool) (int, error) {
	keys, err := t.keys(b, inSegment(seg))
	if err != nil {
		return 0, err
	}
	n := 0
	for _, k := range keys {
		if keep(k) {
			continue
		}
		if err := t.remove(b, k); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
