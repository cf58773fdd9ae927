package lang

// japaneseHelp says in Japanese what each command is for.
func japaneseHelp() []both {
	return []both{
		{"Usage:", "使い方："},
		{"Examples:", "例："},
		{"Commands:", "コマンド："},
		{"More:", "その他："},
		{"Flags:", "フラグ："},
		{"Flags of every command:", "共通のフラグ："},
		{"EXIT STATUS", "終了コード"},
		{"0  done", "0  完了"},
		{"1  an error, such as no connection to the server", "1  エラー（サーバーに接続できないなど）"},
		{"2  wrong use: an unknown flag, or a value that cannot be used", "2  使い方の誤り（未知のフラグ、使えない値）"},
		{"3  refused by policy: a closed gate, for instance", "3  ポリシーによる拒否（閉じたゲートなど）"},
		{"4  something named does not exist", "4  指定したものがない"},
		{"5  changed since it was shown; nothing was done", "5  表示後に変わったため、何も実行していない"},

		{"Hold iOS releases back until every business app is verified", "業務アプリの検証が済むまで、iOSの適用を止めておく"},
		{"Decide about releases:", "OSリリースの判断："},
		{"Work with phones:", "端末の操作："},
		{"Run the server:", "サーバーの運用："},
		{"Try it without a phone:", "端末なしで試す："},

		{"The business apps the work depends on", "業務に必要なアプリ"},
		{"Add a business app", "業務アプリを追加する"},
		{"List the business apps", "業務アプリの一覧を表示する"},

		{"Groups of phones that do the same work", "同じ業務に使う端末のグループ"},
		{"Add a group", "グループを追加する"},
		{"List the groups", "グループの一覧を表示する"},
		{"Show one group and its gates", "グループとそのゲートを表示する"},
		{"Remove a group that has no phones", "端末のないグループを削除する"},

		{"The catalogue of iOS releases", "iOSリリースの一覧"},
		{"List the releases, newest first", "リリースを新しい順に表示する"},
		{"Show one release", "リリースを1つ表示する"},
		{"Take release feeds into the catalogue", "リリースの公開情報を取り込む"},
		{"Take release feeds into the catalogue: SOFA v2, Apple's GDMF, CISA's KEV, or a bundle of ours. " +
			"The kind is told by the content. A feed that is damaged or has shrunk is refused and changes nothing.", "リリースの公開情報（SOFA v2、AppleのGDMF、CISAのKEV、Kannukiの形式）を取り込む。" +
			"種類は内容から判断する。壊れたもの、項目が大きく減ったものは受け付けず、何も変えない。"},

		{"May a group take a release? See it, and decide", "グループに適用してよいかを確認し、判断する"},
		{"List the gates, newest release first within a group", "ゲートの一覧をグループごとに新しい順で表示する"},
		{"Show one gate: its state, why, and what comes next", "ゲートの状態、理由、次の手順を表示する"},
		{"Give a release to the group's verification phones", "リリースをグループの検証用端末に適用する"},
		{"Close a gate: the release is not for this group; only two people can open it again", "適用を拒否する。このグループのゲートを再び開くには2名の例外承認が必要"},
		{"Take an approval back before its first wave, or a release from the verification phones", "第1段階の前に承認を取り下げる、または検証用端末への適用を取り下げる"},
		{"Open a verified gate: production phones install it by the deadline", "検証済みのゲートを承認し、本番端末に適用期限までに適用する"},
		{"Open a verified gate: production phones install the release by the deadline, each by its own clock. " +
			"The gate is shown first; if it changes before the approval arrives, nothing is done (exit 5). " +
			"A gate that is not verified is refused with every missing app named (exit 3). " +
			"With --urgent, for a release that fixes a flaw known to be exploited, quick checks are enough, and a rollout under way is hurried: it is proposed, and a second person signs.", "検証済みのゲートを承認し、本番端末に適用期限（端末の時計）までに適用する。" +
			"先にゲートを表示し、承認が届くまでに変わったら何も実行しない（終了コード5）。" +
			"検証が済んでいなければ、足りない業務アプリをすべて示して拒否する（終了コード3）。" +
			"悪用が確認された脆弱性を直すリリースでは、--urgentで簡易確認だけで（展開中なら前倒しを）提案でき、2人目が承認する。"},

		{"Test results of business apps on a release", "業務アプリの検証結果"},
		{"Record what a test of an app found", "業務アプリの検証結果を記録する"},
		{"List the test results, oldest first", "検証結果を古い順に表示する"},
		{"Withdraw a test result; a rollout that rests on it is paused", "検証結果を取り消す。その結果に基づく展開は一時停止する"},

		{"How far an approved release is, and stopping it", "展開の進行状況と一時停止"},
		{"Show how far a release is in a group, each phone with one reason", "グループでの進行状況を、端末ごとの理由とともに表示する"},
		{"Stop a rollout: no further phone starts", "展開を一時停止する。新たに始まる端末はない"},

		{"Let phones join: links and profiles", "端末の登録：リンクとプロファイル"},
		{"Make a link with which one phone can enroll, once", "1台が1回登録できるリンクを作成する"},
		{"Make a link with which one phone can enroll, once. The link is a secret: it is shown here and nowhere else.", "1台が1回登録できるリンクを作成する。リンクは秘密で、ここにしか表示しない。"},
		{"Write an enrollment profile for one phone", "1台分の登録用プロファイルを作成する"},
		{"Write an enrollment profile for one phone. The profile is a secret: whoever installs it first joins.", "1台分の登録用プロファイルを作成する。プロファイルは秘密で、最初にインストールした端末が登録される。"},

		{"Enrolled phones", "登録済みの端末"},
		{"List phones, each with one reason", "端末の一覧を、理由とともに表示する"},
		{"Show what is known of one phone", "端末の情報を表示する"},
		{"Say why a phone is where it is, and what comes next", "端末が今の状態にある理由と、次の手順を表示する"},
		{"Show the commands people queued for a phone", "端末に登録されたコマンドを表示する"},
		{"Wake a phone now", "端末に今すぐ通知する"},
		{"Ask a phone for its inventory now instead of within a day", "端末の情報を、1日待たずに今すぐ取得する"},
		{"Put phones into another group or ring; their hold stays", "端末を別のグループやリングに移す。延期は続く"},
		{"Put phones into another group or ring; their hold stays. All of them move or none, and they are judged together: a move that opens a closed gate, or takes production phones to where they could get what is closed to them, is refused (exit 3). With --propose a second person signs it.", "端末を別のグループやリングに移します。延期は続きます。指定した端末はまとめて判定し、すべて移すか、1台も移しません。閉じたゲートが開く移動と、今の場所では閉じているリリースが本番端末に適用されるようになる移動は拒否します（終了コード3）。--proposeを付けると、2人目の承認を求めて提案します。"},
		{"Show what a phone was told, exactly as sent, and what it says it holds", "端末への指示を送信したまま表示し、端末の報告と並べる"},

		{"Make a new installation: keys, database, configuration", "新しい環境（鍵、データベース、設定）を作成する"},
		{"Run the server until it is told to stop", "サーバーを起動する"},
		{"Run the server until SIGINT or SIGTERM. The log goes to standard error: text on a terminal, JSON otherwise.", "SIGINTかSIGTERMを受け取るまでサーバーを動かす。ログは標準エラー出力に、端末では文字、それ以外ではJSONで書き出す。"},
		{"Show the installation at a glance", "全体の状況を表示する"},
		{"Look at the installation as a phone sees it, and say what to mend", "端末から見た状態を診断し、直すべき点を示す"},
		{"Read the configured feeds now", "設定した公開情報を今すぐ読み込む"},
		{"Read the feeds of the configuration now, which the server does once a day by itself. " +
			"A feed that is damaged, has shrunk or is older than the newest copy changes nothing; the exit code is then 1. Apple's own list is read once a day at most.", "設定した公開情報を今すぐ読み込む。通常は、サーバーが1日1回、自動で読み込む。" +
			"破損、縮小、または最新の写しより古い公開情報は何も変更せず、終了コードは1になる。Apple自身の一覧は、1日1回までしか読み込まない。"},
		{"Show where the catalogue comes from and how fresh it is", "リリースの情報の取得元と新しさを表示する"},
		{"Look at configuration, keys and certificates, database, disk, clock, the device listener as a phone sees it, the push certificate, the way to Apple's push service and the age of the catalogue. " +
			"Each line says ok, warn or fail; the exit code is 1 if any fails.", "設定、鍵と証明書、データベース、空き容量、時計、端末から見た接続、プッシュ証明書、Appleのプッシュ通知サービスへの経路、リリースの情報の新しさを診断する。" +
			"各行にok、warn、failを示し、failがあれば終了コードは1になる。"},

		{"Certificates of the installation", "証明書"},
		{"Show the installation's own certificates and when they end", "証明書とその有効期限を表示する"},
		{"Show the installation's own certificates and when they end. Reads the data directory, so it works without a server.", "証明書とその有効期限を表示する。データフォルダを読むため、サーバーが停止していても使える。"},
		{"The certificate with which the server wakes phones", "端末への通知に使うプッシュ証明書"},
		{"Make a key and a request for a push certificate", "プッシュ証明書のための鍵と要求を作成する"},
		{"Take a push certificate into use", "プッシュ証明書を取り込んで使う"},
		{"Take a push certificate into use. The first one fixes the topic for the life of the installation; " +
			"one with another topic is refused, because no enrolled phone would ever hear the server again.", "プッシュ証明書を取り込んで使う。最初の証明書でトピックが決まり、以後は変えられない。" +
			"トピックの異なる証明書は、登録済みの端末と通信できなくなるため拒否する。"},
		{"Show the push certificate in use", "使用中のプッシュ証明書を表示する"},

		{"Copies of the database", "データベースのバックアップ"},
		{"List the copies of databases in a folder, newest first", "フォルダ内のデータベースの写しを新しい順に表示する"},
		{"List the copies of databases in a folder, newest first; without DIR in the present one. Only the beginning of each is read, " +
			"unless --verify has each checked from end to end as `kannuki backup verify` does. The exit code is 1 if one is damaged or cannot be read, with --verify if one is not whole.", "フォルダ内のデータベースの写しを新しい順に表示する。DIRがなければ今のフォルダを見る。通常は各ファイルの先頭だけを読み、--verifyを付けると`kannuki backup verify`と同じく全体を検査する。壊れた写しか読めない写しがあれば（--verifyでは、正常でない写しがあれば）、終了コードは1になる。"},
		{"check each from end to end; needs room in the folder for a second copy of the largest", "全体を検査する（そのフォルダに、最大の写しと同じ空き容量が必要）"},
		{"Write the database anew without its empty part", "データベースを、空き部分を除いて書き直す"},
		{"Write the database anew without its empty part, check the new file and put it in the place of the old one, which stays beside it as kannuki.db.before-compact: " +
			"remove that once the server has started. The server must be stopped, and the disk needs room for a second copy. " +
			"With --dry-run the new file is written, checked and removed, to say how much it would free.", "データベースを、空き部分を除いて書き直す。新しいファイルを検査してから入れ替え、元のファイルはkannuki.db.before-compactとして残す。サーバーの起動を確かめてから削除する。サーバーを停止しておくこと。写し1つ分の空き容量が必要。--dry-runでは、新しいファイルを書いて検査し、削除して、空く量を示す。"},
		{"Write a consistent copy of the database while the server runs", "サーバーを止めずに、データベースの整合した写しを作成する"},
		{"Write a consistent copy of the database while the server runs. FILE must not exist; it appears whole or not at all. " +
			"The copy does not hold the keys: back up the folder keys of the data directory as well.", "サーバーを止めずに、データベースの整合した写しを作成する。FILEは存在しないものを指定する。完全な写しができるか、何もできないかのどちらかになる。" +
			"鍵は含まれないため、データフォルダのkeysも別に保管する。"},

		{"Who did what, when and why", "監査ログ（だれが、いつ、何を、なぜ）"},
		{"Show the audit log, oldest first", "監査ログを古い順に表示する"},
		{"Compute the chain of the audit log anew and compare", "監査ログの連鎖を計算し直して照合する"},
		{"Compute the chain of the audit log anew from its entries and compare. " +
			"Note number and hash of the last entry elsewhere, and give them with --known next time: that shows whether entries were cut off.", "監査ログの連鎖を記録から計算し直して照合する。" +
			"末尾の番号とハッシュを別の場所に控え、次回--knownで指定すると、末尾が切り取られていないことも確認できる。"},

		{"Simulated phones", "模擬端末"},
		{"Enroll simulated phones with a running lab server and let them live", "稼働中の試験環境に模擬端末を登録し、動かす"},
		{"Enroll simulated phones with a running lab server (init --lab) and let them live: they speak to it over the network as iPhones do. " +
			"Prints what happens on them, one event a line.", "稼働中の試験環境（init --lab）に模擬端末を登録し、動かす。模擬端末はiPhoneと同じようにネットワーク経由で通信する。" +
			"起きたことを1行ずつ表示する。"},

		{"Show the version of this program", "このプログラムのバージョンを表示する"},
	}
}

// japaneseFlags says in Japanese what each flag does.
func japaneseFlags() []both {
	return []both{
		{"data directory of the server on this machine (KANNUKI_DATA)", "この機器のサーバーのデータフォルダ（KANNUKI_DATA）"},
		{"URL of a server's admin listener, instead of the socket in the data directory", "データフォルダのソケットの代わりに使う、管理用の接続先URL"},
		{"file with the API token for --server (KANNUKI_TOKEN_FILE, or the token itself in KANNUKI_TOKEN)", "--serverのAPIトークンのファイル（KANNUKI_TOKEN_FILE、またはKANNUKI_TOKENにトークン）"},
		{"how to show results: table, json or csv", "表示の形式：table、json、csv"},
		{"language of texts: en or ja (default from LC_ALL, LC_MESSAGES, LANG)", "表示の言語：en、ja（既定はLC_ALL、LC_MESSAGES、LANG）"},
		{"why; kept in the audit log", "判断理由（監査ログに残る）"},
		{"say what would happen and change nothing", "起きることを表示し、何も変更しない"},
		{"do not ask", "確認しない"},

		{"name people know the app by (default: the bundle identifier)", "業務アプリの名前（既定はバンドルID）"},
		{"critical (verified on every model), important (on one) or informational (never keeps a gate closed)", "critical（全機種で検証）、important（1機種で検証）、informational（ゲートを閉じない）"},
		{"bundle identifier of a business app to add; may be repeated", "追加する業務アプリのバンドルID（繰り返し可）"},
		{"how verification phones get a new release: manual (gate offer; the default of a new group) or auto", "検証用端末への適用：manual（gate offer。新しいグループの既定）、auto"},
		{"what the server may do to phones that enroll from now on: updates, managed (the default of a new group) or full; can only shrink on an enrolled phone", "これから登録する端末に対するサーバーの権限：updates、managed（新しいグループの既定）、full。登録済みの端末では増やせない"},
		{"least time between telling a phone and its deadline, such as 24h", "端末への指示から適用期限までの最短時間（24hなど）"},

		{"PEM file of further roots to trust for a URL; Apple's GDMF needs \"Apple Root CA\"", "URLの取得で追加して信頼するルート証明書のPEMファイル（AppleのGDMFには「Apple Root CA」が必要）"},
		{"group of phones", "端末のグループ"},
		{"when phones begin to be asked: an offset such as +2h; until then the approval can be withdrawn (default: at once)", "端末への指示を始める時刻：+2hなど。それまでは承認を取り消せる（既定はすぐ）"},
		{
			"when phones install by themselves: +3d, +12h, or 2026-11-27T18:30 on each phone's clock; no phone gets less than its group's notice (--minimum-notice)",
			"適用期限：+3d、+12h、または端末の時計で2026-11-27T18:30。グループの最短猶予（--minimum-notice）より早くはなりません",
		},
		{"approve only the gate as it was shown with this fingerprint (default: as it is now)", "この照合値で表示されたゲートだけを承認する（既定は今のゲート）"},
		{"go on until the rollout is done or Ctrl-C is pressed", "展開が完了するか、Ctrl-Cが押されるまで続ける"},
		{"with --watch: how often to look", "--watchで確認する間隔"},

		{"only results of this release", "このリリースの結果だけ"},
		{"release it was tested on", "検証したリリース"},
		{"works, works-with-note or broken", "works（問題なし）、works-with-note（注意点あり）、broken（動作不良）"},
		{"UDID of the verification phone it was tested on", "検証した端末のUDID"},
		{"what was seen; needed unless it works", "気づいたこと（問題なし以外では必須）"},
		{"day from which it has to be tested again, such as 2026-12-31", "再確認が必要になる日（2026-12-31など）"},
		{"the test was made elsewhere, not on a phone of the group", "グループの端末ではなく、外部で検証した"},
		{"with --external: where the result comes from and who can confirm it", "--externalで：結果の出所と確認できる人"},
		{"with --external: group it counts for", "--externalで：対象のグループ"},
		{"with --external: model it was tested on, such as iPhone15,2", "--externalで：検証した機種（iPhone15,2など）"},
		{"with --external: app version that was tested", "--externalで：検証したアプリの版"},

		{"only phones of this group; - for those in none", "このグループの端末だけ（-は未割り当ての端末）"},
		{"only this place in the group: verification or production", "このリングの端末だけ：verification、production"},
		{"only phones with this reason, such as offline or gate-closed", "この理由の端末だけ（offline、gate-closedなど）"},
		{"group to put it into (default: none)", "移す先のグループ（既定はなし）"},
		{"place in the group: verification or production", "リング：verification（検証）、production（本番）"},

		{"group the phone joins (default: that of --device, otherwise none; it is held and never updated)", "端末が入るグループ（既定は--deviceの端末のグループ、それもなければなし。なしの場合は延期だけ行い、適用しない）"},
		{"what the server may do: updates, managed or full (default: the group's)", "サーバーの権限：updates、managed、full（既定はグループの設定）"},
		{"how long it may be used, such as 24h (the default), at most 720h", "使える時間（既定は24h、最長720h）"},
		{"only for the phone with this serial number", "この製造番号の端末だけ"},
		{"UDID of an enrolled phone that may enroll again, into its group and ring unless --group and --ring say otherwise", "登録し直す端末のUDID。--groupと--ringがなければ、その端末のグループとリングに入る"},
		{"do not sign it, for a program that adds payloads", "署名しない（ペイロードを追加するプログラム向け）"},
		{"file to write, which must not exist; - is standard output", "書き込むファイル（既存のものは不可、-は標準出力）"},

		{"public URL of the device listener; phones keep it for ever", "端末が接続するURL（登録後は変更できない）"},
		{"address of the device listener (default: the port of --url)", "端末用の待ち受けアドレス（既定は--urlのポート）"},
		{"loopback address of the admin listener; \"\" has none (a lab has none unless asked)", "管理用の待ち受けアドレス（この機器内のみ。\"\"はなし、試験環境の既定もなし）"},
		{"name shown to the phones' users (default: the host of --url)", "利用者に表示する組織名（既定は--urlのホスト）"},
		{"time zone (IANA) of phones that have not told theirs", "タイムゾーンが分からない端末に使うタイムゾーン（IANA）"},
		{"make an installation for simulated phones on this machine; it never talks to Apple", "模擬端末のための試験環境を作成する（Appleとは通信しない）"},
		{"with --lab: policy time at init, such as 2026-08-25T09:00:00Z (default: now)", "--labで：作成時のポリシー上の時刻（2026-08-25T09:00:00Zなど、既定は現在）"},
		{"with --lab: seconds of policy time per second", "--labで：1秒あたりに進むポリシー上の秒数"},
		{"least level to log: debug, info, warn or error", "ログの下限：debug、info、warn、error"},

		{"file for the request", "要求のファイル"},
		{"file for the private key; keep it, nobody else needs it", "秘密鍵のファイル（だれにも渡さず保管する）"},
		{"name of the organisation in the request", "要求に書く組織名"},
		{"country in the request, two letters", "要求に書く国（2文字）"},
		{"file with the private key the request was made with", "要求を作成したときの秘密鍵のファイル"},

		{"only entries with a higher number", "この番号より後の記録だけ"},
		{"at most so many entries (0: all)", "最大件数（0はすべて）"},
		{"number and hash of an entry noted before, NUMBER:HASH, that must be there unchanged", "以前に控えた記録の番号とハッシュ（番号:ハッシュ）。変わらず残っていることを確認する"},

		{"how many phones", "端末の台数"},
		{"how many of them are verification phones", "うち検証用端末の台数"},
		{"group they join (default: the only one)", "入るグループ（既定は唯一のグループ）"},
		{
			"iOS they have, with its build when the catalogue does not know it, such as 14.8.1=18H107; repeated, they are handed out in turn",
			"端末のiOS（カタログにない版は14.8.1=18H107のようにビルドも指定、繰り返すと順に割り当てる）",
		},
		{"how many of them, the last ones, are not supervised", "うち監視対象でない端末の台数（最後のものから）"},
		{"hardware identifier of the phones; repeated, they are handed out in turn", "端末の機種の識別子（繰り返すと順に割り当てる）"},
		{"version of the group's business apps on them", "グループの業務アプリの版"},
		{"version of one app, such as com.example.pos=1.2; may be repeated", "アプリ1つの版（com.example.pos=1.2など、繰り返し可）"},
		{"how long after an update is ready its user installs it (0: waits for the deadline)", "準備完了から利用者がインストールするまでの時間（0は適用期限まで待つ）"},
		{"how long to run (0: until Ctrl-C)", "動かす時間（0はCtrl-Cまで）"},
		{"the same number gives the same UDIDs", "同じ数なら同じUDIDになる"},
		{"file to write the UDIDs to, verification phones first, one a line", "UDIDを書き込むファイル（検証用端末が先、1行に1台）"},
	}
}
