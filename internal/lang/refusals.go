package lang

import "sync"

// refusalTexts words why policy refuses something, by the code a refusal
// carries. The placeholders are the refusal's own values.
var refusalTexts = sync.OnceValue(func() map[string]both {
	return map[string]both{
		"no-declarations": {"Phone {phone} is told nothing by declarations: it is not enrolled, or its iOS is too old.", "端末{phone}には宣言で指示しません。登録されていないか、iOSが古いためです。"},
		"identity-ended":  {"The phone's certificate is not in force.", "端末の証明書は有効ではありません。"},
		"app-broken":      {"Not resumed: a business app does not work on this release.", "再開していません。このOSで動作不良の業務アプリがあります。"},
		"stopped-by-result": {
			"A test result stopped the rollout of {release} in {group}, nobody paused it: there is nothing to resume. It goes on by itself once that is cleared, by a result that the app works for instance.",
			"{group}の{release}の展開は検証結果により止まっています。一時停止した人はいないため、再開の操作はありません。問題なしの結果などで原因が解消されると、自動で再開します。",
		},
		"removed":             {"The phone was removed already.", "この端末の登録はすでに解除しています。"},
		"opens-gates":         {"This would open closed gates without a test, now or later: {gates}. Record what is missing there first[, decline the releases ({decline})], or propose it for a second person to sign (--propose).[ Phones count that are in production nowhere now ({away_count} in all): {away}. If they do not come back, move them to the production ring of another group (which may take two people), or remove them.]", "検証しないまま、閉じたゲートが今または後で開きます：{gates}。先に不足している結果を記録するか、[そのリリース（{decline}）を拒否するか、]2人目の承認を求めて提案してください（--propose）。[今はどこの本番にも入れていない端末も数えています（全{away_count}台）：{away}。戻さない場合は、別のグループの本番に移す（2人の承認が必要な場合があります）か、登録を解除してください。]"},
		"phone-keeps-gates":   {"Without this phone closed gates would open without a test, now or later: {gates}. Record what is missing there first, decline the releases, or propose the move for a second person to sign (`kannuki device move --propose`).", "この端末がなくなると、検証しないまま、閉じたゲートが今または後で開きます：{gates}。先に不足している結果を記録するか、そのリリースを拒否するか、移動を2人目の承認を求めて提案してください（`kannuki device move --propose`）。"},
		"past-closed-gates":   {"Moved there, phones could get what is closed to them where they are or were: {gates}. Record what is missing there first, or propose the move for a second person to sign (`kannuki device move --propose`).", "移すと、今の場所（または元の場所）では閉じているリリースが端末に適用されるようになります：{gates}。先に不足している結果を記録するか、移動を2人目の承認を求めて提案してください（`kannuki device move --propose`）。"},
		"many-to-test":        {"With this, more production phones would become verification phones within {days} days than one person may say (phones / at most): {groups}. Propose the move for a second person to sign (`kannuki device move --propose`), or enrol new phones as verification phones.", "{days}日間に検証用端末にする本番端末が、1名で行える台数を超えます（台数／上限）：{groups}。移動を2人目の承認を求めて提案する（`kannuki device move --propose`）か、新しい端末を検証用端末として登録してください。"},
		"one-person-suffices": {"This opens no closed gate; do it without --propose.", "閉じたゲートは開きません。--proposeなしで実行してください。"},
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
		"approved-already": {"{release} is approved for {group} already; the gate: {phase}.[ To put an exception in its place, stop it first: `kannuki rollout pause {pause} --group {group} --reason …`.]", "{group}の{release}はすでに承認済みです。ゲート：{phase}。[例外承認に置き換えるには、先に一時停止してください：`kannuki rollout pause {pause} --group {group} --reason …`]"},
		"no-phone":         {"No production phone of {group} could take {release}.", "{group}に{release}を適用できる本番端末はありません。"},

		"lane-decided":  {"{release} for {group}: {phase}. There is nothing to hurry; decide about a newer release, or take the decision back.", "{group}の{release}：{phase}。緊急対応の対象ではありません。新しい版について判断するか、決定を取り消してください。"},
		"lane-approved": {"{release} is approved for {group} already: {phase}. The urgent route takes the place of no exception and of no urgent approval; an exception (`kannuki gate override`) after a pause can.", "{group}の{release}はすでに承認済みです：{phase}。緊急対応は例外承認や緊急承認を置き換えません。一時停止してからの例外承認（`kannuki gate override`）なら可能です。"},
		"lane-stopped":  {"The rollout of {release} in {group} stands still: {phase}. See why with `kannuki gate show`; hurry it when it goes on.", "{group}の{release}の展開は止まっています：{phase}。`kannuki gate show`で原因を確かめ、再開後に前倒ししてください。"},
		"lane-in-time":  {"Nothing to hurry: every phone of the rollout of {release} installs by {deadline} already.[ An earlier --deadline can hurry it, {least} from now at least.]", "前倒しは不要です。{release}の展開では、すべての端末の期限が{deadline}までに来ます。[さらに早めるには--deadlineで指定してください（最短で今から{least}）。]"},
		"lane-promised": {"The rollout of {release} was hurried already: its last phones are to install by {deadline}.[ An earlier --deadline can hurry it once more, {least} from now at least.]", "{release}の展開はすでに前倒し済みで、最後の期限は{deadline}です。[さらに早めるには--deadlineで指定してください（最短で今から{least}）。]"},
		"lane-no-flaw":  {"Not urgent: no production phone of {group} lacks the fix of a flaw known to be exploited that {release} brings. Use `kannuki gate approve` once it is verified.", "急ぐ必要はありません。{group}の本番端末に、{release}で直る悪用確認済みの脆弱性は残っていません。検証後に`kannuki gate approve`を使ってください。"},
		"hurry-no-flaw": {"Not urgent: no production phone of {group} lacks the fix of a flaw known to be exploited that {release} brings. Its rollout is approved and goes on by its own waves: `kannuki rollout show {release} --group {group}`.", "急ぐ必要はありません。{group}の本番端末に、{release}で直る悪用確認済みの脆弱性は残っていません。承認済みの展開は今の段階のまま進みます：`kannuki rollout show {release} --group {group}`"},
		"lane-off":      {"The policy of {group} has no urgent route. `kannuki policy set --urgent lane` allows it; an exception approval takes no test results.", "{group}のポリシーでは緊急対応を使いません。`kannuki policy set --urgent lane`で使えます。検証結果のない場合は例外承認です。"},
		"lane-no-test":  {"{group} has no business app that counts, or no verification phone: nothing can be checked. Add them with `kannuki app add` and `kannuki enroll`.", "{group}に、対象の業務アプリか検証用端末がないため確認できません。`kannuki app add`と`kannuki enroll`で追加してください。"},
		"lane-broken":   {"A business app does not work on {release}. The urgent route needs results; have it fixed and tested in full, or use `kannuki gate override`, which names it.", "{release}で動作不良の業務アプリがあります。修正後に全項目を確認するか、`kannuki gate override`（動作不良を明記）を使ってください。"},
		"lane-untested": {"A quick check on {release} is missing. Run it on a verification phone and record it: `kannuki verdict record … --method smoke`.", "{release}の簡易確認が足りません。検証用端末で確かめ、`kannuki verdict record … --method smoke`で記録してください。"},

		"extend-not-approved": {"{release} has no approval in {group} that a model could be added to: {phase}.", "{group}の{release}には、機種を加えられる承認がありません：{phase}。"},
		"extend-exception":    {"The approval of {release} for {group} is an exception, whose models two people chose. Pause it (`kannuki rollout pause`) and propose another one for all the models (`kannuki gate override`), or approve the gate once it is verified.", "{group}の{release}は例外承認で、対象の機種は2名で決めたものです。一時停止（`kannuki rollout pause`）してから、全機種を対象に例外承認（`kannuki gate override`）をあらためて提案するか、検証後にゲートを承認してください。"},
		"extend-stopped":      {"The rollout of {release} in {group} stands still: {phase}. See why with `kannuki gate show`; add the model when it goes on.", "{group}の{release}の展開は止まっています：{phase}。`kannuki gate show`で原因を確かめ、再開後に機種を加えてください。"},
		"extend-no-test":      {"{group} has no business app that counts, or no verification phone: nothing can be tested. Add them with `kannuki app add` and `kannuki enroll`.", "{group}に、対象の業務アプリか検証用端末がないため検証できません。`kannuki app add`と`kannuki enroll`で追加してください。"},
		"extend-not-waiting":  {"No production phone of {group} waits for {release} because its model is not covered[: {models}]. `kannuki gate show` lists the models that do.", "{group}に、機種が承認の対象でないため{release}を待っている本番端末はありません[（{models}）]。対象外の機種は`kannuki gate show`で確かめられます。"},
		"extend-untested":     {"Not verified on {models}. Test the apps in full on a verification phone of the model and record the results; quick checks add no model. --model adds only models that are verified.", "{models}では検証が済んでいません。同じ機種の検証用端末で全項目を確かめ、結果を記録してください。簡易確認だけでは加えられません。検証済みの機種だけを加えるには--modelを使います。"},

		"feed-unreachable": {"It could not be read: [{path}: ]{cause}.", "取得できません：[{path}：]{cause}。"},

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

// Worded returns what was refused or went wrong in the printer's language: by its code and
// values, or as it was said where nobody worded that.
func (p *Printer) Worded(said, code string, params map[string]string) string {
	text, worded := p.Refusal(code)
	if !worded {
		return said
	}
	return p.Fill(text, params)
}
