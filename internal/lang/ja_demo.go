package lang

// japaneseDemo holds the Japanese of the demo's story.
func japaneseDemo() map[string]string {
	return map[string]string{ //nolint:gosec // texts, no credentials
		// The command.
		"Play a whole story with the real server and simulated iPhones": "本物のサーバーと模擬iPhoneで一連の流れを再現する",
		"Play the main job as a story: a release is posted, tested, found broken, fixed, approved and installed. The server is the real one, in a process of its own; the iPhones are simulated and speak to it over TLS; the release facts are Apple's. At the end the phones' own logs are checked: no production phone may have been told to install anything before its gate was verified and approved. Without --data everything is made in a temporary directory and removed afterwards.": "OSの公開、検証、動作不良、修正、承認、適用までの流れを再現します。サーバーは本物で、別のプロセスで動きます。iPhoneは模擬端末で、TLSで通信します。OSの情報はAppleが公開したものです。最後に、検証と承認の前に適用を指示された本番端末がないことを、端末側の記録から確かめます。--dataがなければ一時ディレクトリに作り、終了時に削除します。",
		"number of simulated iPhones besides 24 older ones, 20 to 1000":         "模擬iPhoneの台数（古い端末24台のほかに、20〜1000）",
		"how fast days pass at most; a machine that cannot follow takes longer": "1日が進む速さの上限（追いつけないマシンでは遅くなる）",
		"end by itself instead of leaving server and phones running":            "サーバーと端末を動かしたままにせず、自動で終了する",
		"--speed %q: want how long a day lasts, 100ms to 24h, such as 1day=1s":  "--speed %q：1日の長さを、100msから24hの範囲で1day=1sのように指定してください",
		"--phones %d: want 20 to 1000":                                          "--phones %d：20から1000の範囲で指定してください",
		"--%s: this value cannot be used":                                       "--%s：この値は使えません",

		// A company.
		"A company with %d iPhones": "iPhoneが%d台ある会社",
		"The real server with database and certificate authority; simulated iPhones; Apple's releases as published.": "データベースと認証局を備えた本物のサーバー、模擬iPhone、Appleが公開したとおりのOS。",
		"Dates are the story's own (%s). Command lines are what a person would type, with KANNUKI_DATA set.":         "日時は物語の中のものです（%s）。コマンドは、KANNUKI_DATAを設定した人が入力するとおりのものです。",
		"Two groups with different business apps: what is safe for one need not be for the other.":                   "業務アプリの異なる2つのグループ。片方で問題がなくても、もう片方で問題がないとは限りません。",
		"A third one with %d older phones: %d versions of iOS from %s on, supervised and not.":                       "3つ目のグループは古い端末%d台。iOS %[3]s以降の%[2]d種類の版で、それぞれ監視対象とそうでないもの。",
		"phones enroll": "端末を登録中",
		"%d of %d":      "%d／%d",
		"%d phones enrolled over TLS, each with a one-time link and a certificate of its own.": "%d台をTLSで登録しました。登録用リンクと証明書は1台ごとに別です。",
		"Verification phones: %d. In no group: %d. Not supervised: %d.":                        "検証用端末：%d台。グループ未割り当て：%d台。監視対象でない端末：%d台。",
		"phones report their holds": "延期の状態を端末が報告中",
		"%d pending":                "確認待ち%d台",
		"phones report their apps":  "業務アプリの版を端末が報告中",
		"Holds, as the phones report them: %d confirmed, %d pending, %d not possible (not supervised).":       "端末の報告による延期の状態：確認済み%d台、確認待ち%d台、延期不可%d台（監視対象でない端末）。",
		"%d more were in force, and have ended: Apple posted what their users can see more than 90 days ago.": "ほかに%d台の延期は終わっています。利用者に表示されるOSの公開から90日を過ぎたためです。",
		"From here a day passes in %s.": "ここからは1日が%sで進みます。",

		// A release.
		"Apple posts iOS %s": "AppleがiOS %sを公開",
		"iOS %s is out: %d vulnerabilities fixed, %d of them known to be exploited.": "iOS %sが公開されました。脆弱性の修正は%d件、うち悪用が確認されたものは%d件です。",
		"Gate of %s: %s [%s]. %s": "%sのゲート：%s [%s]。%s",
		"gate of %s: %s":          "%sのゲート：%s",
		"Settings > Software Update on %d supervised phones: %d show it.":                          "監視対象の%d台で「設定」の「ソフトウェアアップデート」を開くと、表示されるのは%d台です。",
		"%d phones are not supervised and cannot be held: their users may install it at any time.": "監視対象でない%d台では延期できません。利用者がいつでもインストールできます。",
		"a user installs it":                          "利用者の1人がインストール中",
		"One user installs it. Nobody has tested it:": "利用者の1人が、検証前にインストールしました。",

		// The test.
		"The verification phones get it first":                                                     "まず検証用端末に適用",
		"Verification phones of %s that are asked to install it: %d.":                              "%sの検証用端末のうち、適用を指示した端末：%d台。",
		"Somebody in a hurry tries to approve it before anything was tested:":                      "急いでいる人が、検証の前に承認しようとします。",
		"Refused (exit code 3): the gate is closed. Missing: %s.":                                  "承認していません（終了コード3）。ゲートは閉じています。不足：%s。",
		"verification phones install iOS %s":                                                       "検証用端末にiOS %sを適用中",
		"All %d verification phones run iOS %s. Production phones on it: %d (the user of before).": "検証用端末%d台すべてがiOS %sになりました。同じ版の本番端末：%d台（先ほどの利用者）。",
		"%[2]s %[3]s: %[4]s (tested on %[1]d phones).":                                             "%[2]s %[3]s：%[4]s（%[1]d台で検証）。",
		"Approved. Phones that are asked to install it now: %d. Deadline on their own clocks: %s.": "承認しました。今から適用を指示する端末：%d台。端末の時計での適用期限：%s。",

		// The older phones.
		"Older models get releases of their own, so group %s has %d gates at a time.": "古い機種には専用のOSが公開されるため、%sには同時に%d件のゲートがあります。",
		"Older phones, each by what its iOS understands":                              "古い端末には、そのiOSが理解する方法で",
		"app versions of %s":                "%sのアプリの版の確認中",
		"verification phones of %s install": "%sの検証用端末に適用中",
		"Those that know declarations are told by declaration, supervised ones before iOS 17 by command, at their deadline.": "宣言を理解する端末には宣言で、iOS 17より前の監視対象の端末にはコマンドで、適用期限に指示します。",

		// The rollout.
		"Sales is approved, in bad weather": "salesの承認。悪条件が重なります",
		"Switched off phones: %d. Locked: %d. Out of space: %d. With a passcode nobody enters: %d.": "電源が切れた端末：%d台。ロック中：%d台。空き容量不足：%d台。パスコードが入力されない端末：%d台。",
		"pushes get lost": "プッシュ通知が失われています",
		"Apple's push service accepts pushes and loses them: %d so far.":                      "Appleのプッシュ通知サービスが通知を受け付けたまま失っています。これまでに%d件。",
		"phones hear of it all the same":                                                      "それでも端末に指示が届きます",
		"It works again, and phones report once a day anyway: %d of %d have the instruction.": "復旧しました。端末は1日1回自分からも報告します。指示を受け取った端末は%d／%d台です。",
		"The server is killed in the middle of it (kill -9).":                                 "その最中にサーバーが強制終了されます（kill -9）。",
		"Started again: all %d entries of the audit log are there, and the rollout goes on.":  "再起動しました。監査ログ%d件はすべて残り、展開は続きます。",

		// Trouble.
		"New phones arrive, lost ones return": "新しい端末、戻ってきた端末",
		"new verification phones are told":    "新しい検証用端末に指示中",
		"From %s (%s) to %s (%s): the hold stays on the phone, what the old place asked of it is taken back.":            "%s（%s）から%s（%s）へ移動：延期は端末に残り、移動前の適用の指示は取り消されます。",
		"New phones on iOS %s enroll after the approval: %d. It stands, so they get it too, with a notice of their own.": "承認の後に、iOS %sの端末が%d台登録されました。承認は有効なので、これらの端末にもそれぞれの予告期間をおいて適用します。",
		"new phones are told":                           "新しい端末に指示中",
		"silent phones are noticed":                     "通信のない端末を検出中",
		"Phones switched on again: %d. Unlocked: %d.":   "電源が入った端末：%d台。ロックが解除された端末：%d台。",
		"they hear of it":                               "端末に指示が届きます",
		"%s: %d of %d production phones are done [%s].": "%s：本番端末%[3]d台のうち%[2]d台が完了 [%[4]s]。",

		// The fix.
		"The vendor fixes Scanner": "開発元がScannerを修正",
		"Scanner %s is there. The verification phones of the warehouse get it first.": "Scanner %sが届きました。まずwarehouseの検証用端末に入れます。",
		"verification phones report Scanner %s":                                       "検証用端末がScanner %sを報告中",
		"the old Scanner holds them back":                                             "古いScannerのため待機中",
		"Production phones that still have Scanner %s: %d. iOS waits for the app:":    "まだScanner %sの本番端末：%d台。iOSの適用はアプリの更新を待ちます。",
		"a day passes": "1日待っています",
		"A day later, of these, told to install iOS %s: %d.": "1日たっても、そのうちiOS %sの適用を指示された端末は%d台です。",
		"Scanner %s reaches all of them but %d.":             "Scanner %sが、%d台を除くすべてに入りました。",

		// The end.
		"The last ones":                  "最後の端末まで",
		"phones install, or say why not": "端末がインストール中、または未適用の理由を報告中",
		"%d days later every phone has it, or there is a reason why not.":              "%d日後、すべての端末が適用済みか、未適用の理由が分かっています。",
		"Installed when it suited the user: %d. When the deadline came, or after: %d.": "利用者の都合のよいときにインストール：%d台。適用期限、またはその後：%d台。",
		"Who has it, who has not, and why":                                             "適用済みの端末、未適用の端末とその理由",
		"What happens next, what a person can do":                                      "次に起きること、人ができること",
		"What the older phones' own journals show:":                                    "古い端末の、端末側の記録が示すこと：",
		"Held":            "延期",
		"Since":           "開始",
		"Told to install": "適用の指示",
		"Installed":       "インストール",
		"yes":             "はい",
		"no":              "いいえ",
		"Not done":        "未完了",
		"%s %s":           "%s%s",
		"No production phone received an enforcement before its gate was verified and approved: %d phones, %d enforcements checked.": "検証と承認の前に適用を指示された本番端末はありません（本番端末%d台、適用の指示%d件を確認）。",
		"Nor did any phone get a deadline that was over, two enforcements at once, or anything its iOS or Apple's protocol forbids.": "過ぎた適用期限、同時に2つの適用、端末のiOSやAppleの仕様に反する指示を受けた端末もありません。",
		"no production phone received any enforcement: there was nothing to check":                                                   "適用を指示された本番端末がなく、確認できるものがありません",
		"Server and phones go on, from here in real time. In another terminal:":                                                      "ここからは実際の時間で、サーバーと端末が動き続けます。別のターミナルで次のコマンドを試せます。",
		"The phones' own journal: %s": "端末側の記録：%s",
		"Ctrl-C ends it.":             "Ctrl-Cで終了します。",
	}
}
