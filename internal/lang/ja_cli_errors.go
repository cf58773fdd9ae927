package lang

// japaneseErrors are the texts about wrong use, files, connections and the
// command library's own commands.
func japaneseErrors() []both {
	return []both{
		{"unknown flag: %s", "未知のフラグです：%s"},
		{"flag needs a value: %s", "フラグに値が必要です：%s"},
		{"--%s %q: want %s", "--%s %q：%sで指定してください"},
		{"bad flag syntax: %s", "フラグの書き方が正しくありません：%s"},
		{"true or false", "trueまたはfalse"},
		{"a duration such as 24h or 30m", "24hや30mのような時間の長さ"},
		{"a whole number", "整数"},
		{"a number", "数"},
		{"default", "既定値"},
		{"show what the command is for and how to use it", "コマンドの説明と使い方を表示する"},
		{"Show what a command is for and how to use it", "コマンドの説明と使い方を表示する"},
		{"Write a script that completes commands in a shell", "シェルの補完スクリプトを出力する"},
		{"Write the completion script for %s", "%s用の補完スクリプトを出力する"},
		{"Write the completion script for %s. Load it as in the example, then start a new shell.", "%s用の補完スクリプトを出力する。例のように読み込ませ、シェルを起動し直す。"},
		{"Write the manual pages, one for each command", "マニュアルページをコマンドごとに書き出す"},
		{"Write the manual pages, one for each command, into the folder DIR, which is made when it is missing. Pages of the same names are replaced.", "マニュアルページをコマンドごとにフォルダDIRへ書き出す。フォルダがなければ作成し、同じ名前のページは置き換える。"},
		{"Kannuki's manual", "Kannukiのマニュアル"},
		{"Wrote %d pages into %s.", "%[2]sに%[1]dページを書き出しました。"},
		{"leave out what each completion is for", "候補の説明を省く"},

		{"internal fault", "サーバー内部の異常です。"},
		{"not found", "見つかりません。"},
		{"%s: no such file or directory", "%s：ファイルまたはフォルダがありません"},
		{"%s: permission denied", "%s：アクセスする権限がありません"},
		{"%s exists already; it was left as it is", "%sはすでにあります。そのまま残しました"},
		{"%s: no space left on the disk", "%s：ディスクに空きがありません"},
		{"%s is a folder, want a file", "%sはフォルダです。ファイルを指定してください"},
		{"%s is larger than %d bytes", "%sは%dバイトを超えています"},
		{"%s holds no PEM certificate", "%sにPEM形式の証明書がありません"},
		{"cannot fetch %s: %v", "%sを取得できません（%v）"},
		{"a server is running on this data directory", "このデータフォルダではサーバーが稼働中です"},
		{"the database is of an older Kannuki and was not read", "データベースは古いバージョンのKannukiのもので、読み込みませんでした"},
		{"The server's certificate is not trusted: %v.", "サーバーの証明書を信頼できません（%v）。"},
		{"Check the name in `--server`, and that this machine trusts who issued the certificate.", "`--server`の名前と、証明書の発行元をこの機器が信頼しているかを確認してください。"},
		{"token %s was made and its secret is lost, revoke it: %v", "トークン%sを作成しましたが、秘密を書き込めませんでした。無効にしてください（%v）"},
		{"%s is no whole copy: %v", "%sは完全なバックアップではありません（%v）"},
		{
			"%s is of the installation at %s, but config.yaml in %s is of %s; use the copy and the files of one installation",
			"%sは%sの環境のバックアップですが、%sのconfig.yamlは%sの環境のものです。同じ環境のバックアップとファイルを使ってください",
		},
		{"audit entry %d is gone or was altered", "監査ログの記録%dがないか、書き換えられています"},
		{"the audit log was altered: %v", "監査ログが書き換えられています（%v）"},
	}
}
