package storage_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// leaves calls visit with the path of every value that has no parts, after
// changing it, and changes it back.
func leaves(path string, v reflect.Value, visit func(path string)) {
	change := func(to reflect.Value) {
		was := reflect.New(v.Type()).Elem()
		was.Set(v)
		v.Set(to)
		visit(path)
		v.Set(was)
	}
	if v.Type() == reflect.TypeFor[time.Time]() {
		change(reflect.ValueOf(time.Unix(2, 0).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		change(reflect.Zero(v.Type()))
		leaves(path+"*", v.Elem(), visit)
	case reflect.Slice:
		change(reflect.Zero(v.Type()))
		leaves(path+"[0]", v.Index(0), visit)
	case reflect.Struct:
		for i := range v.NumField() {
			leaves(path+"."+v.Type().Field(i).Name, v.Field(i), visit)
		}
	default:
		change(reflect.Zero(v.Type()))
	}
}

// TestPhoneSameLooksAtEverything covers every field, those added later as well.
func TestPhoneSameLooksAtEverything(t *testing.T) {
	t.Parallel()
	var p, q storage.Phone
	fill(reflect.ValueOf(&p).Elem())
	fill(reflect.ValueOf(&q).Elem())
	n := 0
	leaves("Phone", reflect.ValueOf(&q).Elem(), func(path string) {
		n++
		if p.Same(&q) || q.Same(&p) {
			t.Errorf("%s makes no difference: compare it in Same", path)
		}
	})
	if !p.Same(&q) || !p.Same(&p) || n < 80 {
		t.Errorf("equal records differ, or only %d values were changed", n)
	}
	c := p.Clone()
	if !p.Same(&c) {
		t.Error("a copy differs")
	}
}
