package lang

// japaneseUrgent are the texts about releases that fix a flaw known to be
// exploited.
func japaneseUrgent() []both {
	return []both{
		{"propose the urgent route: quick checks only, a second person signs, the most exposed phones first, --deadline +24h to +48h from the signature (default: that of the policy)", "緊急対応を提案する：簡易確認だけで、2人目が承認する。危険度の高い端末から適用し、--deadlineは承認から+24h～+48h（既定：ポリシーの期限）"},
		{"--%s does not go with --urgent, which has waves of its own: the most exposed phones first", "--%sは--urgentと一緒に指定できません。緊急対応は、危険度の高い端末からの独自の段階で進めます"},
		{"All phones install by %s on their own clocks, with %s of notice at least; the calendar of the policy does not count.", "すべての端末が、それぞれの時計で%sまでに適用します（予告は最短%s）。ポリシーの適用しない日は対象外です。"},
		{"Urgent for phones on", "急ぐ必要がある端末の版"},
		{"Known to be exploited, fixed here", "この版で直る、悪用が確認された脆弱性"},
		{"An approval stands; the phones above have not installed yet.", "承認済みです。上の端末はまだ適用していません。"},
		{"%d phones keep the deadline that the urgent route of iOS %s promised: %s, by each phone's clock.", "%d台では、iOS %sの緊急対応で約束した期限が続きます：%s（端末の時計）。"},
		{"A rollout is under way; the urgent route can hurry it: `kannuki gate approve %s --group %s --urgent`; a second person signs.", "展開中です。緊急対応で前倒しできます：`kannuki gate approve %s --group %s --urgent`のあと、2人目が承認します。"},
		{"Of waves that have begun, %d install sooner and %d keep their deadline; %d that waited come by waves of the urgent route. Last deadline: %s, was %s.", "始まっている段階の端末：%d台は期限が早まり、%d台は変わりません。待っていた%d台は緊急対応の段階で進めます。最後の期限：%s（変更前：%s）。"},
		{"Hurries", "前倒しする展開"},
		{"the rollout that is under way (approval %s)", "進行中の展開（承認%s）"},
		{"Sign it? Phones will install sooner than they were told; iOS cannot go back. Type the group name:", "承認しますか。端末は通知済みの期限より早く適用します。iOSは元に戻せません。グループ名を入力してください："},
		{"The policy of the group has no urgent route.", "このグループのポリシーでは緊急対応を使いません。"},
		{"Urgent route: a quick check on a verification phone is missing or failed: %s.", "緊急対応：検証用端末での簡易確認がないか、動作不良です：%s。"},
		{"Urgent route: open. `kannuki gate approve %s --group %s --urgent`; a second person signs.", "緊急対応：利用できます。`kannuki gate approve %s --group %s --urgent`のあと、2人目が承認します。"},
		{"Urgent route: closed.", "緊急対応：利用できません。"},
		{"%s is urgent: it fixes %s, known to be exploited.", "%sは急ぎます。悪用が確認された%sを修正します。"},
		{"when a release fixes a flaw known to be exploited: lane (two people may approve it after quick checks) or off", "悪用が確認された脆弱性を直すリリース：lane（簡易確認のあと2名で承認できる）、off"},
		{"by when all phones install then, from the signature: 24h to 48h", "その場合に全端末が適用する期限（承認から24h～48h）"},
		{"two people after quick checks, within %s", "簡易確認のあと2名で承認（%s以内）"},
		{"Urgent route", "緊急対応"},
		{"For phones up to", "対象の版（以前を含む）"},
		{"all others", "その他すべて"},
		{"Fixes, known to be exploited", "直る脆弱性（悪用を確認）"},
		{"Quick checks", "簡易確認"},
		{"Sign it? Phones will be asked to install what only quick checks have seen; iOS cannot go back. Type the group name:", "承認しますか。簡易確認しかしていない版を端末に適用します。iOSは元に戻せません。グループ名を入力してください："},
	}
}
