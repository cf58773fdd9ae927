package lang

// japaneseNotify are the texts about notices and the channels that carry them.
func japaneseNotify() []both {
	return []both{
		{"There is no notice %q.", "通知%qはありません。"},
		{"List: `kannuki notify list`.", "一覧：`kannuki notify list`"},
		{"The configuration names no channel %q.", "設定ファイルに通知先%qはありません。"},
		{"Channels stand under the key notify of config.yaml; list: `kannuki notify channels`.", "通知先はconfig.yamlのnotifyに書きます。一覧：`kannuki notify channels`"},
		{"on its way", "配信中"},
		{"waits: the channel is paused", "待機中（通知先を停止中）"},
		{"Paused since", "停止した日時"},
		{"Channel %s is paused since %s, by %s: what it is to carry waits.", "通知先%sは%sから停止しています（%s）。通知は待っています。"},
		{"Channel %s is paused since %s, by %s, and the configuration names it no more: nothing goes out by it.", "通知先%sは%sから停止しています（%s）。設定ファイルにはもうないため、通知は送られません。"},
		{"Forget the pause: `kannuki notify resume %s`.", "停止の記録を消す：`kannuki notify resume %s`"},
		{"Channel %s is no longer paused, and the configuration names it no more: nothing goes out by it.", "通知先%sの停止を解除しました。設定ファイルにはもうないため、通知は送られません。"},
		{"Let it go on: `kannuki notify resume %s`.", "再開：`kannuki notify resume %s`"},
		{"Pause a channel: what it is to carry waits", "通知先を停止（通知は待ちます）"},
		{"Pause a channel. It carries nothing until it is resumed, also after a restart. What it is to carry waits, what comes meanwhile too, " +
			"and nothing of it is given up. `kannuki notify test` sends all the same.", "通知先を停止します。再開するまで、再起動後も配信しません。" +
			"待っている通知とその間に生じた通知は残り、中止になりません。`kannuki notify test`は停止中でも送ります。"},
		{"Let a paused channel go on: what waited goes out", "停止した通知先を再開（待っていた通知を配信）"},
		{"Channel %s is paused: what it is to carry waits.", "通知先%sを停止しました。通知は待ちます。"},
		{"Channel %s was paused already, by %s at %s.", "通知先%sはすでに停止しています（%s、%s）。"},
		{"Channel %s goes on: what waited goes out.", "通知先%sを再開しました。待っていた通知を配信します。"},
		{"Channel %s is not paused.", "通知先%sは停止していません。"},
		{"sent", "配信済み"},
		{"given up", "配信中止"},
		{"What people were told, and by which channels", "担当者への通知と通知先"},
		{"List the notices, newest first", "通知を新しい順に表示"},
		{"List the notices, newest first: alarms about holds, unapproved updates, rollouts that stopped by themselves, acts that wait for a second " +
			"person. They are kept for 90 days, also when no channel carries them.", "通知を新しい順に表示します：延期の終了、未承認の更新、展開の自動停止、2人目の承認待ちなど。" +
			"通知先がなくても90日間残ります。"},
		{"only those that a channel is still to carry", "配信が終わっていないものだけ"},
		{"only those that a channel gave up", "配信を中止したものだけ"},
		{"at most so many; 0 for all", "最大件数（0はすべて）"},
		{"want --pending or --dead, not both", "--pendingと--deadはどちらか一方を指定してください"},
		{"--limit %d: want 0 or more", "--limit %d：0以上を指定してください"},
		{"There is no such notice.", "該当する通知はありません。"},
		{"Channels", "通知先"},
		{"What it says", "内容"},
		{"Show one notice and what became of it on each channel", "通知1件と、通知先ごとの配信結果を表示"},
		{"Kind of notice", "通知の種類"},
		{"No channel carries it.", "この通知の通知先はありません。"},
		{"Channel", "通知先"},
		{"Attempts", "試行回数"},
		{"Last attempt", "前回の試行"},
		{"List the channels of the configuration", "設定ファイルの通知先を表示"},
		{"Channel %s is for segment %q, which does not exist: nothing goes out by it.", "通知先%sはセグメント%q用ですが、そのセグメントがないため、何も送りません。"},
		{"Correct `segment` in config.yaml and start the server anew.", "config.yamlの`segment`を直し、サーバーを再起動してください。"},
		{"The filter of channel %s names group %q, which does not exist: no notice matches it.", "通知先%sの絞り込みにあるグループ%qはありません。該当する通知は送りません。"},
		{"Correct `groups` in config.yaml and start the server anew, or make the group: `kannuki group add %s`.", "config.yamlの`groups`を直してサーバーを再起動するか、グループを作成してください：`kannuki group add %s`"},
		{"The configuration names no channels; add the key notify. Notices are kept all the same: `kannuki notify list`.", "設定ファイルに通知先がありません。notifyを追加してください。通知は記録されています：`kannuki notify list`"},
		{"Send a message that tells of nothing, and show what was answered", "確認用のメッセージを送り、応答を表示"},
		{"Send a message of the kind test by a channel, and show what was answered. The exit code is 1 when the channel did not take it. " +
			"With --dry-run nothing is sent: the settings are looked at, the secret and the roots.", "種類testのメッセージを通知先に送り、応答を表示します。受け取られなければ終了コードは1です。" +
			"--dry-runでは送らず、設定（署名鍵とルート証明書）だけを確認します。"},
		{"Answer", "応答"},
		{"Channel %s did not take it: %s", "通知先%sは受け取りませんでした：%s"},
		{"Channel %s took it: %s", "通知先%sが受け取りました：%s"},
		{"Give the channels again what they gave up", "配信を中止した通知をもう一度配信"},
		{"Give the channels again what they gave up: one notice, or with --all-dead every one. A channel that the configuration no longer " +
			"names gets nothing.", "配信を中止した通知をもう一度配信します：1件、または--all-deadですべて。設定ファイルにない通知先には配信しません。"},
		{"want the id of a notice, or --all-dead", "通知のID、または--all-deadを指定してください"},
		{"%d deliveries of %d notices will be tried again.", "%[2]d件の通知を、のべ%[1]d件の通知先にもう一度配信します。"},
		{"%d are left: the configuration no longer names their channel.", "%d件はそのままです。通知先が設定ファイルにありません。"},
		{"every notice that a channel gave up", "配信を中止したすべての通知"},
		{"Channel %s cannot send: %v", "通知先%sには配信できません：%v"},
		{"Mend what it names: a file is read again at the next try, config.yaml at the next start.", "示された箇所を直してください。ファイルは次の配信のとき、config.yamlは次の起動のときに読み直されます。"},
		{"Channel %s can send; try it: `kannuki notify test %s`.", "通知先%sに配信できます。確認：`kannuki notify test %s`"},
	}
}
