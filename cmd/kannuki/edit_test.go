package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// TestEditTextOfManyToTest: a move that opens no gate says why it takes two people.
func TestEditTextOfManyToTest(t *testing.T) {
	t.Parallel()
	e := fleet.EditView{
		Acts:   []fleet.ActView{{Action: "device.move", Target: "P1", Detail: map[string]string{"to": "sales/verification"}}},
		ToTest: []fleet.ToTestView{{Group: "sales", Phones: 7, Most: 5}},
	}
	for tag, want := range map[string]string{
		"en": "It changes:\n  device.move P1: to=sales/verification\nIt makes 7 production phones of sales verification phones within 90 days; one person may say so of 5.\n",
		"ja": "変更の内容：\n  device.move P1: to=sales/verification\n本番端末7台（グループsales、90日間の合計）を検証用端末にします。1名で行えるのは5台までです。\n",
	} {
		if diff := cmp.Diff(want, testGlobals(tag).editText(e)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tag, diff)
		}
	}
}
