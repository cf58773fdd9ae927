package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"

	"github.com/kannuki-mdm/kannuki/storage"
)

// CutShortError says that the end of a database file is missing. It wraps
// [storage.ErrCorrupt].
type CutShortError struct {
	Bytes, Want int64 // that are there, and that there should be at least
}

func (e *CutShortError) Error() string {
	return fmt.Sprintf("the file is cut short: %d of %d bytes are there", e.Bytes, e.Want)
}

// Unwrap returns [storage.ErrCorrupt].
func (e *CutShortError) Unwrap() error { return storage.ErrCorrupt }

// CheckLength returns a [*CutShortError] for a database file that ends before its pages
// do: bbolt would look for them in memory that is not there, which ends the process. Of
// anything else that is wrong with a file it says nothing. A file that is written to
// meanwhile is never taken for a short one: it grows before its marks say so.
func CheckLength(path string) error {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	want, err := wantedLength(f)
	if err == nil {
		var info os.FileInfo
		if info, err = f.Stat(); err == nil && info.Size() < want {
			err = &CutShortError{info.Size(), want}
		}
	}
	return errors.Join(err, f.Close())
}

// wantedLength returns where the last page ends that a file says it uses, 0 where it
// says nothing that can be relied on.
func wantedLength(f io.ReaderAt) (int64, error) {
	newest, err := markedAt(f, 0)
	for size := int64(minPage); size <= maxPage && err == nil; size *= 2 {
		var second mark
		// Where the first page can be read, the second stands where that says.
		if newest.size != 0 && newest.size != size {
			continue
		}
		if second, err = markedAt(f, size); second.size == size && second.change > newest.change {
			newest = second
		}
	}
	return newest.size * newest.pages, err
}

// mark is what one of the first two pages of a file says of it.
type mark struct {
	size   int64  // of a page, bytes; 0: there is no such mark
	pages  int64  // in use, from the first on
	change uint64 // the later one counts
}

// A mark behind the head of its page (bbolt, type Meta): magic, version, page size and
// flags of 4 bytes each; root of 16; list of free pages, pages, change and checksum of 8.
const (
	markBegin = 16
	markSum   = markBegin + 56
	markEnd   = markSum + 8
)

// markedAt reads the mark of the page at an offset. One whose checksum is wrong was
// written only in part, and is none.
func markedAt(f io.ReaderAt, offset int64) (mark, error) {
	var page [markEnd]byte
	if _, err := f.ReadAt(page[:], offset); errors.Is(err, io.EOF) {
		return mark{}, nil
	} else if err != nil {
		return mark{}, err
	}
	native, sum := binary.NativeEndian, fnv.New64a()
	_, _ = sum.Write(page[markBegin:markSum]) // a hash takes everything
	if !bytes.HasPrefix(page[markBegin:], magic()) || native.Uint64(page[markSum:]) != sum.Sum64() {
		return mark{}, nil
	}
	return mark{
		size:   int64(native.Uint32(page[markBegin+8:])),
		pages:  int64(native.Uint64(page[markBegin+40:])), //nolint:gosec // its checksum is right
		change: native.Uint64(page[markBegin+48:]),
	}, nil
}

// magic is what the mark of a page begins with.
func magic() []byte { return binary.NativeEndian.AppendUint32(nil, 0xED0CDAED) }
