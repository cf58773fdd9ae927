package lang

import "sync"

// refusalTexts words why policy refuses something, by the code a refusal
// carries. The placeholders are the refusal's own values.
var refusalTexts = sync.OnceValue(func() map[string]both {
	return map[string]both{
		"no-declarations": {"Phone {phone} is told nothing by declarations: it is not enrolled, or its iOS is too old.", "端末{phone}には宣言で指示しません。登録されていないか、iOSが古いためです。"},
		"identity-ended":  {"The phone's certificate is not in force.", "端末の証明書は有効ではありません。"},
		"app-broken":      {"Not resumed: a business app does not work on this release.", "再開していません。このOSで動作不良の業務アプリがあります。"},
		"removed":         {"The phone was removed already.", "この端末の登録はすでに解除しています。"},
		"opens-gates":     {"This would open closed gates without a test, now or later: {gates}. Record what is missing there first, or decline the releases.", "検証しないまま、閉じたゲートが今または後で開きます：{gates}。先に不足している結果を記録するか、そのリリースを拒否してください。"},
		"no-person": {
			"It takes two people, and this token names none. Use the server's own socket, or a token made with `kannuki token create --person`.",
			"2名必要な操作ですが、このトークンには担当者がありません。サーバー上のソケットか、`kannuki token create --person`で作成したトークンを使ってください。",
		},
		"same-person":      {"{first} proposed it; another person must sign.", "{first}が提案しました。別の人が承認してください。"},
		"not-independent":  {"The tokens of {first} and {second} were made by one of them, or by the same person or token; somebody independent must sign.", "{first}と{second}のトークンは、どちらかの人か、同じ人またはトークンで作成されています。独立した人が承認してください。"},
		"own-proposal":     {"{first} proposed it and can withdraw it; refusing is for others.", "{first}の提案です。本人は取り下げてください。却下は別の人が行います。"},
		"foreign-proposal": {"Only {first}, who proposed it, can withdraw it; anybody else can refuse it.", "取り下げは提案した{first}だけができます。別の人は却下できます。"},
		"ended":            {"The proposal has ended already: {state}[ by {by}][ on {date}].", "この提案はすでに終わっています：{state}[（{by}）][（{date}）]。"},
		"lapsed":           {"The proposal lapsed on {date}; propose it again.", "提案は{date}に期限切れになりました。もう一度提案してください。"},
		"outdated":         {"The proposal can no longer be carried out; propose it again[ ({why})].", "この提案はもう実行できません。もう一度提案してください[（{why}）]。"},
		"proposed-already": {"{first} proposed it already: sign, refuse or withdraw {id}.", "{first}がすでに提案しています。{id}を承認、却下、または取り下げてください。"},
		"use-approve":      {"{release} is verified for {group} and needs no exception. Use `kannuki gate approve`.", "{group}の{release}は検証済みで、例外承認は不要です。`kannuki gate approve`を使ってください。"},
		"cannot-override":  {"The gate of {release} for {group} cannot be overridden: {phase}.", "{group}の{release}のゲートは例外承認できません：{phase}。"},
		"approved-already": {"{release} is approved for {group} already; the gate: {phase}.", "{group}の{release}はすでに承認済みです。ゲート：{phase}。"},
		"no-phone":         {"No production phone of {group} could take {release}.", "{group}に{release}を適用できる本番端末はありません。"},

		"token-exists": {"There is a token {token} already, or was. Choose another name.", "トークン{token}はすでにあります（無効にしたものを含む）。別の名前にしてください。"},
	}
})

// Refusal returns why something is refused or cannot be used, by the code the
// error carries, with placeholders for [Printer.Fill], and whether there is a
// wording for the code: an error without one is shown in its own English.
func (p *Printer) Refusal(code string) (string, bool) {
	if t, ok := refusalTexts()[code]; ok {
		return t.in(p.lang), true
	}
	if t, ok := lintTexts()[code]; ok {
		return t.why.in(p.lang) + both{" ", ""}.in(p.lang) + t.change.in(p.lang), true
	}
	if p.lang == Japanese {
		t, ok := messageTexts()[code]
		return t, ok
	}
	return "", false
}
