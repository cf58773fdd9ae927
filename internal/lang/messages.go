package lang

import "sync"

// messageTexts is the Japanese of what a server or an offline command refuses,
// by the code the error carries. English readers get the error's own message;
// the placeholders are the error's values, and {field} the field at fault.
var messageTexts = sync.OnceValue(func() map[string]string {
	return map[string]string{
		// Decisions.
		"phase":               "{group}の{release}は「{phase}」のため、この操作はできません。",
		"wave-started":        "{group}の{release}は第1段階が始まっています。取り下げではなく、一時停止してください。",
		"nothing-to-withdraw": "{group}の{release}は、承認も検証用端末への適用もされていません。",
		"not-approved":        "{group}の{release}には、一時停止する承認がありません。",
		"resume-first":        "{group}の{release}の展開は、担当者が一時停止しています。先に再開してください。",
		"foreign-broken":      "{by}が{app}を{release}で動作不良と記録し、{group}のゲートを閉じています。動作する新しい結果を記録するか、`kannuki gate override`を使ってください。",
		"not-paused":          "{group}の{release}の展開は、担当者が一時停止したものではありません。",
		"unknown-kind":        "このサーバーは「{kind}」という種類の提案を実行できません。",
		"group-has-phones":    "グループ{group}にはまだ端末があります。先に移してください。",
		"policy-in-use":       "ポリシー{policy}は{groups}で使われています。先に別のポリシーを指定してください。",
		"built-in-policy":     "ポリシー{policy}は組み込みのため変更できません。`kannuki policy set`で別のポリシーを作ってください。",
		"app-not-in-group":    "{app}はグループ{group}の業務アプリではありません。",
		"app-exists":          "業務アプリ{app}（{name}）はすでにあります。",
		"group-exists":        "グループ{group}はすでにあります。",
		"paused-already":      "{group}の{release}の展開は、{by}がすでに一時停止しています。",

		// Test results.
		"not-a-verification-phone": "端末{phone}はどのグループにも属していません。",
		"production-phone":         "端末{phone}は{group}の本番端末です。検証結果は検証用端末のものだけを記録できます。",
		"phone-not-on-release":     "端末{phone}のOSは{release}ではありません（報告：{os}）。",
		"app-version-unknown":      "端末{phone}は、このOSになってから{app}の版を報告していません。`kannuki device refresh {phone}`で確認してください。",
		"revoked":                  "この検証結果は{by}がすでに取り消しています。",
		"note-missing":             "動作しない点を--noteに書いてください。",
		"too-many-files":           "{field}：ファイルは{most}件までです。",
		"not-a-file-name":          "{field}：\"{value}\"は使えません。フォルダーを除いたファイル名を{most}文字以内で指定してください。",
		"not-a-sha256":             "{field}：\"{value}\"は{name}のSHA-256（16進数64桁、小文字）ではありません。",
		"device-missing":           "検証用端末を指定するか、外部の結果を根拠とともに記録してください。",
		"evidence-missing":         "外部の結果には根拠（出所と確認できる人）が必要です。",
		"app-version-missing":      "外部の結果には、検証したアプリの版が必要です。",

		// Phones.
		"not-pushable":      "端末{phone}には通知できません（状態：{state}）。",
		"not-enrolled":      "端末{phone}は登録されていません（状態：{state}）。",
		"command-over":      "コマンド{command}はすでに終わっています[（状態：{state}）]。",
		"command-of-update": "コマンド{command}は更新の一部で、取り消しても再び送られます。展開を一時停止するか、リリースを取り下げてください。この端末だけ止めるには、端末{phone}をグループから外してください。",
		"group-and-ring":    "{field}：グループとリングは一緒に指定してください。",
		"not-a-ring":        "{field}：\"{value}\"は使えません。verificationかproductionを指定してください。",
		"life-out-of-range": "{field}：{value}は使えません。1mから{most}までで指定してください。",
		"unreachable-url":   "端末から公開URLに接続できません。サーバーのDNS名を使ってください（{detail}）。",

		// Values.
		"reason-missing":        "{field}：判断理由が必要です。監査ログに残ります。",
		"unknown-reason":        "{field}：\"{value}\"という未適用の理由はありません。",
		"not-one-of":            "{field}：\"{value}\"は使えません。使える値：{allowed}。",
		"not-a-name":            "{field}：\"{value}\"は使えません。英小文字、数字、「.」「_」「-」で63文字以内にしてください。",
		"not-a-bundle-id":       "{field}：\"{value}\"はcom.example.posのようなバンドルIDではありません。",
		"app-name-missing":      "{field}：業務アプリの名前が必要です。",
		"not-utf-8":             "{field}：UTF-8ではありません。",
		"text-too-long":         "{field}：{most}文字以内にしてください。",
		"too-many-checks":       "{field}：確認手順は{most}件までです。",
		"check-too-long":        "{field}：\"{value}\"は使えません。確認手順は1行、{most}文字以内です。",
		"days-out-of-range":     "{field}：{value}は使えません。0（無期限）から{most}までで指定してください。",
		"notice-out-of-range":   "{field}：{least}から720hまでで指定してください。",
		"model-not-in-group":    "{field}：{group}に、{release}を適用できる{model}の本番端末はありません。ある機種：{models}。",
		"offset-too-far":        "{field}：\"{value}\"は使えません。+3dや+12hのように、{most}以内で指定してください。",
		"wave-not-readable":     "{field}：\"{value}\"は使えません。5%@+0、20@+12h、100%@+4d:+7d（期限つき）のように、端末の割合か台数と開始を指定してください。",
		"waves-not-rising":      "{field}：{before}の次の{value}は使えません。割合は前の段階を含むため、割合と開始は段階ごとに増やしてください。",
		"waves-not-all":         "{field}：最後の段階が{value}です。残りの端末が始まらないため、100%にしてください。",
		"too-many-waves":        "{field}：段階は{most}までにしてください。",
		"wave-after-deadline":   "{field}：{value}の開始（{date}）が適用期限（{deadline}）より後です。期限は、各段階の開始から数える+3dなどの形で指定してください。",
		"not-a-length":          "{field}：\"{value}\"は使えません。2dや12hのように、{most}以内で指定してください。",
		"not-an-offset-or-time": "{field}：\"{value}\"は使えません。+3d、+12h、または2026-11-27T18:30のような現地の時刻で指定してください。",
		"not-a-moment":          "{field}：\"{value}\"は使えません。7dや12hのような期間、2026-11-20のような日付、または2026-11-20T09:00:00Zのような時刻で指定してください。",
		"not-a-month-or-day":    "{field}：\"{value}\"は使えません。2024-09のような月、または2024-09-16のような日付で指定してください。",
		"after-the-catalogue":   "{field}：\"{value}\"は使えません。カタログにあるのは{last}までの公開情報です。",
		"way-out-of-range":      "{field}：日数が範囲外です（{detail}）。",
		"too-many-lengths":      "{field}：比べられる検証日数は{most}個までです。",
		"no-release-to-replay":  "{field}：{since}から{until}までに、これらの端末向けに公開されたリリースはありません。",
		"group-without-phones":  "グループ{group}には試算に使う端末がありません。グループを省略すると、各機種1台で試算します。",
		"not-a-time":            "{field}：\"{value}\"は使えません。2027-01-31T00:00:00Zのような時刻で指定してください。",
		"not-a-duration":        "{field}：\"{value}\"は24hのような時間の長さではありません。",
		"not-a-number":          "{field}：\"{value}\"は数ではありません。",
		"not-a-boolean":         "{field}：\"{value}\"は使えません。trueかfalseを指定してください。",
		"deadline-past":         "{field}：{value}は過去の時刻です。過去の期限では端末が1時間以内に再起動してしまいます。",
		"deadline-too-far":      "{field}：{value}は90日より先です。",
		"until-too-early":       "{field}：{value}は適用期限か開始より前です。端末が適用する前に指示が終わってしまいます。",
		"until-out-of-range":    "{field}：{value}は使えません。これから90日以内の時刻で指定してください。",

		// Feeds.
		"feed-unknown":    "OSリリースの公開情報ではありません。GDMF、SOFA v2、KEV、またはKannukiの形式が必要です。取り込みはしていません（{detail}）。",
		"feed-empty":      "公開情報に使える項目がありません。取り込みはしていません（{detail}）。",
		"feed-shrunk":     "公開情報の項目が前回より大きく減っています。途中で切れた可能性があるため、取り込みはしていません（{detail}）。",
		"feed-damaged":    "公開情報が壊れているか、読み取れません。取り込みはしていません（{detail}）。",
		"feed-other-kind": "{value}の公開情報です。{want}ではありません。取り込みはしていません。",
		"feed-stale":      "前回より古い公開情報です。取り込みはしていません（{detail}）。",

		// Requests and access.
		"not-json":               "要求の内容を解釈できません（{value}）。",
		"not-received":           "要求を最後まで受け取れませんでした。もう一度実行してください。",
		"too-large":              "要求が大きすぎます。上限は{most}バイトです。",
		"not-base64":             "{field}：Base64として読み取れません。",
		"no-access":              "このサーバーを操作する権限がありません。トークンがないか、不明・期限切れ・無効です。",
		"not-ready":              "サーバーはまだ準備中です。少し待ってから、もう一度実行してください。",
		"no-push-certificate":    "プッシュ証明書がありません。そのトピックは登録用プロファイルに入り、以後変更できません。先に`kannuki cert push import`で取り込んでください。",
		"not-a-push-certificate": "プッシュ証明書として使えません（{detail}）。",
		"topic-change":           "トピックの異なるプッシュ証明書は使えません。使用中：{topic}、この証明書：{other}。登録済みの端末と通信できなくなります。",

		// Offline: installation and backup.
		"no-data-directory": "{data}はデータフォルダではありません（{file}がありません）。`kannuki init`で作成してください。",
		"configuration":     "設定に誤りがあります（{detail}）。",
		"address-in-use":    "{address}はほかのプログラムが使用中です。そのプログラムを終了するか、config.yamlの{key}を変更してください。",
		"initialized":       "{data}はすでに使用中です。initは既存の環境を変更しません。",
		"public-url":        "公開URL\"{url}\"は使えません。端末から接続できるhttps://ホスト名（必要なら:ポート番号も）を指定してください（{detail}）。",
		"compacted-before":  "前回の圧縮で残したファイル{file}があります。サーバーの起動を確かめてから削除してください。",
		"has-database":      "{data}にはすでにデータベースがあります。keysとconfig.yamlだけのフォルダに復元してください。",
		"files-missing":     "先に{data}へconfig.yamlとkeysフォルダを戻してください（{detail}）。",
	}
})
