package mdmtest

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync"
)

// KeyPool shares a few RSA keys among many phones, because generating one
// takes about a tenth of a second. Phones that share a key still have
// certificates of their own. It is safe for concurrent use.
type KeyPool struct {
	bits  int
	next  chan int
	slots []keySlot
}

type keySlot struct {
	once sync.Once
	key  *rsa.PrivateKey
	err  error
}

// NewKeyPool returns a pool of at most n keys (at least one) of the given
// number of bits (0 means 2048). Keys are generated when first asked for, in
// parallel when asked for in parallel.
func NewKeyPool(bits, n int) *KeyPool {
	if bits == 0 {
		bits = 2048
	}
	n = max(n, 1)
	p := &KeyPool{bits: bits, next: make(chan int, n), slots: make([]keySlot, n)}
	for i := range n {
		p.next <- i
	}
	return p
}

// Get returns the pool's next key, round robin.
func (p *KeyPool) Get() (*rsa.PrivateKey, error) {
	i := <-p.next
	p.next <- i
	s := &p.slots[i]
	s.once.Do(func() { s.key, s.err = newKey(p.bits) })
	return s.key, s.err
}

func newKey(bits int) (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, fmt.Errorf("generate rsa key: %w", err)
	}
	return key, nil
}

// key picks the phone's key pair for a new identity. p.mu is held.
func (p *Phone) key(bits int) (*rsa.PrivateKey, error) {
	switch {
	case p.o.Key != nil:
		return p.o.Key, nil
	case p.o.Keys != nil:
		return p.o.Keys.Get()
	case p.o.KeySize != 0:
		return newKey(p.o.KeySize)
	default:
		return newKey(bits)
	}
}
