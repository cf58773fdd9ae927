package mdm

import "encoding/json"

// GuardJSON checks a JSON document against l before a decoder sees it: size,
// depth, nodes, and that it is valid JSON. The error is a *ParseError; over a
// limit it wraps ErrTooLarge.
func GuardJSON(data []byte, l Limits) error {
	if int64(len(data)) > l.Bytes {
		return &ParseError{What: "body larger than allowed", Offset: l.Bytes, Err: ErrTooLarge}
	}
	var depth, nodes int
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			i = skipString(data, i)
		case '{', '[':
			depth++
			nodes++
		case '}', ']':
			depth--
		case ',', ':':
			nodes++
		}
		if depth > l.Depth {
			return &ParseError{What: "nested deeper than allowed", Offset: int64(i), Err: ErrTooLarge}
		}
		if nodes > l.Nodes {
			return &ParseError{What: "more values than allowed", Offset: int64(i), Err: ErrTooLarge}
		}
	}
	if !json.Valid(data) {
		return malformed("not valid JSON")
	}
	return nil
}

// skipString returns the index of the quote that ends the string opened at i,
// or of the last byte when none does.
func skipString(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(data) - 1
}
