package lang

// japaneseSimulate are the texts of playing a group forward.
func japaneseSimulate() []both {
	return []both{
		{"Play a group's own phones forward from today", "グループの端末の今後を試算する"},
		{
			"Play a group's own phones forward from today, day by day, under its policy or another: gates, waves, what phones run, and when Apple's hold ends. " +
				"It begins with the results, offers and approvals on record. Releases to come are those of --release, else those of the year before once more, with numbers that follow (shown as assumed). Changes nothing.",
			"グループの端末の今後を、そのポリシーまたは別のポリシーで、今日から1日ずつ試算する：判定、段階、端末のiOS、保留の終わり。" +
				"記録済みの結果、検証開始、承認から始める。今後のリリースは--releaseで指定したもの、省略時は1年前と同じ間隔で、続きの番号を付けたもの（仮定と表示）。何も変更しない。",
		},
		{"how many days to play, at most 365", "試算する日数（365まで）"},
		{"a release that is expected, and in how many days: %s; may be repeated (default: the releases of the year before)", "公開が見込まれるリリースと、何日後か：%s（繰り返し可。既定は1年前と同じ）"},
		{"how many days a full test takes", "全項目確認にかかる日数"},
		{"policy to play under (default: the group's own)", "試算するポリシー（既定はグループのもの）"},
		{"--%s: want a number of days from 1 on", "--%sは1以上の日数で指定してください"},
		{"Day", "日"},
		{"Date", "日付"},
		{"Open flaws x phones", "未修正の件数×台数"},
		{"%s (assumed)", "%s（仮定）"},
		{"Apple posts it", "Appleが公開"},
		{"Gate: %s", "判定：%s"},
		{"goes to the testers", "検証端末へ"},
		{"wave %d starts (%s)", "第%d段階の開始（%s）"},
		{"%s installed it", "%sが適用"},
		{"users install it on %s", "利用者が%sに適用"},
		{"alarm: day %d of 90, gate: %s", "警告：90日のうち%d日目、判定：%s"},
		{"Apple's 90 days are over: %s", "90日の保留が終了：%s"},
		{"share of the production phones that nobody switches on, such as %s", "電源を入れない本番端末の割合（%sなど）"},
		{"takes over the waves of %s", "%sの段階を引き継ぐ"},
		{"the policy approves it, as the hold of %s is over", "%sの保留が終わり、ポリシーが承認"},
		{"cannot be approved like this: the last deadline must not be later than %s, or the build may be gone", "このままでは承認できない：最後の適用期限は%sまで（それより後はビルドがなくなるおそれ）"},
		{
			"A full test takes %d days, a quick check %d, from today for what is under way. The business apps do not work as given (%s); everything else works. One phone of each model of the verification phones is tested with.",
			"全項目確認は%d日、簡易確認は%d日かかる（進行中のものは今日から数える）。業務アプリは指定の期間（%s）動作せず、ほかはすべて動作する。検証端末は機種ごとに1台を使う。",
		},
		{"%s stay switched off and install nothing. The others are supervised and on, have the newest app versions on record, and install on their deadline.", "%sは電源が入らず、何も適用しない。ほかは監視対象で電源が入っており、アプリは記録にある最新の版で、適用期限に適用する。"},
		{"A patch of the same x.y takes over the waves that wait when it is approved.", "同じx.yの修正版は、承認のときに、残っている段階を引き継ぐ。"},
		{"can no longer be installed", "適用できなくなる"},
		{"%s under policy %s, %s to %s: %s in production, %s for verification.", "%s（ポリシー%s）、%sから%sまで。本番端末%s、検証端末%s。"},
		{"%s under policy %s, %s to %s", "%s（ポリシー%s）、%s～%s"},
		{"What this rests on:", "前提："},
		{"Releases: %d, of them approved %d, missed %d, open %d. Held: %d days in the middle, %d at most.", "リリース%d件（承認%d、承認できず%d、未定%d）。待ち日数の中央値%d、最長%d。"},
		{"A phone and year: exposure %.1f (testing %.1f, after approval %.1f), restarts %.1f.", "端末1台、1年あたり：未修正日数%.1f（検証中%.1f、承認後%.1f）、再起動%.1f。"},
		{"Apple posts what it posted 364 days before, with the numbers that follow. These releases are made up: %s", "Appleは364日前と同じように、続きの番号で公開する。次は仮定のリリース：%s"},
		{"Apple posts %s and nothing else. What they fix is not known and does not count.", "Appleは%sだけを公開する。修正の内容は不明なため数えない。"},
		{
			"A full test takes %d days, a quick check %d, from today for what is under way; everything works. One phone of each model of the verification phones is tested with.",
			"全項目確認は%d日、簡易確認は%d日かかり（進行中のものは今日から数える）、すべて動作する。検証端末は機種ごとに1台を使う。",
		},
		{"Somebody approves on the day after the gate could be approved, and offers a release as soon as the testers are free.", "承認できるようになった翌日に承認し、検証端末が空きしだい次のリリースの検証を始める。"},
		{"Phones are supervised and switched on, have the newest app versions on record, and install on their deadline.", "端末は監視対象で電源が入っており、アプリは記録にある最新の版で、適用期限に適用する。"},
		{"Nobody takes up a major upgrade while Apple maintains the older branch.", "Appleが旧系統を保守している間、メジャーアップグレードは検証しない。"},
		{"Like phones are played in up to twenty parts, so that waves are good to a twentieth.", "同じ端末は20組までに分けて試算する（段階の精度は20分の1）。"},
		{"A build can be installed for as long as the catalogue knows today.", "各ビルドは、今日のカタログにある日まで適用できる。"},
	}
}
