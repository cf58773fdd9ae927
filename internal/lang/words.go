package lang

import "sync"

// wordTexts names the identifiers of the domain as people see them: test
// results, importance, rings, holds, release classes, rights, settings,
// install states.
var wordTexts = sync.OnceValue(func() map[string]both {
	return map[string]both{
		"works":           {"Works", "問題なし"},
		"works-with-note": {"Works, with a note", "注意点あり"},
		"broken":          {"Does not work", "動作不良"},
		"untested":        {"Not tested", "未検証"},
		"partial":         {"Tested on some models", "一部の機種で検証"},
		"stale":           {"Result no longer valid", "有効期限切れの結果"},
		"carried":         {"Carried over", "引き継ぎ"},
		"provisional":     {"Provisional", "引き継ぎ（暫定）"},
		"beta-works":      {"Works on the beta", "ベータで問題なし"},
		"beta-broken":     {"Does not work on the beta", "ベータで動作不良"},

		"not-told":   {"the phone has not been told yet", "端末への指示はまだ届いていません"},
		"not-tested": {"On it, without a result", "適用済み、結果なし"},

		"critical":      {"Critical", "最重要"},
		"important":     {"Important", "重要"},
		"informational": {"Information only", "参考"},

		"verification": {"Verification", "検証"},
		"production":   {"Production", "本番"},

		"confirmed":  {"Confirmed", "確認済み"},
		"pending":    {"Not confirmed yet", "確認待ち"},
		"impossible": {"Not possible", "延期不可"},
		"ended":      {"Ended", "延期終了"},

		"declaration": {"by declaration", "宣言"},
		"profile":     {"by configuration profile", "構成プロファイル"},
		"command":     {"by command", "コマンド"},

		"upgrade":     {"Upgrade", "アップグレード"},
		"update":      {"Update", "アップデート"},
		"patch":       {"Patch", "修正アップデート"},
		"improvement": {"Background Security Improvement", "バックグラウンドセキュリティ改善"},

		"updates": {"What updates need", "更新に必要な範囲"},
		"managed": {"Updates and settings", "更新と設定変更"},
		"full":    {"Also lock and erase", "ロックと消去も可"},

		"override":   {"Exception approval", "例外承認"},
		"urgent":     {"Urgent route", "緊急対応"},
		"edit":       {"Change of settings that opens closed gates", "閉じたゲートを開く設定変更"},
		"past-gates": {"Move of phones past closed gates", "閉じたゲートを開く、または迂回する端末の移動"},
		"to-test":    {"Many production phones become verification phones", "多数の本番端末の検証用端末への変更"},
		"open":       {"Waits for a second person", "2人目の承認待ち"},
		"changed":    {"Outdated: something changed since", "無効：提案後に変化あり"},
		"lapsed":     {"Lapsed", "期限切れ"},
		"signed":     {"Signed", "承認済み"},
		"refused":    {"Refused", "却下"},
		"withdrawn":  {"Withdrawn", "取り下げ"},

		"valid":   {"Valid", "有効"},
		"expired": {"Expired", "期限切れ"},
		"revoked": {"Revoked", "失効"},

		"manual": {"By a person", "手動"},
		"auto":   {"By itself", "自動"},

		"accept":   {"Phones take them by themselves", "端末が自分で適用"},
		"off":      {"Not offered", "表示しない"},
		"reverify": {"Hidden until verified", "検証まで表示しない"},

		"hold":  {"Stay on the older one while it is maintained", "更新が続く間は今のバージョン"},
		"allow": {"Like any other release", "ほかのリリースと同じ"},

		"record": {"Only record them", "記録のみ"},
		"tell":   {"Tell of them", "通知する"},
		"retest": {"Tell, and offer the release for testing", "通知して検証端末に配布"},

		"recorded": {"Recorded", "記録"},
		"told":     {"Told of in a notice of that day", "その日の通知に記載"},
		"offered":  {"Offered for testing", "検証端末に配布"},

		"hardware": {"Same model only", "同じ機種のみ"},
		"screen":   {"Models with the same screen", "画面サイズが同じ機種"},
		"any":      {"Any model", "すべての機種"},

		"none":        {"Nothing under way", "なし"},
		"waiting":     {"Waiting", "待機中"},
		"downloading": {"Downloading", "ダウンロード中"},
		"prepared":    {"Ready to install", "準備完了"},
		"installing":  {"Installing", "インストール中"},
		"failed":      {"Failed", "失敗"},

		"authenticating": {"Enrolling", "登録中"},
		"enrolled":       {"Enrolled", "登録済み"},
		"removed":        {"Removed", "登録解除"},

		"issued":  {"Issued, not used yet", "発行済み（未使用）"},
		"current": {"In force", "有効"},
		"overlap": {"Replaced, still accepted", "更新済み（移行中）"},
		"retired": {"Replaced", "更新済み"},

		"added":   {"Added", "追加"},
		"altered": {"Altered", "変更"},
		"dropped": {"Dropped", "削除"},

		"queued":       {"Waiting", "待機中"},
		"sent":         {"Sent", "送信済み"},
		"not-now":      {"Deferred by the phone", "端末が保留"},
		"acknowledged": {"Done", "完了"},
		"error":        {"Failed", "失敗"},
		"format-error": {"Not understood", "解釈できず"},
		"cancelled":    {"Cancelled", "取り消し"},

		"extend-risk":      {"Accept the risk", "リスクを受け入れて延長"},
		"release-to-users": {"Let users choose", "利用者の操作に任せる"},
		"enforce":          {"Install it", "適用する"},
	}
})

// methodTexts names the kinds of tests. They are a table of their own: "full"
// is a word for rights as well.
var methodTexts = sync.OnceValue(func() map[string]both {
	return map[string]both{
		"full":      {"Full check", "全項目確認"},
		"smoke":     {"Quick check", "簡易確認"},
		"automated": {"Automated test", "自動テスト"},
		"pilot":     {"Used for work", "試験運用"},
	}
})

// recordTexts names the kinds of records that people can look up.
var recordTexts = sync.OnceValue(func() map[string]both {
	return map[string]both{
		"verdict":  {"Test result", "検証結果"},
		"approval": {"Approval", "承認"},
		"offer":    {"Release to the verification phones", "検証用端末への適用"},
		"decline":  {"Decline", "拒否"},
		"gate":     {"Gate", "ゲート"},
		"group":    {"Group", "グループ"},
		"policy":   {"Policy", "ポリシー"},
		"app":      {"Business app", "業務アプリ"},
		"release":  {"Release", "リリース"},
		"phone":    {"Phone", "端末"},
	}
})

// markTexts are the signs of results in a matrix. Japanese readers know ○ △ ×
// from school; English ones read the words.
var markTexts = sync.OnceValue(func() map[string]both {
	return map[string]both{
		"works":           {"Works", "○"},
		"works-with-note": {"Note", "△"},
		"broken":          {"Broken", "×"},
		"untested":        {"–", "－"},
		"partial":         {"Partly", "一部"},
		"stale":           {"Expired", "期限切れ"},
		"carried":         {"Works", "○"},
		"provisional":     {"(–)", "（－）"},
		"beta-works":      {"Beta works", "ベータ○"},
		"beta-broken":     {"Beta broken", "ベータ×"},
	}
})
