package lang

// japaneseBacktest are the texts of replaying the past.
func japaneseBacktest() []both {
	return []both{
		{"Replay the releases of the past against policies and ways of testing", "過去のリリースでポリシーと検証の進め方を試算する"},
		{
			"Replay the releases of the past, day by day, against ways of testing: which would have been approved, for how long phones would have been held back, and what that would have cost. " +
				"With GROUP the server replays its catalogue with the models of the group; without, the built-in catalogue is replayed with one iPhone of each model that can run the newest iOS, and no server is needed. " +
				"--policy replays policies as they are set, with their waves, calendar and the rest, instead of ways of testing or, with --strategy, beside them. Changes nothing.",
			"過去のリリースを1日ずつたどり、検証の進め方ごとに、どれを承認できたか、端末の更新を何日待たせたか、その代償はどれほどかを試算する。" +
				"GROUPを指定すると、サーバーのカタログとそのグループの機種で試算する。省略すると、内蔵カタログと、最新のiOSに対応する各機種1台で試算し、サーバーは要らない。" +
				"--policyでは、検証の進め方の代わりに（--strategyも指定すると並べて）、ポリシーを段階や暦などの設定どおりに試算する。何も変更しない。",
		},
		{"month or day to begin with, such as 2024-09 (default: two years before the end)", "始まりの月または日（2024-09など。既定は終わりの2年前）"},
		{"month or day to end with (default: the last day the catalogue knows)", "終わりの月または日（既定はカタログの最後の日）"},
		{"how many days a full test takes; several to compare (default: 7,14,21,30)", "全項目確認にかかる日数（複数を比べられる。既定は7,14,21,30）"},
		{"restart, finish, carry-over or emergency; several to compare (default: all)", "restart、finish、carry-over、emergency（複数を比べられる。既定はすべて）"},
		{"policy to replay as it is set; several to compare", "設定どおりに試算するポリシー（複数を比べられる）"},
		{"a time in which the business apps do not work: %s for ten days from the posting of 26.1 on, also on newer releases, %s from 14 days after it on; may be repeated", "業務アプリが動作しない期間：%sは26.1の公開から10日間（より新しい版でも動作しない）、%sは公開の14日後から（繰り返し可）"},
		{"Policy %s", "ポリシー%s"},
		{"how many days a quick check takes (default: 3)", "簡易確認にかかる日数（既定は3）"},
		{"how many days from the approval to the phones' deadline", "承認から端末の適用期限までの日数"},
		{"also draw a chart into this file, which must not exist", "図もこのファイルに描く（既存のファイルは不可）"},

		{"Test, days", "検証日数"},
		{"Way of testing", "検証の進め方"},
		{"Approved", "承認"},
		{"by two people", "うち2名で承認"},
		{"Missed", "承認できず"},
		{"Held, median", "待ち日数の中央値"},
		{"longest", "最長"},
		{"Exposure", "未修正日数"},
		{"testing", "うち検証中"},
		{"after approval", "うち承認後"},
		{"Restarts a year", "再起動/年"},
		{"Tests given up", "中断した検証"},
		{"Tested, not used", "未使用の検証"},
		{"Begin anew with each release", "新しいリリースごとにやり直す"},
		{"Finish, then the newest", "終えてから最新へ進む"},
		{"Carry over", "結果を引き継ぐ"},
		{"Carry over, urgent route", "引き継ぎと緊急対応"},
		{"%d releases from %s to %s (%d days); %s of %s.", "%[2]sから%[3]sまで（%[4]d日間）の%[1]d件のリリース。%[6]sの端末%[5]s。"},
		{"%d phones", "%d台"},
		{"%d models", "%d機種"},
		{"Phones install %d days after the approval.", "端末は承認の%d日後に適用します。"},
		{"Under a policy with a deadline, waves or a calendar they install when that says.", "期限、段階、暦のあるポリシーでは、それに従って適用します。"},
		{
			"Held: days from Apple's posting to the approval of the release or a newer one. " +
				"Exposure: exploited vulnerabilities times days that a fix was out and not installed, per phone and year.",
			"待ち日数：Appleの公開から、そのリリースか、より新しいリリースの承認まで。未修正日数：修正が公開されても未適用の、悪用が確認された脆弱性の件数×日数（端末1台、1年あたり）。",
		},
		{"Ways of testing over %d releases, %s to %s", "検証の進め方の比較（リリース%d件、%s～%s）"},
		{"Exposure, exploited vulnerabilities x days per phone and year", "未修正日数（件×日、端末1台、1年あたり）"},
		{"Releases approved", "承認したリリース"},
		{"Days a full test takes", "全項目確認にかかる日数"},
	}
}
