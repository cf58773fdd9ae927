package lang

// japaneseExposure are the texts about what waiting for fixes costs.
func japaneseExposure() []both {
	return []both{
		{"What waiting for fixes costs", "修正を待つことの代償（未修正日数）"},
		{"month or day from which days count, such as 2026-04 (default: all that is known of the phones)", "数え始める月または日（2026-04など。既定は記録のある全期間）"},
		{"Report what waiting for fixes cost, a line for each group", "修正を待ったことによる未修正日数をグループごとに表示する"},
		{
			"Report what waiting for fixes cost, a line for each group. A CVE-day is a day on which a production phone lacked the fix of a flaw known to be exploited, although Apple offered it for the phone's model. " +
				"Days in which a release with the fix was being tested are told from those after verification, when its gate could have been opened. A day counts for the group that the phone was in then, also of phones that were moved or have left management since.",
			"修正を待ったことによる未修正日数をグループごとに表示する。1件・日とは、悪用が確認された脆弱性1件の修正をAppleがその機種に公開しているのに、本番端末1台が適用していない1日をいう。" +
				"修正を含むリリースの検証中の日数と、ゲートを開けられた検証完了後の日数を分けて数える。各日は、端末がその日に所属していたグループに数える。その後に移動した端末や、管理対象から外れた端末の分も含む。",
		},
		{"Show what waiting for fixes cost: one phone, a group, a release or a flaw", "端末、グループ、リリース、脆弱性ごとの未修正日数を表示する"},
		{
			"Show what waiting for fixes cost. With UDID: what the phone ran from when on, and what each release cost it. Without: by release, by flaw, and the phones it cost most. " +
				"What waiting for different releases cost overlaps.",
			"修正を待ったことによる未修正日数を表示する。UDIDを指定すると、その端末がいつからどのiOSだったかと、それぞれの未修正日数を表示する。省略すると、リリース別、脆弱性別、日数の多い端末を表示する。" +
				"リリース別の日数は互いに重なる。",
		},
		{"only what waiting for this release cost", "このリリースを待ったことによる分だけ"},
		{"only this flaw, such as CVE-2026-20700, known to be exploited or not", "この脆弱性だけ（CVE-2026-20700など。悪用の確認の有無を問わない）"},
		{"a phone is shown whole: leave out the flags", "端末を指定するときは、ほかの条件は指定できません"},
		{"No production phones.", "本番端末はありません。"},
		{"`kannuki exposure show` lists the flaws that phones lack the fix of.", "端末が未修正の脆弱性は`kannuki exposure show`で確認できます。"},
		{"No release of the catalogue fixes %q.", "%qを修正したリリースはカタログにありません。"},
		{"Phones that were updated unapproved", "未承認の更新をした端末"},
		{"List production phones on a release that nobody approved, and how they came to it", "未承認のOSになった本番端末と、その経緯の一覧を表示する"},
		{
			"List production phones on a release that nobody approved for their group, how they came to it, and which apps nobody verified there. " +
				"A phone leaves the list when the release is approved, or when it moves on. Until then a newer release that was approved for it is named beside it. What was done about it is what the group's policy says (`kannuki policy set --on-leak`).",
			"グループで承認されていないOSになった本番端末と、その経緯、そのOSで未検証のアプリの一覧を表示する。" +
				"そのリリースが承認されるか、端末が別のOSに進むと、一覧から消える。それまでは、その端末向けに承認されたより新しいリリースを横に示す。対応はグループのポリシー（`kannuki policy set --on-leak`）による。",
		},
		{"No production phone is on a release that it came to unapproved.", "未承認のまま更新されたOSの本番端末はありません。"},
		{"Approved since", "その後の承認"},
		{"Before", "更新前"},
		{"Done about it", "対応"},
		{"Not verified there", "未検証のアプリ"},
		{"Lack the fix", "未修正の端末"},
		{"Open to exploited flaws", "悪用確認済みが未修正の端末"},
		{"Fixes they lack", "未適用の修正"},
		{"Fixes it lacks", "未適用の修正"},
		{"Per phone", "1台あたり"},
		{"Gone since", "その後に抜けた端末"},
		{"; gone since, with their days counted: %d", "、その後に抜け、日数だけを数える端末%d台"},
		{"CVE-days", "未修正日数（件・日）"},
		{"after verification", "検証完了後の分"},
		{"of that, approved", "うち承認後"},
		{"Fix declined", "拒否による未修正の端末"},
		{"; verification phones with a flaw left %d", "、修正が残る検証用端末%d台"},
		{
			"! %d phones keep a flaw known to be exploited, because their group declined the release with the fix: iOS %s",
			"！ 修正を含むリリースをグループが拒否したため、悪用が確認された脆弱性が残る端末%d台：iOS %s",
		},
		{"Waiting has cost", "待ったことによる未修正日数"},
		{"no CVE-days: no fix of a flaw known to be exploited was missing on any day that was counted", "0件・日：数えた期間に、悪用が確認された脆弱性の修正が未適用だった日はありません"},
		{"no CVE-days so far, but fixes of flaws known to be exploited are missing: %d; whole days are counted", "現在は0件・日ですが、悪用が確認された脆弱性%d件の修正が未適用です（丸1日を単位に数えます）"},
		{"%d CVE-days of flaws known to be exploited; %d of them after the gate could have been opened", "%d件・日（悪用が確認された脆弱性）、うち検証完了後の分%d"},
		{"%d; today open to this flaw: %d", "%d台、うち今日、この脆弱性が未修正の端末%d台"},
		{"%d; today open to flaws known to be exploited: %d", "%d台、うち今日、悪用が確認された脆弱性が未修正の端末%d台"},
		{"%d, of flaws known to be exploited: %d", "%d件、うち悪用が確認された脆弱性%d件"},
		{"%s CVE-days", "%s件・日"},
		{
			"iOS %s, declined for %s: production phones without it %d; fixes that nothing approved brings %d",
			"iOS %s（%sで拒否済み）：未適用の本番端末%d台、承認済みのリリースに含まれない修正%d件",
		},
		{
			"iOS %s, declined for %s: production phones without it %d; fixes that this one lacks and nothing approved brings %d",
			"iOS %s（%sで拒否済み）：未適用の本番端末%d台、この端末に未適用で承認済みのリリースに含まれない修正%d件",
		},
		{", known to be exploited %d (%s; phones %d)", "、うち悪用が確認された脆弱性%d件（%s、端末%d台）"},
		{"Flaw", "脆弱性"},
		{"First fixed by", "最初の修正"},
		{"Since", "開始"},
		{"Until", "終了"},
		{"Installed by", "適用のきっかけ"},
		{"yes", "はい"},
		{"no", "いいえ"},
		{"%d releases before that are no longer kept.", "それ以前の%d件のリリースの記録は残っていません。"},
	}
}
