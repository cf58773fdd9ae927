package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	bbolt "go.etcd.io/bbolt"

	"github.com/kannuki-mdm/kannuki/storage"
)

// tx is a transaction that seals what it writes and checks what it reads.
type tx struct {
	bolt   *bbolt.Tx
	ctx    context.Context // lives as long as the transaction; long scans ask it
	packer *packer
	writes int // calls that changed the database or tried to
}

// get returns the content stored under k, or nil when there is none. The bytes
// belong to the database and are valid until the transaction ends.
func (t *tx) get(b bucket, k key) ([]byte, error) {
	value := t.bolt.Bucket([]byte(b)).Get(k)
	if value == nil {
		return nil, nil
	}
	content, err := unseal(k, value)
	if err != nil {
		return nil, corrupt(b, k, err)
	}
	return content, nil
}

// put stores content under k. Content that is there already is not written
// again, so that a change that changes nothing costs no commit.
func (t *tx) put(b bucket, k key, content []byte) error {
	value, bb := seal(k, content), t.bolt.Bucket([]byte(b))
	if bytes.Equal(bb.Get(k), value) {
		return nil
	}
	if fill := b.fillPercent(); fill != 0 {
		bb.FillPercent = fill
	}
	t.writes++
	return bb.Put(k, value)
}

func (t *tx) remove(b bucket, k key) error {
	bb := t.bolt.Bucket([]byte(b))
	if bb.Get(k) == nil {
		return nil
	}
	t.writes++
	return bb.Delete(k)
}

func (t *tx) has(b bucket, k key) bool {
	return t.bolt.Bucket([]byte(b)).Get(k) != nil
}

// row is one record of a scan; both fields are valid until the transaction ends.
type row struct{ key, content []byte }

// rows yields the records whose keys start with prefix, in order, beginning at
// from (nil: at the first). It ends after the first error. The loop must not
// write to the bucket.
func (t *tx) rows(b bucket, prefix, from key) iter.Seq2[row, error] {
	if from == nil {
		from = prefix
	}
	return func(yield func(row, error) bool) {
		c := t.bolt.Bucket([]byte(b)).Cursor()
		n := 0
		for k, v := c.Seek(from); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
			content, err := unseal(k, v)
			if err != nil {
				err = corrupt(b, k, err)
			} else if n++; n%256 == 0 {
				err = t.ctx.Err()
			}
			if !yield(row{k, content}, err) || err != nil {
				return
			}
		}
	}
}

// rowsBackwards yields the records whose keys are prefix and a number, the
// greatest number first and only those below before (0: all). It ends after the
// first error. The loop must not write to the bucket.
func (t *tx) rowsBackwards(b bucket, prefix key, before uint64) iter.Seq2[row, error] {
	if before == 0 {
		before = ^uint64(0)
	}
	return func(yield func(row, error) bool) {
		c := t.bolt.Bucket([]byte(b)).Cursor()
		step := c.Prev
		if k, _ := c.Seek(prefix.number(before)); k == nil {
			step = c.Last
		}
		k, v := step()
		for n := 1; k != nil && bytes.HasPrefix(k, prefix); n++ {
			content, err := unseal(k, v)
			if err != nil {
				err = corrupt(b, k, err)
			} else if n%256 == 0 {
				err = t.ctx.Err()
			}
			if !yield(row{k, content}, err) || err != nil {
				return
			}
			k, v = c.Prev()
		}
	}
}

// keys returns copies of the keys that start with prefix.
func (t *tx) keys(b bucket, prefix key) ([]key, error) {
	var keys []key
	for r, err := range t.rows(b, prefix, nil) {
		if err != nil {
			return nil, err
		}
		keys = append(keys, bytes.Clone(r.key))
	}
	return keys, nil
}

// lastKey returns the last key with this prefix, or nil. After the prefix,
// keys must hold a number that is not the greatest possible.
func (t *tx) lastKey(b bucket, prefix key) key {
	c := t.bolt.Bucket([]byte(b)).Cursor()
	k, _ := c.Seek(prefix.number(^uint64(0)))
	if k == nil {
		k, _ = c.Last()
	} else {
		k, _ = c.Prev()
	}
	if !bytes.HasPrefix(k, prefix) {
		return nil
	}
	return k
}

// load reads and decodes one record; it returns storage.ErrNotFound.
func load[T any](t *tx, b bucket, k key) (T, error) {
	content, err := t.get(b, k)
	if err != nil {
		return *new(T), err
	}
	if content == nil {
		return *new(T), storage.ErrNotFound
	}
	return parse[T](t, b, row{k, content})
}

// save encodes and stores one record.
func save[T any](t *tx, b bucket, k key, v T) error {
	content, err := pack(t.packer, b, v)
	if err != nil {
		return err
	}
	return t.put(b, k, content)
}

// list decodes the records with this prefix, in the order of their keys.
func list[T any](t *tx, b bucket, prefix key) ([]T, error) {
	var all []T
	for r, err := range t.rows(b, prefix, nil) {
		if err != nil {
			return nil, err
		}
		v, err := parse[T](t, b, r)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// parse decodes the content of a record whose checksum was right.
func parse[T any](t *tx, b bucket, r row) (T, error) {
	v, err := unpack[T](t.packer, r.content)
	if err != nil {
		return v, corrupt(b, r.key, err)
	}
	return v, nil
}

// loadNumber reads a counter or a reference by number; 0 when there is none.
func (t *tx) loadNumber(b bucket, k key) (uint64, error) {
	content, err := t.get(b, k)
	if err != nil || content == nil {
		return 0, err
	}
	if len(content) != 8 {
		return 0, corrupt(b, k, fmt.Errorf("number of %d bytes", len(content)))
	}
	return binary.BigEndian.Uint64(content), nil
}

func (t *tx) saveNumber(b bucket, k key, n uint64) error {
	return t.put(b, k, binary.BigEndian.AppendUint64(nil, n))
}

// lookup returns what a global index says of a name: the segment of the record
// and its key there. It returns storage.ErrNotFound.
func (t *tx) lookup(index bucket, name string) (storage.Segment, key, error) {
	k, err := t.get(index, key(name))
	switch {
	case err != nil:
		return "", nil, err
	case k == nil:
		return "", nil, storage.ErrNotFound
	case len(k) == 0 || len(k) <= int(k[0]):
		return "", nil, corrupt(index, key(name), errors.New("no key of a record"))
	}
	return storage.Segment(k[1 : 1+k[0]]), k, nil
}

func corrupt(b bucket, k []byte, err error) error {
	return fmt.Errorf("bucket %s, key %x: %w: %w", b, k, storage.ErrCorrupt, err)
}
