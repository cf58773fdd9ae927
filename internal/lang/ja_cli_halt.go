package lang

// japaneseHalt are the texts about an engine that stands still.
func japaneseHalt() []both {
	return []both{
		{"Let a paused rollout go on, or everything after a halt", "一時停止した展開を再開（全体の停止も解除できる）"},
		{"the server's clock was seen to be right; in place of a release and group", "サーバーの時計が正しいことを確かめた（版とグループの代わりに指定）"},
		{"what happened since the copy was made was done again; in place of a release and group", "バックアップ後の作業をやり直した（版とグループの代わりに指定）"},
		{"--after-clock-jump or --after-restore stands alone, without a release and --group", "--after-clock-jumpと--after-restoreは、どちらか一つだけを、版と--groupなしで指定してください"},
		{"The engine goes on. The server's clock shows %s.", "全体の停止を解除しました。サーバーの時計は%sです。"},
		{"Nothing begins: the records are those of a copy that was restored %s.", "%sにバックアップから復元したため、新しい適用を止めています。"},
		{
			"Pause, withdraw and revoke again what was since the copy was made, then `kannuki rollout resume --after-restore`.",
			"バックアップ後に行った一時停止・取り下げ・取り消しをもう一度行い、`kannuki rollout resume --after-restore`を実行してください。",
		},
		{
			"Nothing begins: the server's clock jumped. It showed %s where %s was expected, and shows %s now.",
			"サーバーの時計が大きくずれたため、新しい適用を止めています。%sを表示しましたが、本来は%sのはずでした。現在の表示は%sです。",
		},
		{
			"See that the server's clock is right, then `kannuki rollout resume --after-clock-jump`.",
			"サーバーの時計が正しいことを確かめ、`kannuki rollout resume --after-clock-jump`を実行してください。",
		},
	}
}
