package storage_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/storage"
)

// fill gives every field of a value something of its own, so that a field that
// was added since is filled too.
func fill(v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(1, 0).UTC()))
		return
	}
	switch kind := v.Kind(); {
	case kind == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case kind == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case kind == reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case kind == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case kind == reflect.String:
		v.SetString("x")
	case kind == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(1)
	case v.CanUint():
		v.SetUint(1)
	case v.CanFloat():
		v.SetFloat(1)
	default:
		panic("fill " + v.Type().String())
	}
}

// shared returns the paths at which two values share memory.
func shared(path string, a, b reflect.Value) []string {
	var out []string
	kind := a.Kind()
	if kind == reflect.Pointer || kind == reflect.Slice || kind == reflect.Map {
		if a.Type().Elem() == reflect.TypeFor[time.Location]() || a.IsNil() {
			return nil
		}
		if a.Pointer() == b.Pointer() {
			return []string{path}
		}
	}
	if kind == reflect.Pointer {
		out = shared(path, a.Elem(), b.Elem())
	}
	if kind == reflect.Slice {
		for i := range a.Len() {
			out = append(out, shared(path+"[]", a.Index(i), b.Index(i))...)
		}
	}
	if kind == reflect.Struct {
		for i := range a.NumField() {
			out = append(out, shared(path+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i))...)
		}
	}
	return out
}

// TestPhoneCloneSharesNothing covers every field, those added later as well.
func TestPhoneCloneSharesNothing(t *testing.T) {
	t.Parallel()
	var p storage.Phone
	fill(reflect.ValueOf(&p).Elem())
	c := p.Clone()
	if diff := cmp.Diff(p, c); diff != "" {
		t.Errorf("the copy differs (-want +got):\n%s", diff)
	}
	if s := shared("Phone", reflect.ValueOf(p), reflect.ValueOf(c)); len(s) > 0 {
		t.Errorf("the copy shares %v", s)
	}
	if diff := cmp.Diff(storage.Phone{}, storage.Phone{}.Clone()); diff != "" {
		t.Errorf("the copy of nothing (-want +got):\n%s", diff)
	}
}
