package bolt

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"reflect"
	"time"
	"unicode/utf8"
)

// Every value in the database is sealed:
//
//	byte 0     format of the record, recordFormat
//	bytes 1-4  CRC-32C over key, format and content, big endian
//	the rest   content: a record (see pack.go), a body as it is, or a number
//
// bbolt does not checksum its pages: of the single bit flips that change
// anything, its own check finds fewer than one in ten. The key is covered so
// that a value read under a key it was not written for is found as well.
const (
	recordFormat = 1
	sealLength   = 5
)

var errSeal = errors.New("checksum does not fit")

func checksum(key []byte, format byte, content []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // the library keeps the table
	sum := crc32.Update(0, table, key)
	sum = crc32.Update(sum, table, []byte{format})
	return crc32.Update(sum, table, content)
}

// seal returns the value to store content with under key.
func seal(key, content []byte) []byte {
	value := make([]byte, sealLength, sealLength+len(content))
	value[0] = recordFormat
	binary.BigEndian.PutUint32(value[1:], checksum(key, recordFormat, content))
	return append(value, content...)
}

// unseal returns the content of a value, which shares the value's memory, or
// errSeal.
func unseal(key, value []byte) ([]byte, error) {
	if len(value) < sealLength || value[0] != recordFormat {
		return nil, errSeal
	}
	content := value[sealLength:]
	if checksum(key, value[0], content) != binary.BigEndian.Uint32(value[1:]) {
		return nil, errSeal
	}
	return content, nil
}

// encode returns the JSON of a record with its times in UTC at microsecond
// precision. It leaves v and all that v refers to as it is.
func encode[T any](v T) ([]byte, error) {
	if err := normalize(reflect.ValueOf(&v).Elem(), reflect.TypeFor[T]().Name()); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// stored returns a time as it is stored.
func stored(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// normalize rounds down every time in v, copying what v points to before
// changing it, and refuses text that is not UTF-8: JSON would replace the
// offending bytes without a word. field names v in errors.
func normalize(v reflect.Value, field string) error {
	switch v.Kind() {
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			return fmt.Errorf("%s is not UTF-8", field)
		}
	case reflect.Struct:
		if t, ok := reflect.TypeAssert[time.Time](v); ok {
			v.Set(reflect.ValueOf(stored(t)))
			return nil
		}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() {
				continue // not stored
			}
			if err := normalize(v.Field(i), f.Name); err != nil {
				return err
			}
		}
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		own := reflect.New(v.Type().Elem())
		own.Elem().Set(v.Elem())
		v.Set(own)
		return normalize(own.Elem(), field)
	case reflect.Slice:
		return normalizeSlice(v, field)
	case reflect.Map: // only of strings to strings
		for key, value := range v.Seq2() {
			if !utf8.ValidString(key.String()) || !utf8.ValidString(value.String()) {
				return fmt.Errorf("%s is not UTF-8", field)
			}
		}
	default: // numbers and truth values need nothing
	}
	return nil
}

func normalizeSlice(v reflect.Value, field string) error {
	if v.IsNil() || v.Type().Elem().Kind() == reflect.Uint8 {
		return nil
	}
	own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
	reflect.Copy(own, v)
	v.Set(own)
	for i := range own.Len() {
		if err := normalize(own.Index(i), field); err != nil {
			return err
		}
	}
	return nil
}
