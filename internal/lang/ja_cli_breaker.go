package lang

// japaneseBreaker are the texts about rollouts that stop themselves, and about
// reports of problems.
func japaneseBreaker() []both {
	return []both{
		{"Reports of apps that do not work on production phones", "本番端末での業務アプリの不具合の報告"},
		{"Report that an app does not work on a production phone", "本番端末での業務アプリの不具合を報告する"},
		{"Report that an app does not work on a production phone. Release, model and app version come from the phone's own report. " +
			"A report changes no gate; reports from as many phones as the group's policy names stop the rollout of that release until somebody looks at it. " +
			"What a verification phone shows is a result: `kannuki verdict record`.", "本番端末での業務アプリの不具合を報告する。リリース、機種、アプリの版は端末の報告による。" +
			"報告だけではゲートは変わらない。グループのポリシーで決めた台数の報告があると、そのリリースの展開は誰かが確認するまで止まる。" +
			"検証用端末で分かったことは`kannuki verdict record`で記録する。"},
		{"UDID of the phone on which it was seen", "不具合のあった端末のUDID"},
		{"what was seen; name no persons", "不具合の内容（個人名は書かない）"},
		{
			"What it does to a rollout: `kannuki rollout status %s --group %s`. It changes no gate; a test on a verification phone does: `kannuki verdict record %s --release %s`.",
			"展開への影響は`kannuki rollout status %s --group %s`で確認できます。報告ではゲートは変わりません。ゲートを変えるには検証端末で確かめ、`kannuki verdict record %s --release %s`で記録してください。",
		},
		{"Reported: %s does not work on iOS %s in %s [%s].", "報告しました：%[3]sのiOS %[2]sで%[1]sに不具合 [%[4]s]。"},
		{"List the reports, oldest first", "報告を古い順に表示する"},
		{"Nothing was reported.", "報告はありません。"},
		{"only reports about this release", "このリリースの報告だけ"},
		{"only reports that nobody has closed", "完了していない報告だけ"},
		{"Closed", "対応済み"},
		{"Closed because", "完了の理由"},
		{"Close a report, so that it stops nothing any more", "報告を完了にする（以後は展開を止めない）"},
		{"Closed: the report about %s on iOS %s. It stays on record.", "完了にしました：iOS %[2]sの%[1]sの報告。記録は残ります。"},
		{"There is no report %q.", "報告%qはありません。"},
		{"List: `kannuki problem list`.", "一覧は`kannuki problem list`です。"},
		{"Automatic stop", "自動停止"},
		{"Phones so far", "これまでの台数"},
		{"Stops at", "停止する台数"},
		{"too few phones to tell", "台数が少なく判断できません"},
		{"Counted since %s.", "%sから数えています。"},
		{"This rollout stopped itself at %s:", "この展開は%sに自動停止しました："},
		{"percent of the phones asked to install on which it failed, at which a rollout stops itself; 0: never", "指示した端末のうち、インストールに失敗した割合（%%）がこれに達すると展開が自動停止する（0は止めない）"},
		{"percent of the phones that installed and fell silent with it, at which a rollout stops itself; 0: never", "インストールした端末のうち、その後に通信がない割合（%%）がこれに達すると展開が自動停止する（0は止めない）"},
		{"for how long such a phone was not heard of, such as 72h", "通信がないとみなす時間（72hなど）"},
		{"percent of the phones that installed on which a business app went back to a lower version or was taken off, at which a rollout stops itself; 0: never", "インストールした端末のうち、業務アプリの版が戻った、またはアプリがなくなった割合（%%）がこれに達すると展開が自動停止する（0は止めない）"},
		{"number of phones with an open problem report (kannuki problem report), at which a rollout stops itself; 0: never", "kannuki problem reportで報告された端末の台数がこれに達すると展開が自動停止する（0は止めない）"},
		{"least number of phones for these percentages; with fewer they say nothing", "これらの割合を判断する最小の台数"},
		{"failed %d %%", "失敗%d %%"},
		{"silent for %s %d %%", "%s通信なし%d %%"},
		{"app went back or gone %d %%", "アプリの版が戻るかなくなる%d %%"},
		{"(of at least %d)", "（%d台以上で）"},
		{"(of at least %d, of one wave %d)", "（%d台以上で。段階ごとには%d台以上で）"},
		{"%s, wave %d", "%s（第%d段階）"},
		{"the same for the phones of one wave, which are judged by themselves too; 0: as --breaker-sample", "段階ごとに判断する場合の最小の台数（0は--breaker-sampleと同じ）"},
		{"%d reports", "報告%d台"},
		{"App that went back", "版が戻ったアプリ"},
		{"App that is gone", "なくなったアプリ"},
		{"was %s", "以前は%s"},
		{"Last failed install", "最後に失敗したインストール"},
		{"What phones show since %s; a resume leaves it behind:", "%s以降の端末の状況（再開すると、ここまでは数えなくなります）："},
		{"What phones showed until now stops it no more:", "ここまでの端末の状況では、展開はもう停止しません："},
		{"%[2]s: %[1]d phones", "%[2]s：%[1]d台"},
		{"%s: %d of %d phones", "%s：%[3]d台中%[2]d台"},
		{"What it shows", "状況"},
		{"and %d more phones", "ほか%d台"},
		{"last heard of %s", "最後の通信%s"},
	}
}
