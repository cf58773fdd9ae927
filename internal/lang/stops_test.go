package lang

import (
	"maps"
	"testing"
)

// TestStopNotice: the notice of a rollout that stopped itself says why, each signal
// with its numbers, and is whole without them.
func TestStopNotice(t *testing.T) {
	t.Parallel()
	always := map[string]string{"approval": "A1", "phase_before": "rolling-out"}
	tests := map[string]struct {
		signals map[string]string
		en, ja  string
	}{
		"reports": {
			map[string]string{"apps-reported": "3, stops at 3"},
			" Why: business app reported broken, on 3 phones (stops at 3).", "理由：業務アプリの不具合の報告（3台。上限3台）。",
		},
		"of a wave, and another": {
			map[string]string{"installs-failed.wave-2": "2 of 8, stops at 2", "phones-silent": "4 of 40, stops at 4"},
			" Why: installation failed, on 2 of 8 phones of wave 2 (stops at 2); silent since the installation, on 4 of 40 phones (stops at 4).",
			"理由：第2段階でインストール失敗（8台中2台。上限2台）、インストール後に通信なし（40台中4台。上限4台）。",
		},
		"none":       {nil, "", ""},
		"unreadable": {map[string]string{"apps-reported": "many"}, "", ""},
	}
	const see = "`kannuki rollout status 26.6.1 --group sales`"
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			params := maps.Clone(always)
			maps.Copy(params, tt.signals)
			want := "The rollout of iOS 26.6.1 for sales stopped by itself and waits for a person." + tt.en + " See " + see + "."
			if got := New(English).Notice("rollout.stopped", "sales", "26.6.1", "", params); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			want = "salesのiOS 26.6.1の展開が自動停止しました。" + tt.ja + "再開には担当者の操作が必要です：" + see
			if got := New(Japanese).Notice("rollout.stopped", "sales", "26.6.1", "", params); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}
