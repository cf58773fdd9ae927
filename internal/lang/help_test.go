package lang

import (
	"testing"

	"github.com/kannuki-mdm/kannuki/policy"
)

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
