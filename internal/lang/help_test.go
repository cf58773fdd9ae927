package lang

import (
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestNoticeIsOfItsRelease: a param does not stand in for what a notice is about.
func TestNoticeIsOfItsRelease(t *testing.T) {
	t.Parallel()
	params := map[string]string{"release": "26.5", "group": "other", "approved": "26.5.1", "policy": "late", "outcome": "approved"}
	for language, want := range map[string]string{
		English:  "iOS 26.6.1 for sales: the 90 days are over, users can see it. Policy late: the newest verified release is approved (iOS 26.5.1).",
		Japanese: "salesのiOS 26.6.1：90日が過ぎ、利用者に表示されます。ポリシーlate：検証済みの最新リリースを承認しました（iOS 26.5.1）。",
	} {
		if got := New(language).Notice("hold.ended", "sales", "26.6.1", "", params); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestHelp: whoever is reminded is told what to do about each reason, and about no
// other.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, reason := range policy.Reasons() {
		if _, ok := helpTexts()[string(reason)]; ok != policy.Chased(reason) {
			t.Errorf("%s: words for whoever carries the phone: %v, is reminded: %v", reason, ok, policy.Chased(reason))
		}
	}
	p := New(English)
	got := p.Notice("chase.message", "sales", "26.6.1", "P1", map[string]string{"reason": "passcode-needed", "deadline": "2026-08-21T09:00:00"})
	const want = "iOS 26.6.1 is not installed yet on phone P1; deadline 2026-08-21 09:00, the phone's clock. The phone waits for its passcode: unlock it and confirm the update."
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	got = New(Japanese).Notice("chase.escalate", "sales", "26.6.1", "", map[string]string{"count": "3", "reasons": "locked=1,offline=2", "phones": "P1,P2,P3"})
	const wantJa = "salesの3台にiOS 26.6.1がまだ適用されていません：ロック中 1、通信なし 2。端末：P1、P2、P3。全台：`kannuki rollout chase 26.6.1 --group sales --phones`"
	if got != wantJa {
		t.Errorf("got  %s\nwant %s", got, wantJa)
	}
}

// TestLeftOpenNotice: it names verification phones and flaws told before only where
// there are some.
func TestLeftOpenNotice(t *testing.T) {
	t.Parallel()
	params := map[string]string{"flaws": "CVE-2", "known": "CVE-1", "count": "2", "verification": "1"}
	const want = "iOS 26.6, declined for sales, would fix CVE-2, known to be exploited (beside CVE-1, told before), and nothing approved does. " +
		"Production phones left with such a flaw: 2; verification phones: 1. Approve a newer release with the fix: `kannuki gate list --group sales`."
	if got := New(English).Notice("release.left-open", "sales", "26.6", "", params); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	params["known"], params["verification"] = "", ""
	const wantJa = "salesが拒否したiOS 26.6は、悪用が確認されたCVE-2を修正します。承認済みのリリースには修正がありません。影響する本番端末：2台。修正を含む新しいリリースを承認してください：`kannuki gate list --group sales`"
	if got := New(Japanese).Notice("release.left-open", "sales", "26.6", "", params); got != wantJa {
		t.Errorf("got  %s\nwant %s", got, wantJa)
	}
}

// TestUrgentNotice: it says what a person can do next, when there is something.
func TestUrgentNotice(t *testing.T) {
	t.Parallel()
	params := map[string]string{"flaws": "CVE-1", "count": "2", "from": "26.2", "phase": "held", "step": "offer"}
	const want = "iOS 26.6.1 is urgent for sales: it fixes CVE-1, known to be exploited; production phones without the fix: 2 (on iOS 26.2). " +
		"Gate: Waiting for tests. Release it to the verification phones with \"kannuki gate offer\". See `kannuki gate show 26.6.1 --group sales`."
	if got := New(English).Notice("release.urgent", "sales", "26.6.1", "", params); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	params["step"] = ""
	const wantJa = "salesのiOS 26.6.1は急ぎます：悪用が確認されたCVE-1を修正します。未修正の本番端末：2台（iOS 26.2）。ゲート：検証待ち。確認：`kannuki gate show 26.6.1 --group sales`"
	if got := New(Japanese).Notice("release.urgent", "sales", "26.6.1", "", params); got != wantJa {
		t.Errorf("got  %s\nwant %s", got, wantJa)
	}
}

// TestHoldEndedNotice: what is not verified is the release whose hold ended, and not
// the one that is approved because of it.
func TestHoldEndedNotice(t *testing.T) {
	t.Parallel()
	got := New(English).Notice("hold.ended", "sales", "26.6", "", map[string]string{"policy": "p", "outcome": "approved", "approved": "26.6.1", "missing": "com.example.pos"})
	if want := "(iOS 26.6.1). Not verified on iOS 26.6: com.example.pos."; !strings.HasSuffix(got, want) {
		t.Errorf("got %s, want it to end with %s", got, want)
	}
}

// TestLeakNotice: the first phone of a day is told by itself, the others together.
func TestLeakNotice(t *testing.T) {
	t.Parallel()
	p := New(English)
	got := p.Notice("phone.leaked", "sales", "26.6.1", "P1", map[string]string{"why": "unsupervised", "from": "26.5", "missing": "com.example.pos"})
	const want = "Phone P1 of sales was updated to iOS 26.6.1 unapproved from 26.5: the phone is not supervised. Not verified: com.example.pos."
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	others := map[string]string{"day": "2026-08-18", "count": "3", "phones": "P2,P3,P4", "causes": "arrived-newer=1,unsupervised=2"}
	got = p.Notice("phone.leaked", "sales", "26.6.1", "", others)
	const wantOthers = "On 2026-08-18, beside the first, production phones of sales came to iOS 26.6.1 unapproved: 3 (P2, P3, P4). " +
		"Why: it enrolled, or came to the group, with it: 1; the phone is not supervised: 2. See `kannuki leak list --group sales`."
	if got != wantOthers {
		t.Errorf("got  %s\nwant %s", got, wantOthers)
	}
	others["missing"] = "com.example.pos"
	got = New(Japanese).Notice("phone.leaked", "sales", "26.6.1", "", others)
	const wantJa = "2026-08-18に、最初の1台のほか、salesの本番端末3台がiOS 26.6.1に更新されました（未承認）：P2、P3、P4。" +
		"理由：登録時か、グループに入った時点でこのOSでした： 1；監視対象ではありません： 2。一覧：`kannuki leak list --group sales`。未検証：com.example.pos。"
	if got != wantJa {
		t.Errorf("got  %s\nwant %s", got, wantJa)
	}
}
