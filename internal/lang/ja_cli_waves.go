package lang

// japaneseWaves are the texts about rolling out in waves.
func japaneseWaves() []both {
	return []both{
		{"a share of the phones and when it starts, repeated: %s, %s (with a deadline of its own) or %s (phones); a share counts those before it, " +
			"--deadline +3d counts from each wave's start (default: those of the policy, else all at once)", "端末の割合と開始。繰り返して指定する：%s、%s（期限も指定）、%s（台数）。割合は前の段階を含む。" +
			"--deadline +3dは各段階の開始から数える（既定：ポリシーの段階、なければ全台同時）"},
		{"least time between the starts of two waves, such as 2d; it begins anew when a stopped rollout goes on", "段階の間の様子見期間（2dなど）。止まった展開を再開すると数え直す"},
		{"waves of a rollout, each counting those before it: %s; \"\" is all phones at once", "展開の段階（前の段階を含む割合）：%s。\"\"は全台同時"},
		{"install deadline from the start of a wave, such as 3d, for approvals that name none (0d: they must)", "期限を指定しない承認の適用期限（各段階の開始から、3dなど。0dは承認時に指定が必要）"},
		{"days on which waves start and deadlines lie: mon,tue,…; \"\" is all", "段階の開始と期限に使う曜日：mon,tue,…（\"\"は毎日）"},
		{"hours of those days, such as 09:00-17:00; \"\" is all", "その時間帯（09:00-17:00など。\"\"は終日）"},
		{"days without updates: 2026-11-23 or 2026-12-28..2027-01-04, separated by commas; \"\" is none", "適用しない日：2026-11-23、2026-12-28..2027-01-04（コンマ区切り。\"\"はなし）"},
		{"so many last days of each month are without updates", "月末の適用しない日数"},
		{"file with days without updates, one such as 2026-11-23 a line, # begins a comment; \"\" is none", "適用しない日のファイル（1行に2026-11-23のような日付1つ、#以降は注釈。\"\"はなし）"},
		{"--waves %q: want percentages such as %s", "--waves %q：%sのような割合を指定してください"},
		{"%s, line %d: %q is not a day such as 2026-11-23", "%s、%d行目：%qは2026-11-23のような日付ではありません"},
		{
			"take over the waves of the rollout of an older release that is under way: no phone changes its wave, those of waves that began start at once",
			"展開中の古いリリースの段階を引き継ぐ：端末の段階は変わらず、開始済みの段階の端末はすぐに始まる",
		},
		{"Its waves are those of the rollout of %s, which ended by that.", "段階は%sの展開から引き継ぎ、元の展開は終わりました。"},
		{
			"The rollout of %s took its waves over: those that wait never start; phones that cannot take %s yet keep what they were told.",
			"%sの展開が段階を引き継ぎました。待っている段階は始まりません。%sをまだ適用できない端末は、これまでの指示のままです。",
		},
		{
			"A rollout of %s is under way beside it. `kannuki gate approve %s --group %s --rebase` takes its waves over instead of starting new ones.",
			"%sの展開も進行中です。`kannuki gate approve %s --group %s --rebase`で、新しい段階を始めずに引き継げます。",
		},
		{"Taken over", "引き継ぎ済み"},
		{"Waves", "段階"},
		{"Watch period", "様子見期間"},
		{"Update days", "適用する日"},
		{"No-update days", "適用しない日"},
		{"No-update day", "適用しない日"},
		{"all phones at once", "全台同時"},
		{"every day", "毎日"},
		{"not on the last %d days of a month", "月末%d日間を除く"},
		{"Can be stopped until", "停止できる最終時刻"},
		{"Wave", "段階"},
		{"Start", "開始"},
		{"Install deadline", "適用期限"},
		{"Not started", "開始前"},
		{"Being watched", "様子見中"},
		{"Started", "開始済み"},
		{"Waits for the wave before", "前の段階の様子見待ち"},
		{"Stopped", "停止中"},
	}
}
