package lang

// japaneseCalendars are the texts about calendars that policies follow.
func japaneseCalendars() []both {
	return []both{
		{"When waves start and deadlines lie, for every policy that names it", "段階の開始と適用期限に使う日時（ポリシーから名前で指定）"},
		{"List the calendars that policies can follow", "ポリシーに指定できる暦の一覧を表示する"},
		{"Show one calendar, and the policies and groups that follow it", "暦1つと、それに従うポリシーとグループを表示する"},
		{"Make a calendar, or change one; what is not given stays", "暦を作成または変更する（指定しない設定は変わらない）"},
		{
			"Make a calendar, or change one; what is not given stays, or is open when it is new. A change moves waves that have not started, " +
				"of every group whose policy follows it: they are listed, with --dry-run too. Give a policy its calendar with `kannuki policy set --calendar`.",
			"暦を作成または変更する。指定しない設定は変わらず、新しい暦では制限なしになる。変更すると、その暦に従うすべてのグループで、まだ始まっていない段階が移る。" +
				"移る段階は--dry-runでも一覧に示す。ポリシーには`kannuki policy set --calendar`で指定する。",
		},
		{"Calendar %s holds for these policies: %s.", "暦%sに従うポリシー：%s。"},
		{
			"calendars whose closed days and holidays are closed in this one too, separated by commas; \"\" is none",
			"この暦でも適用しない日とする、ほかの暦（その適用しない日と祝日。カンマ区切り。\"\"でなし）",
		},
		{"Days of other calendars too", "取り込む暦"},
		{"Its days are closed in", "この暦を取り込む暦"},
		{"Waves that move:", "移る段階："},
		{"Remove a calendar that no policy follows", "どのポリシーにも使われていない暦を削除する"},
		{"Removed calendar %s.", "暦%sを削除しました。"},
		{"Calendar", "暦"},
		{"Policies", "ポリシー"},
		{"of its own", "ポリシー独自"},
		{"%s (`kannuki calendar show %s`)", "%s（`kannuki calendar show %s`）"},
		{"There is no calendar %q.", "暦%qはありません。"},
		{"List: `kannuki calendar list`.", "一覧は`kannuki calendar list`です。"},
		{
			"calendar that its waves follow (kannuki calendar set); \"\" is none, for weekdays, hours and days given here",
			"段階が従う暦（kannuki calendar setで作成）。\"\"は暦なし（曜日、時間帯、日をここで指定する場合）",
		},
	}
}
