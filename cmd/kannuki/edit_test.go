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

// TestEditTextWithoutChanges: of a proposal that an older server kept, the settings
// before and after it are not known.
func TestEditTextWithoutChanges(t *testing.T) {
	t.Parallel()
	e := fleet.EditView{Acts: []fleet.ActView{{Action: "app.remove", Target: "com.example.pos"}}}
	for tag, want := range map[string]string{
		"en": "It changes:\n  app.remove com.example.pos: –\n  (The settings before and after it are not recorded.)\n",
		"ja": "変更の内容：\n  app.remove com.example.pos: –\n  （変更前後の設定は記録されていません。）\n",
	} {
		if diff := cmp.Diff(want, testGlobals(tag).editText(e)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tag, diff)
		}
	}
}

// TestProposalOfManyToTest: a move that takes two people only because many phones
// come to test is called so everywhere, and its signature is asked for with no word
// of gates.
func TestProposalOfManyToTest(t *testing.T) {
	t.Parallel()
	move := []fleet.ActView{{Action: "device.move", Target: "P1"}}
	many := []fleet.ToTestView{{Group: "sales", Phones: 7, Most: 5}}
	gates := []fleet.GateView{{Group: "sales", Release: "26.1", Phase: "waiting"}}
	type shown struct{ Title, Listed, Question string }
	const gatesOpen = "Sign it? The gates above open without a test, now or later. Type sign:"
	for name, tc := range map[string]struct {
		tag  string
		edit fleet.EditView
		want shown
	}{
		"many to test": {"en", fleet.EditView{Acts: move, ToTest: many}, shown{
			"Many production phones become verification phones", "Many production phones become verification phones",
			"Sign it? These phones will be asked to install what nobody has verified, in order to test it; iOS cannot go back. Type sign:",
		}},
		"many to test, in Japanese": {"ja", fleet.EditView{Acts: move, ToTest: many}, shown{
			"多数の本番端末の検証用端末への変更", "多数の本番端末の検証用端末への変更",
			"承認しますか？ これらの端末は、検証のため、検証が済んでいないOSを適用する対象になります。iOSは元に戻せません。signと入力してください：",
		}},
		"many to test and past gates": {"en", fleet.EditView{Acts: move, ToTest: many, Gates: gates}, shown{
			"Move of phones past closed gates", "Move of phones past closed gates", gatesOpen,
		}},
		"past gates": {"en", fleet.EditView{Acts: move, Gates: gates, Into: gates}, shown{
			"Move of phones past closed gates", "Move of phones past closed gates", gatesOpen,
		}},
		"settings": {"en", fleet.EditView{Acts: []fleet.ActView{{Action: "app.remove"}}, Gates: gates}, shown{
			"Change of settings that opens closed gates", "Change of settings that opens closed gates", gatesOpen,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, p := testGlobals(tc.tag), fleet.ProposalView{Kind: "edit", Edit: &tc.edit}
			question, word := g.signQuestion(p)
			got := shown{g.proposalTitle(p), g.proposalTable([]fleet.ProposalView{p}).rows[0][2].shown, question}
			if diff := cmp.Diff(tc.want, got); diff != "" || word != "sign" {
				t.Errorf("to type: %q (-want +got):\n%s", word, diff)
			}
		})
	}
}
