package lang

import (
	"strings"
	"sync"
)

// helpTexts say to whoever carries a phone what to do about its reason (package
// policy, Reason… codes), without a word of administration. A reason that has
// none is no business of theirs.
var helpTexts = sync.OnceValue(func() map[string]both {
	connect := both{"Switch the phone on and connect it to the Internet.", "端末の電源を入れ、インターネットに接続してください。"}
	wait := both{"Keep the phone charged and on Wi-Fi; the download goes on by itself.", "充電し、Wi-Fiにつないだままにしてください。ダウンロードは自動で進みます。"}
	return map[string]both{
		"not-tested": {"Check the business apps on this phone and pass the results on.", "この端末で業務アプリを確かめ、結果を知らせてください。"},

		"offline": connect, "push-unreachable": connect, "sync-pending": connect, "declaration-not-fetched": connect,
		"downloading":      wait,
		"locked":           {"Unlock the phone once.", "端末のロックを一度解除してください。"},
		"waiting-for-user": {"The update is ready: open Settings > General > Software Update and install it when it suits you.", "更新の準備ができています。都合のよいときに「設定」>「一般」>「ソフトウェアアップデート」からインストールしてください。"},
		"passcode-needed":  {"The phone waits for its passcode: unlock it and confirm the update.", "端末がパスコードの入力を待っています。ロックを解除して更新を確認してください。"},
		"no-space":         {"The phone lacks space: remove photos, videos or apps you do not need.", "空き容量が足りません。不要な写真、ビデオ、アプリを削除してください。"},
		"battery":          {"Charge the phone; it updates while it is plugged in.", "充電してください。電源につながっている間に更新されます。"},
		"install-failed":   {"The update failed: restart the phone, connect it to Wi-Fi and power, and try again.", "更新に失敗しました。端末を再起動し、Wi-Fiと電源につないで、もう一度試してください。"},
		"single-app-mode":  {"The phone shows a single app only; ask whoever set it up to end that for the update.", "端末が1つのアプリだけを表示する設定です。更新のため、設定した担当者に解除を依頼してください。"},
	}
})

// Lateness is why a phone is late in a few words: its reason, or that nobody
// tested on it.
func (p *Printer) Lateness(code string) string {
	if _, ok := reasonTexts()[code]; ok {
		return p.Reason(code).Label
	}
	return p.Word(code)
}

// counted words a list such as "offline=3,locked=2".
func (p *Printer) counted(list string, word func(code string) string, between both) string {
	var parts []string
	for entry := range strings.SplitSeq(list, ",") {
		code, n, _ := strings.Cut(entry, "=")
		parts = append(parts, word(code)+" "+n)
	}
	return strings.Join(parts, between.in(p.lang))
}
