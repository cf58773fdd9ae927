package bolt

import (
	"bytes"
	"sync"

	"github.com/kannuki-mdm/kannuki/storage"
)

// recall remembers how records were decoded. One poll reads a phone's record
// several times, and decoding it costs more than everything else the store does
// for it. What is remembered counts for exactly the bytes it was decoded from,
// so nothing has to be forgotten when a record changes. The zero value is ready.
type recall[T any] struct {
	mu    sync.Mutex
	known map[string]remembered[T] // by key
}

// remembered is a record and what it says; neither is ever changed.
type remembered[T any] struct {
	content []byte
	value   T
}

// maxRecalled bounds the records of each kind: a phone's takes some 4 KiB. It is
// meant for those who speak at the same time, not for the whole fleet.
const maxRecalled = 1024

// decode returns what content says, decoding it only when the record was
// another one the last time. The result shares no memory with what is
// remembered as long as clone sees to that.
func (m *recall[T]) decode(k key, content []byte, clone func(T) T, decode func() (T, error)) (T, error) {
	m.mu.Lock()
	r, ok := m.known[string(k)]
	m.mu.Unlock()
	if ok && bytes.Equal(r.content, content) {
		return clone(r.value), nil
	}
	v, err := decode()
	if err != nil {
		return v, err
	}
	r = remembered[T]{bytes.Clone(content), clone(v)}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[string]remembered[T]{}
	}
	if len(m.known) >= maxRecalled {
		for any := range m.known { // it is merely decoded again
			delete(m.known, any)
			break
		}
	}
	m.known[string(k)] = r
	return v, nil
}

// parsePhone is parse for a phone that is read by itself. Scans of all phones
// use parse: they would only drive out what is needed again.
func (t *tx) parsePhone(r row) (storage.Phone, error) {
	return t.packer.phones.decode(r.key, r.content, storage.Phone.Clone, func() (storage.Phone, error) {
		return parse[storage.Phone](t, bucketPhones, r)
	})
}

// loadPhone is load for a phone, as parsePhone is parse.
func (t *tx) loadPhone(k key) (storage.Phone, error) {
	content, err := t.get(bucketPhones, k)
	switch {
	case err != nil:
		return storage.Phone{}, err
	case content == nil:
		return storage.Phone{}, storage.ErrNotFound
	default:
		return t.parsePhone(row{k, content})
	}
}

// loadCertificate is load for a certificate, read with every message.
func (t *tx) loadCertificate(k key) (storage.Certificate, error) {
	content, err := t.get(bucketCerts, k)
	switch {
	case err != nil:
		return storage.Certificate{}, err
	case content == nil:
		return storage.Certificate{}, storage.ErrNotFound
	}
	same := func(c storage.Certificate) storage.Certificate { return c }
	return t.packer.certs.decode(k, content, same, func() (storage.Certificate, error) {
		return parse[storage.Certificate](t, bucketCerts, row{k, content})
	})
}

// parseRow is parse for a row of a queue: each message of a phone looks at all
// of them.
func (t *tx) parseRow(r row) (queueRow, error) {
	clone := func(q queueRow) queueRow {
		q.Hash = bytes.Clone(q.Hash)
		return q
	}
	return t.packer.rows.decode(r.key, r.content, clone, func() (queueRow, error) {
		return parse[queueRow](t, bucketQueue, r)
	})
}
