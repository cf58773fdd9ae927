package lang

import "sync"

// feedFaultTexts is the Japanese of what is wrong with a release feed, by the codes of
// package catalog (InputError), for the value {fault} of an error. The placeholders are
// the other values of the error. English readers get the error's own message.
var feedFaultTexts = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"too-large":          "{most}バイトを超えています",
		"empty-file":         "ファイルが空です",
		"more-after-end":     "JSONの終わりの後に続きがあります",
		"run-too-long":       "{byte}バイト目の後の文字列、数値、または空白が長すぎます",
		"ends-early":         "ファイルが途中で終わっています",
		"not-json":           "JSONではありません（{cause}）",
		"too-deep":           "入れ子が{most}段を超えています",
		"too-many-values":    "値が{most}個を超えています",
		"key-not-text":       "キーが文字列ではありません",
		"key-twice":          "キー{key}が重複しています",
		"key-missing":        "{key}がありません",
		"not-an-object":      "オブジェクトではありません",
		"not-an-array":       "配列ではありません",
		"not-text":           "文字列ではありません",
		"text-too-long":      "{most}バイトを超えています",
		"not-a-flag":         "trueでもfalseでもありません",
		"not-a-count":        "個数ではありません",
		"not-a-date":         "\"{value}\"は日付ではありません",
		"not-a-time":         "\"{value}\"は時刻ではありません",
		"not-a-version":      "\"{value}\"は版ではありません",
		"not-an-improvement": "\"{value}\"はバックグラウンドセキュリティ改善の版ではありません",
		"not-a-cve":          "\"{value}\"はCVE番号ではありません",
		"not-a-source":       "\"{value}\"は公開情報の種類ではありません",
		"not-https":          "securityURLがhttpsのアドレスではありません",
		"other-format":       "形式が\"{value}\"で、\"{want}\"ではありません",
		"other-bundle":       "形式の版が{value}で、{want}ではありません",
		"no-model-list":      "機種の一覧{value}がありません",
		"too-many-models":    "全リリースの機種の合計が{most}を超えています",
		"not-a-document":     "JSONのオブジェクトではありません",
		"sofa-not-2":         "SOFAの版2ではありません。v2/ios_data_feed.jsonを使ってください",
		"no-known-keys":      "GDMF、SOFA v2、KEV、Kannukiの形式のどのキーもありません",
		"fewer-rows":         "{count}件（前回は{was}件）",
		"no-release-of":      "{value}のリリースがありません",
	}
})
