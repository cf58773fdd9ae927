package bolt

import (
	"bytes"
	"compress/flate"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/go-json-experiment/json/v1"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Records of which there is one or more for each phone are deflated against a
// dictionary of what they have in common: field names above all. It makes a
// phone's record a third as long, for 25 microseconds when it is written and
// 10 when it is read, and is what keeps an idle phone with its grant, its
// certificate and its audit entries below 4 KiB of database.
//
// The first byte of a record tells how it is written: '{' is JSON itself,
// packedFormat deflated JSON.
const packedFormat = 1

// dictionary must never change, because records cannot be read without the
// one they were written with. A better one would be a second file and a second
// format byte.
//
//go:embed dictionary-1.txt
var dictionary []byte

// packed reports whether the records of a bucket are deflated.
func (b bucket) packed() bool {
	return b == bucketPhones || b == bucketGrants || b == bucketCerts || b == bucketAudit
}

// packer holds the buffers for deflating and inflating, which are too large to
// be made for each record, and what is remembered of records. The zero value is
// ready.
type packer struct {
	deflaters, inflaters sync.Pool

	phones recall[storage.Phone]
	certs  recall[storage.Certificate]
	rows   recall[queueRow]
}

type deflater struct {
	w *flate.Writer
	b bytes.Buffer
}

type inflater struct {
	r   io.ReadCloser
	src bytes.Reader
	b   bytes.Buffer
}

// pack encodes a record for a bucket.
func pack[T any](p *packer, b bucket, v T) ([]byte, error) {
	text, err := encode(v)
	if err != nil || !b.packed() {
		return text, err
	}
	d, ok := p.deflaters.Get().(*deflater)
	if !ok {
		d = &deflater{}
		// Higher levels take longer and save less than one part in ten.
		if d.w, err = flate.NewWriterDict(&d.b, 2, dictionary); err != nil {
			return nil, err
		}
	}
	defer p.deflaters.Put(d)
	d.b.Reset()
	d.b.WriteByte(packedFormat)
	d.w.Reset(&d.b)
	if _, err := d.w.Write(text); err != nil {
		return nil, err
	}
	if err := d.w.Close(); err != nil {
		return nil, err
	}
	return bytes.Clone(d.b.Bytes()), nil
}

// maxRecord bounds what a record may inflate to; a real one is far smaller.
const maxRecord = 16 << 20

// unpack is the inverse of pack. The result shares no memory with content.
//
// It reads what encoding/json wrote with that package's next version, told to take
// everything as this one does: reading phones is most of what a start and a sweep
// do, and it takes less than half the time and a third of the allocations.
func unpack[T any](p *packer, content []byte) (T, error) {
	var v T
	if len(content) == 0 || content[0] != packedFormat {
		err := json.Unmarshal(content, &v)
		return v, err
	}
	f, ok := p.inflaters.Get().(*inflater)
	if !ok {
		f = &inflater{r: flate.NewReaderDict(bytes.NewReader(nil), dictionary)}
	}
	defer p.inflaters.Put(f)
	f.src.Reset(content[1:])
	resetter, ok := f.r.(flate.Resetter)
	if !ok {
		return v, errors.New("compress/flate has changed")
	}
	if err := resetter.Reset(&f.src, dictionary); err != nil {
		return v, err
	}
	f.b.Reset()
	n, err := f.b.ReadFrom(io.LimitReader(f.r, maxRecord+1))
	if err != nil {
		return v, err
	}
	if n > maxRecord {
		return v, fmt.Errorf("more than %d bytes", maxRecord)
	}
	err = json.Unmarshal(f.b.Bytes(), &v)
	return v, err
}
