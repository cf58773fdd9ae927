package yamltext_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/internal/yamltext"
)

func TestCheck(t *testing.T) {
	deep := yamltext.MaxDepth
	for _, test := range []struct {
		name, text string
		want       *yamltext.Error
		says       string
	}{
		{"nothing", "", nil, ""},
		{"as large as allowed", strings.Repeat("a", 1000), nil, ""},
		{"larger", strings.Repeat("a", 1001), &yamltext.Error{Code: yamltext.TooLarge, Limit: 1000}, "larger than 1000 bytes"},
		{"not UTF-8", "a: \xff", &yamltext.Error{Code: yamltext.NotText}, "not UTF-8"},
		{"as deep as allowed", strings.Repeat("[", deep), nil, ""},
		{"deeper", "a:\n" + strings.Repeat("{", deep+1), &yamltext.Error{Code: yamltext.TooDeep, Line: 2, Limit: deep}, "line 2: more than 32"},
		{"deeper over lines", strings.Repeat("[\n", deep+1), &yamltext.Error{Code: yamltext.TooDeep, Line: deep + 1, Limit: deep}, "line 33: more than 32"},
		{"closed again", strings.Repeat("[]\n", deep+1), nil, ""},
		{"many on one line, closed again", strings.Repeat("[]", deep+1), &yamltext.Error{Code: yamltext.TooDeep, Line: 1, Limit: deep}, "line 1: more than 32"},
		{"closed before opened", "]]]]\n" + strings.Repeat("[", deep), nil, ""},
		{"lists in lists", strings.Repeat("- ", 2*deep+1) + "a", &yamltext.Error{Code: yamltext.TooDeep, Line: 1, Limit: deep}, "line 1: more than 32"},
		{"indented", strings.Repeat(" ", 4*deep) + "a", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := yamltext.Check([]byte(test.text), 1000)
			got, _ := errors.AsType[*yamltext.Error](err)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%q does not say %q", err, test.says)
			}
		})
	}
}

func TestGuarded(t *testing.T) {
	fault := errors.New("line 1: a fault")
	if err := yamltext.Guarded(func() error { return fault }); !errors.Is(err, fault) {
		t.Errorf("got %v, want what was returned", err)
	}
	if err := yamltext.Guarded(func() error { return nil }); err != nil {
		t.Error(err)
	}
	var none []string
	err := yamltext.Guarded(func() error { _ = none[len(none)]; return nil })
	if err == nil || !strings.Contains(err.Error(), "index out of range") {
		t.Errorf("a panic became %v", err)
	}
}
