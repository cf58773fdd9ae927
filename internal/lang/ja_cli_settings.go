package lang

// japaneseSettings are the texts about apps, calendars, policies and groups as files.
func japaneseSettings() []both {
	return []both{
		{
			"These approvals were given without a test of the app, and go on all the same; pause them to test first:",
			"次の承認はこのアプリの検証なしに行われたもので、展開はそのまま続きます。先に検証するには一時停止してください：",
		},
		{"iOS %s for %s, without %s: `kannuki rollout pause %s --group %s --reason …`", "iOS %s（%s）、未検証：%s（`kannuki rollout pause %s --group %s --reason …`）"},
		{"file, or folder whose .yaml and .yml files are read, with those in folders below", "ファイル、またはフォルダー（その下も含め、すべての.yamlと.ymlを読む）"},
		{"also remove every app, calendar, policy and group that is in none of the files", "どのファイルにもないアプリ、暦、ポリシー、グループを削除する"},
		{"Make apps, calendars, policies and groups what files say", "業務アプリ、暦、ポリシー、グループをファイルの内容に合わせる"},
		{"Make apps, calendars, policies and groups what files say: all of it or, when anything is wrong, nothing. A key that a file does not have stays as it is; " +
			"what is in no file is left alone, unless --prune removes it. The changes are shown first; if they are others when the request arrives, nothing is done (exit 5). " +
			"What would open a closed gate is refused, with the gates named (exit 3). `kannuki export` writes such files.", "業務アプリ、暦、ポリシー、グループをファイルの内容に合わせる。一つでも誤りがあれば何も変えない。ファイルにないキーはそのまま残り、" +
			"どのファイルにもないものは--pruneを付けない限り残る。変更は先に表示し、実行までに内容が変わった場合は何もしない（終了コード5）。" +
			"閉じたゲートが開く変更は、そのゲートを示して拒否する（終了コード3）。ファイルは`kannuki export`で作成できる。"},
		{"apply only the changes that were shown with this fingerprint (default: as they are now)", "この照合値で表示された変更だけを適用する（既定：現在の内容）"},
		{"Apply these changes? Type apply:", "この変更を適用しますか。applyと入力してください："},
		{"Applied.", "適用しました。"},
		{"Show what applying files would change", "ファイルを適用した場合の変更を表示する"},
		{"Show what applying files would change, and what that would make phones do. The exit code is 0 if nothing, 1 if something would change; " +
			"other codes are those of `kannuki apply`, which takes the fingerprint shown here.", "ファイルを適用した場合の変更と、端末への影響を表示する。終了コードは、変更がなければ0、あれば1。" +
			"ほかのコードは`kannuki apply`と同じ。表示された照合値は`kannuki apply`に渡せる。"},
		{"Nothing was done: other things would change than were shown.", "何も実行していません。表示したときと変更の内容が異なります。"},
		{"Look again with `kannuki diff`, then decide.", "`kannuki diff`で確認し直してから判断してください。"},
		{"Change", "変更内容"},
		{"Setting", "設定"},
		{"Before", "変更前"},
		{"After", "変更後"},
		{"added", "追加"},
		{"removed", "削除"},
		{"changed", "変更"},
		{"Nothing changes: everything is as the files say.", "変更はありません。すべてファイルの内容のとおりです。"},
		{"Fingerprint: %s", "照合値：%s"},
		{"Write apps, calendars, policies and groups as files for `kannuki apply`", "業務アプリ、暦、ポリシー、グループを`kannuki apply`用のファイルに書き出す"},
		{"Write apps, calendars, policies and groups with all their settings: as one file to the standard output, or with -f into a folder, with a JSON Schema that editors check them by. " +
			"Applied unchanged they change nothing.", "業務アプリ、暦、ポリシー、グループのすべての設定を書き出す。標準出力に1つのファイルとして、または-fでフォルダーに、エディターが検査に使うJSON Schemaとともに書く。" +
			"そのまま適用しても何も変わらない。"},
		{"folder to write into, made if there is none", "書き出し先のフォルダー（なければ作る）"},
		{"print the JSON Schema of such files, without asking a server", "ファイルのJSON Schemaを表示する（サーバーには問い合わせない）"},
		{"replace the files of an earlier export", "以前に書き出したファイルを置き換える"},
		{"Replace it with --force.", "置き換えるには--forceを付けてください。"},

		{"top of the file", "ファイルの先頭"},
		{"no .yaml or .yml file is in this folder", "このフォルダーには.yamlも.ymlもありません"},
		{"a link to a folder is not followed; name the folder itself, or copy it", "フォルダーへのリンクはたどりません。フォルダー自体を指定するか、コピーしてください"},
		{"this is no file; take it out of the folder", "ファイルではありません。フォルダーから除いてください"},
		{"the file is larger than %s bytes", "ファイルが%sバイトを超えています"},
		{"more than %s brackets or blocks are open at once", "括弧やブロックが%s段より深くなっています"},
		{"the file is not UTF-8", "ファイルがUTF-8ではありません"},
		{"a tab; YAML is indented with spaces", "タブは使えません。YAMLの字下げには空白を使ってください"},
		{"not YAML (%s)", "YAMLとして読めません（%s）"},
		{"a second YAML document begins; want one in a file", "2つ目のYAML文書があります。1つのファイルには1つだけにしてください"},
		{"%s: anchors, aliases, tags and keys that are no text are not taken; write the value itself", "%s：アンカー、エイリアス、タグ、文字列でないキーは使えません。値をそのまま書いてください"},
		{"%s: there is no key %q; want one of %s", "%s：キー%qはありません。使えるキー：%s"},
		{"%s: the key stands twice, first in line %s", "%s：キーが重複しています。最初は%s行目です"},
		{"%s: want %s", "%s：%sにしてください"},
		{"a whole number", "整数"},
		{"a number", "数"},
		{"true or false", "trueかfalse"},
		{"a list (lines that begin with \"- \", or [a, b])", "リスト（「- 」で始まる行、または[a, b]）"},
		{"a share such as 25%% or a number of phones such as 20", "割合（25%%など）または台数（20など）"},
		{"keys with values", "キーと値の組"},
		{"a text (in quotes if it looks like a number, or is empty)", "文字列（数に見えるものや空の値は引用符で囲む）"},
	}
}
