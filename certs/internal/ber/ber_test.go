package ber_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/certs/internal/ber"
)

func TestParse(t *testing.T) {
	t.Parallel()
	null := ber.Node{Tag: 5, Content: []byte{}}
	for _, test := range []struct {
		name string
		data string
		want ber.Node
	}{
		{"primitive", "\x05\x00", null},
		{"definite", "\x30\x04\x05\x00\x05\x00", ber.Node{Tag: ber.Sequence, Children: []ber.Node{null, null}}},
		{"empty definite", "\x30\x00", ber.Node{Tag: ber.Sequence}},
		{"long length", "\x30\x82\x00\x02\x05\x00", ber.Node{Tag: ber.Sequence, Children: []ber.Node{null}}},
		{"indefinite", "\x30\x80\x05\x00\x00\x00", ber.Node{Tag: ber.Sequence, Children: []ber.Node{null}}},
		{
			"indefinite inside indefinite", "\x30\x80\xa0\x80\x05\x00\x00\x00\x05\x00\x00\x00",
			ber.Node{Tag: ber.Sequence, Children: []ber.Node{{Tag: ber.Context0, Children: []ber.Node{null}}, null}},
		},
		{
			"indefinite inside definite", "\x30\x08\xa0\x80\x05\x00\x00\x00\x05\x00",
			ber.Node{Tag: ber.Sequence, Children: []ber.Node{{Tag: ber.Context0, Children: []ber.Node{null}}, null}},
		},
		{"octets are not looked into", "\x04\x02\x30\x80", ber.Node{Tag: 4, Content: []byte{0x30, 0x80}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ber.Parse([]byte(test.data))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("node (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		data string
		want error
	}{
		{"nothing", "", ber.ErrSyntax},
		{"tag only", "\x30", ber.ErrSyntax},
		{"longer than the message", "\x30\x01", ber.ErrSyntax},
		{"child longer than its parent", "\x30\x03\x04\x03\x00\x00\x00\x00", ber.ErrSyntax},
		{"bytes after it", "\x05\x00\x00", ber.ErrSyntax},
		{"indefinite primitive", "\x04\x80\x00\x00", ber.ErrSyntax},
		{"indefinite without end", "\x30\x80\x05\x00", ber.ErrSyntax},
		{"empty indefinite", "\x30\x80\x00\x00", ber.ErrSyntax},
		{"end-of-contents in definite", "\x30\x02\x00\x00", ber.ErrSyntax},
		{"constructed end-of-contents", "\x30\x02\x20\x00", ber.ErrSyntax},
		{"high tag number", "\x1f\x81\x00\x00", ber.ErrSyntax},
		{"length of five octets", "\x04\x85\x00\x00\x00\x00\x00", ber.ErrSyntax},
		{"length cut off", "\x04\x82\x01", ber.ErrSyntax},
		{"length near 4 GiB", "\x04\x84\xff\xff\xff\xff", ber.ErrSyntax},
		{"too deep", definite(ber.MaxDepth), ber.ErrLimit},
		{"too many indefinite", strings.Repeat("\x30\x80", ber.MaxIndefinite+1), ber.ErrLimit},
		{"too many elements", "\x30\x82\x20\x00" + strings.Repeat("\x05\x00", ber.MaxNodes), ber.ErrLimit},
	} {
		t.Run(test.name, func(t *testing.T) {
			if n, err := ber.Parse([]byte(test.data)); !errors.Is(err, test.want) {
				t.Errorf("got %v, %v, want error %v", n, err, test.want)
			}
		})
	}
	if _, err := ber.Parse([]byte(definite(ber.MaxDepth - 1))); err != nil {
		t.Errorf("at the depth limit: %v", err)
	}
}

// definite returns a null inside as many sequences.
func definite(depth int) string {
	s := "\x05\x00"
	for range depth {
		s = "\x30" + string([]byte{byte(len(s))}) + s
	}
	return s
}

func TestChild(t *testing.T) {
	t.Parallel()
	n, err := ber.Parse([]byte("\x30\x04\xa0\x02\x05\x00"))
	if err != nil {
		t.Fatal(err)
	}
	if got := n.Child(0).Child(0).Tag; got != 5 {
		t.Errorf("got tag %#x, want 5", got)
	}
	for _, absent := range []ber.Node{n.Child(1), n.Child(-1), n.Child(9).Child(0).Child(3)} {
		if diff := cmp.Diff(ber.Node{}, absent); diff != "" {
			t.Errorf("absent child (-want +got):\n%s", diff)
		}
	}
}

// FuzzParse looks for a message whose tree is not made of the message, or is
// larger than the limits.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"\x05\x00", "\x30\x80\xa0\x80\x05\x00\x00\x00\x05\x00\x00\x00", "\x30\x84\xff\xff\xff\xff", "\x24\x80\x04\x01x\x00\x00", "\x30\x03\x04\x09\x01"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		root, err := ber.Parse(data)
		if err != nil {
			if !errors.Is(err, ber.ErrLimit) && !errors.Is(err, ber.ErrSyntax) {
				t.Fatalf("got error %v, want one of the package's", err)
			}
			return
		}
		nodes, content := 0, 0
		var walk func(n ber.Node, depth int)
		walk = func(n ber.Node, depth int) {
			if nodes++; depth > ber.MaxDepth {
				t.Fatalf("an element at depth %d", depth)
			}
			content += len(n.Content)
			for _, c := range n.Children {
				walk(c, depth+1)
			}
		}
		walk(root, 1)
		if nodes > ber.MaxNodes || content > len(data)-2*nodes {
			t.Errorf("%d elements with %d bytes in a message of %d", nodes, content, len(data))
		}
	})
}
