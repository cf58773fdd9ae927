// Package ber reads the structure of BER, the encoding of CMS messages, within limits. It exists to look at a
// message from outside before a CMS library does: those recurse without a limit, so that a few megabytes of nested
// headers end the process, and they read past the end of an element into its neighbours. It knows nothing about
// what the elements mean.
package ber

import (
	"errors"
	"fmt"
)

// Limits on the structure of one message. Honest CMS messages have a depth of about 12, a few hundred elements,
// and at most 6 elements of indefinite length inside each other (content info to content octets, as streaming
// encoders write them).
const (
	MaxDepth      = 32
	MaxNodes      = 4096
	MaxIndefinite = 8
)

// Identifier octets that callers look for.
const (
	OID      = 0x06
	Sequence = 0x30
	Context0 = 0xa0
)

// ErrLimit says that a message is nested too deeply or has too many elements.
var ErrLimit = errors.New("structure over the limit")

// ErrSyntax says that a message is not BER, or not the part of BER that CMS uses.
var ErrSyntax = errors.New("not well-formed")

// Node is one element. Its slices are parts of the message.
type Node struct {
	Tag      byte   // identifier octet: class, constructed bit, number
	Content  []byte // of a primitive element
	Children []Node // of a constructed element
}

const constructed = 0x20

// Parse reads a message that is exactly one element. It does not look inside octet strings.
//
// It is stricter than BER where libraries disagree about what they see: no empty element of indefinite length, no
// end-of-contents outside one, no element that reaches beyond the one around it, no tag number above 30.
func Parse(data []byte) (Node, error) {
	p := parser{left: MaxNodes}
	n, rest, err := p.element(data, 0, 0)
	if err != nil {
		return Node{}, err
	}
	if len(rest) != 0 {
		return Node{}, fmt.Errorf("%w: %d bytes after the message", ErrSyntax, len(rest))
	}
	return n, nil
}

// Child returns the i-th child, or an empty node where there is none, so that paths can be followed without
// checking each step.
func (n Node) Child(i int) Node {
	if i < 0 || i >= len(n.Children) {
		return Node{}
	}
	return n.Children[i]
}

type parser struct{ left int }

// element reads one element at the start of data and returns what follows it.
func (p *parser) element(data []byte, depth, indefinite int) (Node, []byte, error) {
	if p.left--; p.left < 0 {
		return Node{}, nil, fmt.Errorf("%w: more than %d elements", ErrLimit, MaxNodes)
	}
	if depth >= MaxDepth {
		return Node{}, nil, fmt.Errorf("%w: deeper than %d", ErrLimit, MaxDepth)
	}
	if len(data) < 2 {
		return Node{}, nil, fmt.Errorf("%w: cut off", ErrSyntax)
	}
	n := Node{Tag: data[0]}
	if n.Tag&0x1f == 0x1f || n.Tag&^constructed == 0 {
		return Node{}, nil, fmt.Errorf("%w: tag %#02x", ErrSyntax, n.Tag)
	}
	if data[1] == 0x80 {
		if n.Tag&constructed == 0 {
			return Node{}, nil, fmt.Errorf("%w: primitive element of indefinite length", ErrSyntax)
		}
		if indefinite >= MaxIndefinite {
			return Node{}, nil, fmt.Errorf("%w: more than %d indefinite lengths nested", ErrLimit, MaxIndefinite)
		}
		return p.indefinite(n, data[2:], depth, indefinite+1)
	}
	content, rest, err := definite(data[1:])
	if err != nil {
		return Node{}, nil, err
	}
	if n.Tag&constructed == 0 {
		n.Content = content
		return n, rest, nil
	}
	for len(content) > 0 {
		var child Node
		if child, content, err = p.element(content, depth+1, indefinite); err != nil {
			return Node{}, nil, err
		}
		n.Children = append(n.Children, child)
	}
	return n, rest, nil
}

// indefinite reads children up to the end-of-contents.
func (p *parser) indefinite(n Node, data []byte, depth, nested int) (Node, []byte, error) {
	for len(n.Children) == 0 || !endOfContents(data) {
		child, rest, err := p.element(data, depth+1, nested)
		if err != nil {
			return Node{}, nil, err
		}
		n.Children, data = append(n.Children, child), rest
	}
	return n, data[2:], nil
}

func endOfContents(data []byte) bool { return len(data) >= 2 && data[0] == 0 && data[1] == 0 }

// definite reads a length of at most four octets and splits off as many bytes.
func definite(data []byte) (content, rest []byte, err error) {
	first, data := data[0], data[1:]
	length := int64(first)
	if first > 0x80 {
		octets := int(first & 0x7f)
		if octets > 4 || octets > len(data) {
			return nil, nil, fmt.Errorf("%w: length field of %d octets", ErrSyntax, octets)
		}
		length = 0
		for _, b := range data[:octets] {
			length = length<<8 | int64(b)
		}
		data = data[octets:]
	}
	if length > int64(len(data)) {
		return nil, nil, fmt.Errorf("%w: element of %d bytes in %d", ErrSyntax, length, len(data))
	}
	return data[:length], data[length:], nil
}
