package lang

import "sync"

// ImportWarning returns the wording of what an operator is to read about an import
// (package catalog, Warning… codes), with placeholders for [Printer.Fill]. It is false
// for an unknown code.
func (p *Printer) ImportWarning(code string) (string, bool) {
	t, ok := importWarningTexts()[code]
	return t.in(p.lang), ok
}

// ImportChange returns the wording of what an import says is different about a release
// (package catalog, Diff… codes), with placeholders for [Printer.Fill]. It is false for an
// unknown code.
func (p *Printer) ImportChange(code string) (string, bool) {
	t, ok := importChangeTexts()[code]
	return t.in(p.lang), ok
}

var importChangeTexts = sync.OnceValue(func() map[string]both {
	return map[string]both{
		"published":         {"now a published release", "公開されたリリースになりました"},
		"posted":            {"posted {date} instead of {was}[ (models: {count})]", "公開日{date}（以前は{was}）[、{count}機種]"},
		"security-page":     {"security page {url}", "セキュリティ情報{url}"},
		"build-added":       {"build {build} added", "ビルド{build}を追加"},
		"build-models":      {"build {build}: {count} models instead of {was}", "ビルド{build}は{count}機種（以前は{was}）"},
		"build-installs-on": {"build {build} installs on {base}", "ビルド{build}は{base}に適用"},
		"models-added":      {"added (models: {count})", "{count}機種を追加"},
		"confirmed":         {"confirmed by a list (models: {count})", "一覧で確認（{count}機種）"},
		"left-public":       {"no longer offered since {date} (models: {count})", "{date}から提供終了（{count}機種）"},
		"offered-again":     {"offered again (models: {count})", "提供再開（{count}機種）"},
		"left-assets":       {"no longer installable since {date} (models: {count})", "{date}から入手不可（{count}機種）"},
		"installable-again": {"installable again (models: {count})", "再び入手可能（{count}機種）"},
		"expiry":            {"expiry {date} (models: {count})", "有効期限{date}（{count}機種）"},
		"cves-added":        {"CVEs added: {count}", "CVEを{count}件追加"},
		"cves-exploited":    {"exploited: {cves}", "悪用確認済み：{cves}"},
		"cves-in-kev":       {"in KEV: {cves}", "KEVに掲載：{cves}"},
	}
})

var importWarningTexts = sync.OnceValue(func() map[string]both {
	return map[string]both{
		"older-copy": {
			"It is older than the copy of {fetched} (newest date {newest}, here {here}): only additions were taken.",
			"{fetched}の写しより古いため、追加分だけを取り込みました（最新は前回{newest}、今回{here}）。",
		},
		"not-https": {"{place} is not an https address and was left out.", "{place}はhttpsのアドレスではないため、取り込みませんでした。"},
	}
})
