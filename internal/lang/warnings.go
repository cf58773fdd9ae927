package lang

import "sync"

// ImportWarning returns the wording of what an operator is to read about an import
// (package catalog, Warning… codes), with placeholders for [Printer.Fill]. It is false
// for an unknown code.
func (p *Printer) ImportWarning(code string) (string, bool) {
	t, ok := importWarningTexts()[code]
	return t.in(p.lang), ok
}

var importWarningTexts = sync.OnceValue(func() map[string]both {
	return map[string]both{
		"older-copy": {
			"It is older than the copy of {fetched} (newest date {newest}, here {here}): only additions were taken.",
			"{fetched}の写しより古いため、追加分だけを取り込みました（最新は前回{newest}、今回{here}）。",
		},
		"not-https": {"{place} is not an https address and was left out.", "{place}はhttpsのアドレスではないため、取り込みませんでした。"},
	}
})
