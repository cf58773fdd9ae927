package lang

import (
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
