package lang

// japanesePhones are the texts about phones and how they join.
func japanesePhones() []both {
	return []both{
		{"What phones were told", "端末への指示"},
		{"Valid", "妥当性"},
		{"Problem", "問題"},
		{"Declaration", "宣言"},
		{"Token", "宣言のトークン"},
		{"Active", "有効"},
		{"The phone says it holds:", "端末が保持していると報告した宣言："},
		{"The phone has not been told anything yet.", "端末にはまだ何も指示していません。"},
		{"The phone has not reported back on it yet.", "端末からの報告はまだありません。"},
		{"The phone fetched it and has reported back.", "端末が受け取り、報告しました。"},
		{"Told at %s, token %s.", "%sに指示しました（宣言のトークン%s）。"},

		{"Phone", "端末"},
		{"Serial number", "製造番号"},
		{"Model", "機種"},
		{"Group", "グループ"},
		{"Ring", "リング"},
		{"Enrollment", "登録"},
		{"Supervised", "監視対象"},
		{"Hold", "延期"},
		{"To install", "適用するOS"},
		{"Deadline, phone's clock", "適用期限（端末の時計）"},
		{"Installing", "インストールの状態"},
		{"Why not yet", "未適用の理由"},
		{"Last contact", "最後の通信"},
		{"Updated unapproved", "未承認の更新"},
		{"Hold: %s", "延期：%s"},
		{"No phones.", "端末がありません。"},
		{"%d phones; holds: %s", "%d台、延期：%s"},

		{"%s is in no group now; its updates stay held.", "%sはグループから外れました。更新は延期したままです。"},
		{"%s is in %s now: %s.", "%[1]sのグループは%[2]s（%[3]s）になりました。"},

		{"Command", "コマンド"},
		{"Type", "種類"},
		{"State", "状態"},
		{"Queued", "登録日時"},
		{"By", "実行者"},
		{"Sent", "送信日時"},
		{"Times sent", "送信回数"},
		{"Answered \"not now\"", "保留の応答"},
		{"Finished", "完了日時"},
		{"Nothing is queued. What the server asks by itself has no entry here.", "待機中のコマンドはありません。サーバーが自動で行う問い合わせは含みません。"},
		{"Asked Apple to wake %s.", "%sへの通知をAppleに依頼しました。"},
		{"%s has been asked already.", "%sにはすでに問い合わせています。"},
		{"Queued for %s: %d commands.", "%sへのコマンドを%d件登録しました。"},

		{"--group needs --ring verification or --ring production", "--groupには--ring verificationか--ring productionが必要です"},
		{"--ring needs --group", "--ringには--groupが必要です"},
		{"One phone can enroll with it until %s.", "%sまで、1台が登録に使えます。"},
		{"Wrote %s. One phone can enroll with it.", "%sを作成しました。1台が登録に使えます。"},
	}
}
