package lang

// japaneseChase are the texts about who carries the phones, and about reminding
// them.
func japaneseChase() []both {
	return []both{
		{"Say who carries a phone, by a reference of your own", "端末の利用者を自社の番号で記録"},
		{
			"Say who carries a phone, by a reference that only your company can resolve: a staff number or a mailbox alias. It goes with the notices about the phone, so that your own systems can reach whoever it is. " +
				"Kannuki keeps no names, mail addresses or phone numbers and refuses what looks like one. The reference is gone once the phone is removed, leaves or enrolls anew.",
			"端末の利用者を、社内でだけ意味を持つ番号（社員番号やメールの別名）で記録します。端末についての通知に付くため、社内の仕組みから本人に連絡できます。" +
				"氏名・メールアドレス・電話番号は保存せず、そう見える値は受け付けません。端末の登録が解除されるか、登録し直すと、番号も消えます。",
		},
		{"reference to who carries it, at most 64 characters; \"\" takes it away", "利用者番号（64文字以内。\"\"で消去）"},
		{"%s is carried by %s.", "%sの利用者番号：%s。"},
		{"Nobody is named as carrying %s.", "%sの利用者番号はありません。"},
		{"Who carries the phones, by references of your own", "端末の利用者番号"},
		{"Say who carries many phones, from a CSV file", "多数の端末の利用者番号をCSVファイルから記録"},
		{
			"Say who carries many phones, from a CSV file in UTF-8. Its first line is udid,holder or serial,holder; each other line names a phone and the reference to who carries it, as `kannuki device set` takes it (nothing: taken away). " +
				"Phones that are not in the file keep what they have. One wrong line, and nothing is changed.",
			"多数の端末の利用者番号をCSVファイル（UTF-8）から記録します。1行目はudid,holderかserial,holder、2行目からは端末と、`kannuki device set`と同じ利用者番号です（空は消去）。" +
				"ファイルにない端末は変わりません。1行でも誤りがあれば、何も変更しません。",
		},
		{"line %d: not UTF-8; save it as \"CSV UTF-8\"", "%d行目：UTF-8ではありません。「CSV UTF-8」で保存してください"},
		{"line %d: not CSV (%s)", "%d行目：CSVではありません（%s）"},
		{"line %d: want udid,holder or serial,holder", "%d行目：udid,holderかserial,holderにしてください"},
		{"line %d: %d values; want a phone and a reference", "%d行目：値が%d個あります。端末と利用者番号の2つにしてください"},
		{"Carried by so far", "変更前の利用者番号"},
		{"Carried by", "利用者番号"},
		{"Phones that change: %d. As they are already: %d.", "変更：%d台。変更なし：%d台。"},
		{
			"reminders while a phone has not installed: notice, push, message, escalate or ticket, each with when, counted from when the phone was told or from its deadline: %s; \"\" is none",
			"未適用の端末のリマインド：notice（予告）、push（再通知）、message（利用者へ）、escalate（責任者へ）、ticket（ヘルプデスクへ）と、端末への指示か適用期限から数えた時刻：%s（\"\"はなし）",
		},
		{
			"reminders while a candidate lacks results: as for --chase, counted from when the candidate was given to the verification phones or from the day to verify by: %s; \"\" is none",
			"検証結果がない間のリマインド：--chaseと同じ種類と、検証用端末への適用の指示か検証期限から数えた時刻：%s（\"\"はなし）",
		},
		{"Reminders of tests", "検証のリマインド"},
		{"Without a result", "結果のない検証用端末"},
		{"Result within a day", "1日以内に結果"},
		{"and %d more", "ほか%d台"},
		{"hours without a reminder, by each phone's own clock, such as 19:00-08:00; \"\" is none", "リマインドしない時間帯（端末の時計で19:00-08:00など。\"\"はなし）"},
		{"weekdays without a reminder, such as sat,sun; \"\" is none", "リマインドしない曜日（sat,sunなど。\"\"はなし）"},
		{"reminders about one phone a day; 0: as many as are due", "1台につき1日のリマインドの回数（0は制限なし）"},
		{"language of reminders to those who carry phones: en or ja; \"\" is that of the channel", "利用者へのリマインドの言語：enかja（\"\"は通知先の言語）"},
		{"not %s", "除外：%s"},
		{"reminders that may arrive late in quiet hours too, such as escalate,ticket; \"\" is none", "リマインドしない時間帯にも遅れて届けてよいもの（escalate,ticketなど。\"\"はなし）"},
		{"late at any hour: %s", "遅れたときは時間帯を問わない：%s"},
		{"at most %d a day", "1日%d回まで"},
		{"not on days that the calendar closes", "暦で適用しない日を除く"},
		{"Reminders of a phone that is told when its wave begins and does nothing:", "段階の開始時に指示を受け、何もしない端末のリマインド："},
		{"Instead of", "本来の時刻"},
		{"Reminders", "リマインド"},
		{"Show which reminders moved people, and which phones are reminded next", "リマインドの効果と、次のリマインドを表示"},
		{
			"Show what each reminder of a rollout did: for how many phones it was sent, how many of them had the release within a day and before any other reminder, and how many still wait after it. " +
				"Reminders are a setting of the group's policy: `kannuki policy set --chase`.",
			"展開のリマインドごとに、送った端末、次のリマインドの前に1日以内に適用した端末、まだ適用していない端末の数を表示します。リマインドは、グループのポリシーの設定です：`kannuki policy set --chase`。",
		},
		{"each phone without the release, with its last and its next reminder", "未適用の端末ごとに、前回と次回のリマインドも表示"},
		{"iOS %s is not approved for %s; nobody is reminded.", "iOS %sは%sで承認されていないため、リマインドしません。"},
		{"The policy of %s has no reminders. Set them with `kannuki policy set --chase`.", "%sのポリシーにはリマインドがありません。`kannuki policy set --chase`で設定してください。"},
		{"Reminders of iOS %s in %s, as of %s:", "iOS %s（%s）のリマインド（%s現在）："},
		{"Reminders of iOS %s in %s, as of %s. None is sent now: the rollout does not go on, or its policy has none.", "iOS %s（%s）のリマインド（%s現在）。展開が進んでいないか、ポリシーにないため、今は送りません。"},
		{"Reminder", "リマインド"},
		{"Sent to", "送信台数"},
		{"all", "全体"},
		{"Installed within a day", "1日以内に適用"},
		{"Still waiting", "未適用"},
		{"Why there is none", "結果がない理由"},
		{"Still without", "結果待ち"},
		{"Last reminder", "前回のリマインド"},
		{"Next reminder", "次回のリマインド"},
		{"Due", "予定"},
		{"only phones that this reference is said to carry", "この利用者番号の端末だけ"},
	}
}
