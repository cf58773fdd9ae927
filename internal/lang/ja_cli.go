package lang

// japaneseCLI holds the Japanese of the command line's texts.
func japaneseCLI() map[string]string {
	texts := make(map[string]string)
	for _, part := range [][]both{
		japaneseHelp(), japaneseFlags(), japaneseDecisions(), japanesePhones(), japaneseManaging(), japanesePeople(),
		japaneseInstallation(), japaneseDoctor(),
	} {
		for _, t := range part {
			texts[t.en] = t.ja
		}
	}
	return texts
}

// japaneseDecisions are the texts about releases, apps, gates, results and
// rollouts, and about what goes wrong with them.
func japaneseDecisions() []both {
	return []both{
		{"Only tried; nothing was changed.", "試しただけで、何も変更していません。"},
		{"Nothing was done.", "何も実行していません。"},
		{"Interrupted.", "中断しました。"},
		{"The server's log has more under request id %s.", "詳細はサーバーのログ（要求ID %s）にあります。"},
		{"See `%s --help`.", "使い方は`%s --help`で確認できます。"},
		{"Not approved: the gate is closed.", "承認していません。ゲートは閉じています。"},
		{"See `kannuki gate show`.", "詳細は`kannuki gate show`です。"},
		{"Not resumed: a business app does not work on this release.", "再開していません。このOSで動作不良の業務アプリがあります。"},
		{"Nothing was done: the gate changed since it was shown.", "何も実行していません。表示後にゲートが変わりました。"},
		{"Look again with `kannuki gate show`, then decide.", "`kannuki gate show`で確認してから、もう一度判断してください。"},
		{"There is no group %q.", "グループ%qはありません。"},
		{"List: `kannuki group list`.", "一覧は`kannuki group list`です。"},
		{"There is no release %q.", "リリース%qはありません。"},
		{"List: `kannuki release list`.", "一覧は`kannuki release list`です。"},
		{"There is no business app %q.", "業務アプリ%qはありません。"},
		{"List: `kannuki app list`.", "一覧は`kannuki app list`です。"},
		{"There is no phone %q.", "端末%qはありません。"},
		{"List: `kannuki device list`.", "一覧は`kannuki device list`です。"},
		{"There is no test result %q.", "検証結果%qはありません。"},
		{"List: `kannuki verdict list`.", "一覧は`kannuki verdict list`です。"},
		{"Nearest: %s.", "近い名前：%s。"},
		{"%s (models: %s)", "%s（機種：%s）"},

		{"App", "業務アプリ"},
		{"Name", "名前"},
		{"Importance", "重要度"},
		{"Business apps", "業務アプリ"},
		{"Added: %s (%s), %s.", "追加しました：%s（%s）、%s。"},
		{"No business apps. Add those the work depends on with `kannuki app add`.", "業務アプリがありません。業務に必要なアプリを`kannuki app add`で追加してください。"},

		{"Group %s has these business apps: %s.", "グループ%sの業務アプリ：%s。"},
		{"Group %s has no business apps, so its gates stay closed. Add the apps this work depends on.", "%sには業務アプリがありません。ゲートは閉じたままです。業務に必要なアプリを追加してください。"},
		{"No groups. Make one with `kannuki group add`.", "グループがありません。`kannuki group add`で作成してください。"},
		{"Removed group %s.", "グループ%sを削除しました。"},
		{"To verification phones", "検証用端末への適用"},
		{"Groups", "グループ"},
		{"Owner", "担当部門"},
		{"Vendor contact", "ベンダーの連絡先"},
		{"What to check:", "確認すること："},
		{"Changed: %s (%s), %s.", "変更しました：%s（%s）、%s。"},
		{"Removed %s (%s) from these groups: %s.", "%s（%s）を削除しました。使っていたグループ：%s。"},
		{"nothing to change: give at least one setting", "変更する設定を1つ以上指定してください"},
		{"Notice to them", "検証用端末の最短猶予"},
		{"Notice to production phones", "本番端末の最短猶予"},
		{"Hidden after Apple posts it", "公開後の延期"},
		{"%d days", "%d日間"},
		{"%s (of phones that enroll from now on)", "%s（これから登録する端末）"},
		{"Rights", "権限"},
		{"Verification phones", "検証用端末"},
		{"Production phones", "本番端末"},

		{"Release", "リリース"},
		{"Class", "種類"},
		{"Posted", "公開日"},
		{"Fixes", "修正件数"},
		{"Known to be exploited", "悪用が確認された脆弱性"},
		{"Models", "機種"},
		{"Phones to update", "未適用の端末"},
		{"Builds", "ビルド"},
		{"Security page", "セキュリティ情報"},
		{"(synthetic)", "（試験用）"},
		{"%s; %d new, %d changed, %d as they were", "%s：新規%d件、変更%d件、変更なし%d件"},
		{"New:", "新規："},
		{"Note:", "注意："},
		{"Rows that are not for the catalogue: %d", "対象外の行：%d件"},

		{"Gate", "ゲート"},
		{"Waits for", "未検証の業務アプリ"},
		{"Verify by", "検証期限"},
		{"Done", "完了"},
		{"Result", "結果"},
		{"Why", "理由"},
		{"From version", "検証済みの版（以上）"},
		{"Tested models", "検証済みの機種"},
		{"Missing models", "未検証の機種"},
		{"%s (from outside)", "%s（外部の結果）"},
		{"iOS %s for %s: %s [%s]", "iOS %s、%s：%s [%s]"},
		{"Fingerprint", "照合値"},
		{"By itself", "自動で進むこと"},
		{"You can", "次にできること"},
		{"Security", "セキュリティ"},
		{"Users can see it from", "利用者に表示される日"},
		{"Can be installed until", "インストールできる最終日"},
		{"The older branch gets no fixes since", "今の系統の修正提供の終了"},
		{"%d fixes since production's release", "本番端末のOS以降の修正%d件"},
		{"%d fixes since production's release, known to be exploited: %s", "本番端末のOS以降の修正%d件、うち悪用が確認された脆弱性：%s"},
		{"%d; on it or newer %d, cannot run it %d", "%d台（適用済み%d台、対象外の機種%d台）"},
		{", of a model not covered by the approval %d", "、承認の対象外の機種%d台"},
		{"%d; on exactly this release %d", "%d台（このOSの端末%d台）"},
		{"No gates: no group has a release to decide about.", "ゲートがありません。判断が必要なOSのあるグループはありません。"},

		{"Offered: %s to the verification phones of %s.", "%[2]sの検証用端末に%[1]sを適用します。"},
		{"Declined: %s is not for %s.", "拒否しました：%[1]sは%[2]sに適用しません。"},
		{"Decline iOS %s for %s? It closes for good. Type the group name:", "iOS %sの%sへの適用を拒否しますか？ 以後ゲートは開きません。グループ名を入力してください："},
		{"Withdrawn: %s from %s.", "取り下げました：%[2]sの%[1]s。"},
		{"The gate is now: %s.", "ゲートの状態：%s。"},
		{"The gate would be: %s.", "実行した場合のゲートの状態：%s。"},
		{"%d phones are asked to install.", "%d台に適用を指示します。"},
		{"%d phones are asked no longer.", "%d台への指示を取り消します。"},
		{"%d phones can no longer be stopped.", "%d台はもう止められません。"},
		{"Approve iOS %s for %s? %d of %d production phones will be asked to restart; deadline %s on each phone's clock. " +
			"%d cannot take it. iOS cannot go back. Type the group name:", "iOS %[1]sの%[2]sへの適用を承認しますか？ 本番端末%[4]d台のうち%[3]d台が再起動します。" +
			"適用期限は端末の時計で%[5]s。%[6]d台は対象外です。iOSは元に戻せません。グループ名を入力してください："},
		{"Approved: iOS %s for %s.", "承認しました：iOS %s、%s。"},
		{"%d of %d production phones are asked to install; %d cannot.", "本番端末%[2]d台のうち%[1]d台に適用を指示します。%[3]d台は対象外です。"},
		{"%d of %d production phones would be asked to install; %d cannot.", "実行すると、本番端末%[2]d台のうち%[1]d台に適用を指示します。%[3]d台は対象外です。"},
		{"Install deadline: %s on each phone's clock.", "適用期限：端末の時計で%s。"},
		{"`kannuki rollout pause` stops phones that have not started.", "始まっていない端末は`kannuki rollout pause`で止められます。"},

		{"Paused: the rollout of %s in %s.", "一時停止しました：%[2]sでの%[1]sの展開。"},
		{"Resumed: the rollout of %s in %s.", "再開しました：%[2]sでの%[1]sの展開。"},
		{"--interval must be more than nothing", "--intervalには0より長い時間を指定してください"},
		{"%s: %d of %d done", "%[1]s：%[3]d台中%[2]d台が完了"},
		{"%d of %d production phones are done, as of %s.", "本番端末%[2]d台のうち%[1]d台が完了しています（%[3]s時点）。"},
		{"Phones", "端末"},
		{"Production phones that are not done:", "未完了の本番端末："},
		{"Verification phones:", "検証用端末："},

		{"Id", "ID"},
		{"Version", "版"},
		{"From outside", "外部の結果"},
		{"Withdrawn", "取り消し"},
		{"Note", "メモ"},
		{"No test results. Record one with `kannuki verdict record`.", "検証結果がありません。`kannuki verdict record`で記録してください。"},
		{"Withdrawn: %s on iOS %s. The result stays in the history.", "取り消しました：%s（iOS %s）。結果は履歴に残ります。"},
		{"--expires %q: want a day such as 2026-12-31", "--expires %q：2026-12-31のような日付で指定してください"},
		{"Recorded: %s %s on iOS %s (%s): %s.", "記録しました：%s %s、iOS %s（%s）：%s。"},
	}
}
