package lang

import "sync"

// refusalTexts words why policy refuses something, by the code a refusal
// carries. The placeholders are the refusal's own values.
var refusalTexts = sync.OnceValue(func() map[string]both {
	return map[string]both{
		"opens-gates":  {"This would open closed gates without a test: {gates}. Record what is missing there first, or decline the releases.", "検証しないまま、閉じたゲートが開きます：{gates}。先に不足している結果を記録するか、そのリリースを拒否してください。"},
		"token-exists": {"There is a token {token} already, or was. Choose another name.", "トークン{token}はすでにあります（無効にしたものを含む）。別の名前にしてください。"},
	}
})

// Refusal returns why policy refuses something, with placeholders for
// [Printer.Fill], and whether there is a wording for the code: a refusal
// without one is shown in the server's own English.
func (p *Printer) Refusal(code string) (string, bool) {
	t, ok := refusalTexts()[code]
	return t.in(p.lang), ok
}
