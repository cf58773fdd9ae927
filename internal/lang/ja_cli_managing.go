package lang

// japaneseManaging are the texts of looking after what is there: phones that
// come and go, apps and groups that change.
func japaneseManaging() []both {
	return []both{
		{"only phones whose hold is confirmed, pending, impossible or ended", "延期がこの状態の端末だけ：confirmed、pending、impossible、ended"},
		{"only phones on this release", "このOSの端末だけ"},
		{"only this model, such as iPhone15,2", "この機種だけ（iPhone15,2など）"},
		{"only phones last heard of before: 7d or 12h ago, 2026-11-20, or 2026-11-20T09:00:00Z", "最後の通信がこの時より前の端末だけ：7d、12h（現在から遡る）、2026-11-20、2026-11-20T09:00:00Z"},
		{"the phones that were removed or left, instead of the enrolled ones", "登録済みの端末の代わりに、登録を解除した端末を表示する"},
		{"order by contact, group, model, os, reason or udid (default: as they first enrolled)", "並べ替え：contact、group、model、os、reason、udid（既定は最初の登録順）"},
		{"--sort %q: want contact, group, model, os, reason or udid", "--sort %q：contact、group、model、os、reason、udidのいずれかを指定してください"},

		{"Show one business app and what to check of it", "業務アプリ1つと確認項目を表示する"},
		{"Change a business app; what is not given stays", "業務アプリを変更する（指定しない設定は変わらない）"},
		{"Change a business app; what is not given stays. A lower importance that would open a closed gate is refused, with the gates named (exit 3). " +
			"Owner and vendor contact are for a team or a portal: no person's name, mail address or telephone number belongs here.", "業務アプリを変更する。指定しない設定は変わらない。重要度を下げると閉じたゲートが開く場合は、そのゲートを示して拒否する（終了コード3）。" +
			"担当部門とベンダーの連絡先には部門や窓口を書く。個人の氏名、メールアドレス、電話番号は書かない。"},
		{"name people know the app by", "業務アプリの名前"},
		{"team that answers for the app; \"\" takes it away", "業務アプリの担当部門（\"\"で削除）"},
		{"where the app's vendor is reached; \"\" takes it away", "ベンダーの連絡先（\"\"で削除）"},
		{"one short check of a tester; repeated, they replace the list (\"\": none)", "検証で確認すること（繰り返すと一覧を置き換える。\"\"はなし）"},
		{"Take a business app away, out of every group", "業務アプリを削除し、すべてのグループから外す"},
		{"Take a business app away, out of every group. Refused when that would open a closed gate, with the gates named (exit 3). " +
			"Results that were recorded stay in the history.", "業務アプリを削除し、すべてのグループから外す。閉じたゲートが開く場合は、そのゲートを示して拒否する（終了コード3）。" +
			"記録済みの結果は履歴に残る。"},
		{"Change the settings of a group that exists, or take apps away", "グループの設定を変更する、または業務アプリを外す"},
		{"Change the settings of a group that exists, or take apps away; what is not given stays. Taking an app away that would open a closed gate is refused, with the gates named (exit 3). " +
			"How long releases are hidden is not a setting: it is always the 90 days that Apple allows.", "グループの設定を変更する、または業務アプリを外す。指定しない設定は変わらない。閉じたゲートが開く場合は、そのゲートを示して拒否する（終了コード3）。" +
			"延期の日数は設定できない。常にAppleの上限の90日とする。"},
		{"bundle identifier of a business app to take away; may be repeated", "外す業務アプリのバンドルID（繰り返し可）"},
		{"the same for a candidate on verification phones, such as 4h", "検証用端末の候補についての同じ時間（4hなど）"},

		{"Offered by Apple", "Appleの提供"},
		{"to %d of %d models", "%[2]d機種中%[1]d機種に提供中"},
		{"Ends first on", "最も早い提供終了日"},
		{"No group has a gate for it.", "ゲートのあるグループはありません。"},
		{"Show one test result", "検証結果1件を表示する"},
		{"only results of this app", "この業務アプリの結果だけ"},
		{"only results that count for this group", "このグループの結果だけ"},
		{"only results from this phone", "この端末での結果だけ"},
		{"only this result: works, works-with-note or broken", "この結果だけ：works、works-with-note、broken"},
		{"only results that are neither withdrawn nor expired, nor of a beta whose release has its own", "取り消しも期限切れもない結果だけ（リリース自体の結果があるベータの結果も除く）"},
		{"To be tested again", "再確認の日"},

		{"List the phones' certificates and when they end", "端末の証明書と有効期限の一覧を表示する"},
		{"List the phones' certificates and when they end. The installation's own are shown by `kannuki cert show`.", "端末の証明書と有効期限の一覧を表示する。サーバー自身の証明書は`kannuki cert show`で表示する。"},
		{"only those that end before: 60d from now, 2027-01-31, or 2027-01-31T09:00:00Z", "この時より前に切れるものだけ：60d（現在から）、2027-01-31、2027-01-31T09:00:00Z"},
		{"--expiring-before %q: want 60d, 2027-01-31 or 2027-01-31T09:00:00Z", "--expiring-before %q：60d、2027-01-31、2027-01-31T09:00:00Zのように指定してください"},
		{"also those that are replaced or revoked", "更新済み、失効のものも含める"},
		{"No certificates.", "証明書がありません。"},
		{"Issued", "発行日時"},
		{"Make a phone's certificate speak for nobody, at once", "端末の証明書を直ちに失効させる"},
		{"Make a phone's certificate speak for nobody, at once, for instance when a copy of it may be elsewhere. " +
			"The phone stays counted and listed; it comes back with `kannuki enroll link --device UDID`, or goes with `kannuki device remove`.", "写しが流出した恐れがある場合などに、端末の証明書を直ちに失効させる。" +
			"端末は集計と一覧に残る。`kannuki enroll link --device UDID`で登録し直すか、`kannuki device remove`で登録を解除する。"},
		{"Revoked the certificate of %s. It comes back with a new link: kannuki enroll link --device %s", "端末%sの証明書を失効させました。新しいリンクで登録し直せます：kannuki enroll link --device %s"},

		{"Compare what a phone was told with what it would be told now", "端末への指示と、今あらためて指示する内容を比べる"},
		{"Compare what a phone was told with what it would be told now. Looking tells it nothing; it hears of a difference at its next contact.", "端末への指示と、今あらためて指示する内容を比べる。比べるだけでは何も指示しない。差があれば、次の通信で端末に伝わる。"},
		{"No difference: the phone was told what it would be told now.", "差はありません。今指示する内容は、すでに端末に指示したものと同じです。"},

		{"only entries from then on: 7d or 12h ago, 2026-11-20, or 2026-11-20T09:00:00Z", "この時以降の記録だけ：7d、12h（現在から遡る）、2026-11-20、2026-11-20T09:00:00Z"},
		{"only entries before then, given as for --since", "この時より前の記録だけ（形式は--sinceと同じ）"},
		{"--%s %q: want 7d, 2026-11-20 or 2026-11-20T09:00:00Z", "--%s %q：7d、2026-11-20、2026-11-20T09:00:00Zのように指定してください"},
		{"only what somebody did whose name holds this text", "実行者の名前にこの文字列を含む記録だけ"},
		{"only this action, such as gate.approve, or all of a kind, such as gate", "この操作だけ（gate.approveなど。gateのように種類でも指定できる）"},
		{"only what was done to something whose name holds this text", "対象の名前にこの文字列を含む記録だけ"},
		{"newest first", "新しい順に表示する"},
		{"Write the whole audit log to a file, one JSON object a line", "監査ログ全体をファイルに書き出す（1行に1件のJSON）"},
		{"Write the whole audit log to a file, one JSON object a line, checked on the way. FILE must not exist; - is standard output. " +
			"Each entry holds its hash and that of the entry before, so that anybody can check the file without Kannuki.", "監査ログ全体を、照合しながらファイルに書き出す（1行に1件のJSON）。FILEは存在しないものを指定する（-は標準出力）。" +
			"各記録は自身と1つ前の記録のハッシュを含むため、Kannukiがなくても照合できる。"},
		{"Wrote %s: %d entries, the chain is whole. Its end: %s", "%sに%d件を書き出しました。欠けや改変はありません。末尾：%s"},

		{"Check a copy of the database from end to end", "データベースの写しを端から端まで検査する"},
		{"Check a copy of the database from end to end: every record's checksum, every index, and the chain of the audit log. " +
			"The file itself is not touched; a second copy beside it is made for the check and removed.", "データベースの写しを端から端まで検査する（全記録のチェックサム、索引、監査ログの連鎖）。" +
			"ファイル自体には触れず、同じ場所に検査用の写しを作り、終わると削除する。"},
		{"Whole: %s.", "破損はありません：%s。"},
		{"Installation", "環境"},
		{"Bytes", "バイト数"},
		{"Written", "書き込み日時"},
		{"Schema", "形式の版"},
		{"whole", "正常"},
		{"damaged", "破損"},
		{"not checked", "未検査"},
		{"The database is of a newer Kannuki.", "データベースは新しい版のKannukiのものです。"},
		{"Run the newer Kannuki, or restore the copy that it made before it changed the database.", "新しい版のKannukiを使うか、その版が変更前に作った写しを復元してください。"},
		{"of a newer Kannuki", "新しい版のもの"},
		{"could not be checked", "検査できず"},
		{"No copies of databases here.", "データベースの写しはありません。"},
		{"There is nothing to gain: the database takes %d bytes, a new file %d. It stays as it is.", "空く部分がないため、データベースはそのままにします（現在%dバイト、新しいファイルは%dバイト）。"},
		{"Before: %d bytes. After: %d bytes. Freed: %d bytes.", "圧縮前：%dバイト、圧縮後：%dバイト、空いた量：%dバイト"},
		{"The old file is kept as %s. Remove it once the server has started.", "元のファイルは%sに残しました。サーバーの起動を確かめてから削除してください。"},
		{"Put a checked copy of the database into a new data directory", "検査したデータベースの写しを、新しいデータフォルダに復元する"},
		{"Put a checked copy of the database into a new data directory. Put config.yaml and the folder keys of the installation there first; a directory that has a database is refused. " +
			"No server may run there. Phones that enrolled or renewed their certificate after the copy was made are refused and have to enroll again, the latter with `kannuki enroll link --device UDID`, and what was decided after it has to be decided again. " +
			"Links and profiles not used yet, waiting commands and API tokens of the copy are void; what phones were told is told to them again.", "検査したデータベースの写しを、新しいデータフォルダに復元する。先にconfig.yamlとkeysフォルダを戻しておく。データベースのあるフォルダは拒否する。" +
			"サーバーは停止しておく。写しの作成より後に登録した端末と証明書を更新した端末は拒否され、再登録が必要（後者は`kannuki enroll link --device UDID`）。その後の判断もやり直す必要がある。" +
			"写しの中の未使用のリンクとプロファイル、待機中のコマンド、APIトークンは無効になり、端末への指示は改めて伝える。"},
		{"Restored into %s. Start the server, then see `kannuki doctor` and `kannuki status`. " +
			"Phones that renewed their certificate after the copy was made are refused: have each join again with `kannuki enroll link --device UDID`.", "%sに復元しました。サーバーを起動し、`kannuki doctor`と`kannuki status`で確認してください。" +
			"写しの作成より後に証明書を更新した端末は拒否されます。それぞれ`kannuki enroll link --device UDID`で登録し直してください。"},
		{"this works on the data directory on this machine; it cannot use --server", "このコマンドはこの機器のデータフォルダで動作します。--serverは使えません"},
		{"The database of a stopped server", "停止したサーバーのデータベース"},
		{"Stop the server first, or look at a copy: `kannuki backup create FILE`, `kannuki backup verify FILE`.", "先にサーバーを停止するか、写しを調べてください：`kannuki backup create FILE`、`kannuki backup verify FILE`"},
		{"Check the database from end to end", "データベースを端から端まで検査する"},
		{"Check the database from end to end: every record's checksum, every index, and the chain of the audit log. The server must be stopped.", "データベースを端から端まで検査する（全記録のチェックサム、索引、監査ログの連鎖）。サーバーは停止しておく。"},
		{"Show what the database holds and how large it is", "データベースの内容と大きさを表示する"},
		{"Show what the database holds and how large it is. The server must be stopped; `kannuki status -o json` has the size while it runs.", "データベースの内容と大きさを表示する。サーバーは停止しておく。稼働中の大きさは`kannuki status -o json`で分かる。"},
		{"Kind", "種類"},
		{"Records", "件数"},
		{"Size of the file", "ファイルの大きさ"},
		{"Used", "使用量"},
		{"Bytes per phone", "1台あたりのバイト数"},

		{"%s, valid until %s", "%s、%sまで有効"},
		{"only phones whose certificate is valid, due for renewal or ended", "証明書がこの状態の端末だけ：valid、due（更新時期）、ended（期限切れ）"},
		{"Its renewal", "証明書の更新"},
		{"too late, the phone is no longer heard; have it join again: kannuki enroll link --device %s", "期限切れのため端末と通信できません。登録し直してください：kannuki enroll link --device %s"},
		{"by itself from %s on", "%s以降に自動で更新"},
		{"due since %s; offered when the phone comes next", "%sから更新時期。端末の次の接続時に更新を指示"},
		{"offered %s; the phone put it off and is asked again", "%sに指示。端末が保留したため再度指示"},
		{"offered %s; the phone could not: %s", "%sに指示。端末側で失敗：%s"},
		{"offered %s; asked again after a day", "%sに指示。1日後に再度指示"},
		{"Phones' certificates", "端末の証明書"},
		{"%d due for renewal, %d ended", "更新時期%d台、期限切れ%d台"},
		{"%d phones have not renewed their certificates yet; the first ends %s.", "証明書をまだ更新していない端末が%d台あります。最初の期限は%sです。"},
		{"Wake them while there is time: `kannuki device list --certificate due`, then `kannuki device push UDID`; `kannuki device show UDID` says what a phone answered.", "期限までに通知してください：`kannuki device list --certificate due`で調べ、`kannuki device push UDID`で通知します。端末の応答は`kannuki device show UDID`で確認できます。"},
		{"%d phones are no longer heard: their certificates have ended.", "証明書の期限が切れて通信できない端末が%d台あります。"},
		{"Have each join again: `kannuki device list --certificate ended`, then `kannuki enroll link --device UDID`.", "それぞれ登録し直してください：`kannuki device list --certificate ended`で調べ、`kannuki enroll link --device UDID`でリンクを作ります。"},
		{"No phone's certificate needs looking after.", "対応が必要な端末の証明書はありません。"},
		{"Cannot be woken since", "通知できなくなった日時"},
		{"Commands that wait", "待機中のコマンド"},
		{"Free space", "空き容量"},
		{"Battery", "バッテリー"},
		{"Passcode set", "パスコードの設定"},
		{"Time zone", "タイムゾーン"},
		{"Failed installs", "インストールの失敗"},
		{"Told last", "最後の指示"},
		{"Reported last", "最後の報告"},
		{"iOS %s on %s, phone's clock", "iOS %s、端末の時計で%s"},
		{"since %s", "%sから"},
		{"as of %s", "%s時点"},

		{"Take a phone out that is lost, broken or given away", "紛失、故障、譲渡した端末の登録を解除する"},
		{"Take a phone out that is lost, broken or given away: its certificate is revoked at once, commands that wait are cancelled, and it is counted nowhere any more. " +
			"Its record stays, and it can enroll again with a new link. The profile on the phone stays as well, with the updates it holds back: erase the phone, or have its user remove the profile under Settings > General > VPN & Device Management. " +
			"A user who removes the profile takes the phone out without this command.", "紛失、故障、譲渡した端末の登録を解除する。証明書は直ちに失効し、待機中のコマンドは取り消され、以後どの集計にも含まれない。" +
			"記録は残り、新しいリンクで再び登録できる。端末のプロファイルも、延期の設定とともに残る。端末を消去するか、利用者が「設定」>「一般」>「VPNとデバイス管理」でプロファイルを削除する。" +
			"利用者がプロファイルを削除した場合は、このコマンドは不要。"},
		{"Remove %s? It has to enroll again to come back. Type its UDID:", "端末%sの登録を解除しますか？ 元に戻すには再登録が必要です。UDIDを入力してください："},
		{"Removed %s. Its profile stays on the phone until it is erased or its user removes the profile.", "端末%sの登録を解除しました。プロファイルは、端末を消去するか利用者が削除するまで端末に残ります。"},
		{"Take a command out of a phone's queue", "端末への待機中のコマンドを取り消す"},
		{"Take a command out of a phone's queue. One that was sent already may be carried out all the same; what the phone says of it is then ignored.", "端末への待機中のコマンドを取り消す。送信済みのコマンドは実行されることがある。その場合、端末からの応答は無視する。"},
		{"Cancelled %s of %s; the phone never got it.", "%[2]sへの%[1]sを取り消しました。端末には送っていません。"},
		{"Cancelled %s of %s. It was sent before; the phone may carry it out all the same.", "%[2]sへの%[1]sを取り消しました。送信済みのため、端末で実行されることがあります。"},
		{"There is no command %q in its queue.", "待機中のコマンドに%qはありません。"},
		{"List: `kannuki device queue`.", "一覧は`kannuki device queue`です。"},
	}
}
