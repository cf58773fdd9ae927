package memory

import (
	"bytes"
	"fmt"
	"reflect"
	"time"
	"unicode/utf8"
)

// kept returns a record as this store keeps it: see stored, and as it is when
// the store is trusting.
func kept[T any](s *Store, v T) (T, error) {
	if s.o.Trusting {
		return v, nil
	}
	return stored(v)
}

// given returns a stored record as callers get it.
func given[T any](s *Store, v T) T {
	if s.o.Trusting {
		return v
	}
	return copied(v)
}

// stored returns a record sharing no memory with what the caller has, times in
// UTC with microseconds. Text that is not UTF-8 is an error.
func stored[T any](v T) (T, error) {
	err := settle(reflect.ValueOf(&v).Elem())
	return v, err
}

// copied is stored for what was stored already.
func copied[T any](v T) T {
	v, err := stored(v)
	if err != nil {
		panic(fmt.Sprintf("memory: a stored record cannot be stored: %v", err))
	}
	return v
}

// settle gives a value that can be set memory of its own.
func settle(v reflect.Value) error {
	switch v.Kind() {
	case reflect.String:
		if !utf8.ValidString(v.String()) {
			return errNotText
		}
	case reflect.Struct:
		return settleStruct(v)
	case reflect.Pointer:
		return settlePointer(v)
	case reflect.Slice:
		return settleSlice(v)
	case reflect.Map:
		return settleMap(v)
	default: // numbers and truth values
	}
	return nil
}

func settleStruct(v reflect.Value) error {
	if t, isTime := v.Addr().Interface().(*time.Time); isTime {
		*t = t.UTC().Truncate(time.Microsecond)
		return nil
	}
	for i := range v.NumField() {
		if err := settle(v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

func settlePointer(v reflect.Value) error {
	if v.IsNil() {
		return nil
	}
	fresh := reflect.New(v.Type().Elem())
	fresh.Elem().Set(v.Elem())
	v.Set(fresh)
	return settle(fresh.Elem())
}

func settleSlice(v reflect.Value) error {
	if b, isBytes := v.Addr().Interface().(*[]byte); isBytes {
		*b = bytes.Clone(*b)
		return nil
	}
	if v.IsNil() {
		return nil
	}
	fresh := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
	reflect.Copy(fresh, v)
	v.Set(fresh)
	for i := range v.Len() {
		if err := settle(v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

// settleMap copies a map of texts, the only kind records have.
func settleMap(v reflect.Value) error {
	texts, isTexts := v.Addr().Interface().(*map[string]string)
	if !isTexts {
		return fmt.Errorf("a record has a field of type %s", v.Type())
	}
	if *texts == nil {
		return nil
	}
	fresh := make(map[string]string, len(*texts))
	for k, text := range *texts {
		if !utf8.ValidString(k) || !utf8.ValidString(text) {
			return errNotText
		}
		fresh[k] = text
	}
	*texts = fresh
	return nil
}
