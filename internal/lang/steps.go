package lang

import "sync"

// stepTexts words what comes next: first what happens by itself, then what a
// person can do. The empty code is the sentence for "nothing".
var stepTexts = sync.OnceValue(func() map[string]both {
	return map[string]both{
		"": {"Nothing to do.", "操作は不要です。"},

		"hold-ends":                {"[On {date} ]Apple's hold ends and users can see the release.", "[{date}に]延期が終わり、利用者に表示されます。"},
		"wave-starts":              {"The next wave starts by itself[ on {date}].", "次の段階は[{date}に]自動で始まります。"},
		"phones-install":           {"The phones install by themselves by their deadlines.", "各端末は適用期限までに自動でインストールします。"},
		"resume-when-cleared":      {"The rollout goes on by itself once the cause is cleared, by a test result for instance.", "検証結果などで原因が解消されると、展開は自動で再開します。"},
		"push-again":               {"The phone is asked again by itself.", "自動で再通知します。"},
		"retry-on-poll":            {"It is tried again when the phone answers next.", "次に端末が応答したときに自動で再試行します。"},
		"device-continues":         {"The phone goes on by itself.", "端末が自動で進めます。"},
		"device-retries":           {"The phone tries again by itself.", "端末が自動で再試行します。"},
		"read-app-versions":        {"The app versions are read at the phone's next contact.", "次の通信でアプリの版を確認します。"},
		"enforce-after-app-update": {"iOS follows by itself once the app is new enough.", "アプリの更新後、iOSの更新へ自動で進みます。"},
		"app-update-comes":         {"The app is brought up to date; iOS follows by itself, with a notice of its own.", "アプリを更新した後、あらためて猶予を置いてiOSの更新へ自動で進みます。"},
		"app-update-retries":       {"The app is asked for again a day later, five times at most; iOS follows by itself once it is new enough.", "翌日に再び指示します（5回まで）。アプリの更新後、iOSの更新へ自動で進みます。"},
		"app-update-spent":         {"The app was asked for five times, and is again only after \"kannuki device refresh\" or by a newer approval; iOS follows by itself once it is new enough.", "5回指示したため、「kannuki device refresh」か新しい承認があるまで再び指示しません。アプリの更新後、iOSの更新へ自動で進みます。"},
		"next-release":             {"The next release is decided about when Apple posts it.", "次のOSが公開されると、あらためて判断します。"},

		"offer":                   {"Release it to the verification phones with \"kannuki gate offer\".", "「kannuki gate offer」で検証用端末に適用してください。"},
		"add-app":                 {"Name the business apps this work depends on with \"kannuki app add\".", "「kannuki app add」で業務に必要なアプリを追加してください。"},
		"add-verification-phone":  {"Enroll a verification phone into the group.", "グループに検証用端末を登録してください。"},
		"record-verdicts":         {"Test the apps on a verification phone and record the results.", "検証用端末で業務アプリを確かめ、結果を記録してください。"},
		"get-candidate":           {"No verification phone has the release yet: see with \"kannuki gate show\" what each of them waits for; then test the apps.", "このリリースの検証用端末がまだありません。「kannuki gate show」で各端末の状況を確認し、適用後に業務アプリを確かめてください。"},
		"run-quick-check":         {"Run the quick check of the apps on a verification phone and record it with --method smoke.", "検証用端末で業務アプリの簡易確認を行い、--method smokeで記録してください。"},
		"fix-app-and-test-again":  {"Have the app fixed, then test it again.", "アプリの修正後、もう一度検証してください。"},
		"approve":                 {"Look at the gate and approve it.", "ゲートを確認し、適用を承認してください。"},
		"approve-urgent":          {"It is urgent and the quick checks are done: propose it with \"kannuki gate approve --urgent\"; a second person signs.", "急ぐ必要があり、簡易確認は済んでいます。「kannuki gate approve --urgent」で提案し、2人目が承認してください。"},
		"hurry":                   {"It is urgent: hurry the rollout with \"kannuki gate approve --urgent\"; a second person signs.", "急ぐ必要があります。「kannuki gate approve --urgent」で展開の前倒しを提案し、2人目が承認してください。"},
		"extend":                  {"A model that waits is verified: add it to the approval with \"kannuki gate extend\".", "待っている機種の検証が済みました。「kannuki gate extend」で承認に加えてください。"},
		"test-to-approve":         {"Test the apps that are not verified; then \"kannuki gate approve\" can take the exception's place.", "未検証のアプリを確かめてください。その後「kannuki gate approve」で例外承認に代えられます。"},
		"confirm-clock":           {"See that the server's clock is right, then \"kannuki rollout resume --after-clock-jump\".", "サーバーの時計が正しいことを確かめ、「kannuki rollout resume --after-clock-jump」を実行してください。"},
		"confirm-restore":         {"Pause and withdraw again what was since the copy, then \"kannuki rollout resume --after-restore\".", "バックアップ後に行った一時停止や取り下げをもう一度行い、「kannuki rollout resume --after-restore」を実行してください。"},
		"resume":                  {"Resume the rollout when the cause is cleared.", "原因の解消後、展開を再開してください。"},
		"look-and-resume":         {"Look at the phones (\"kannuki rollout status\", \"kannuki problem list\"); then resume the rollout, or decline the release.", "端末を確認し（「kannuki rollout status」「kannuki problem list」）、展開を再開するか、リリースを拒否してください。"},
		"choose-newer-release":    {"Decide about the newer release instead.", "新しい版について判断してください。"},
		"unlock":                  {"Ask the user to unlock the phone once.", "一度ロックを解除してもらってください。"},
		"connect":                 {"Ask the user to switch the phone on and join Wi-Fi, or check whether it is lost.", "電源とWi-Fiの確認を利用者に依頼し、所在不明なら紛失の手順へ進んでください。"},
		"install-now":             {"The user may start earlier in Settings > General > Software Update.", "「設定」>「一般」>「ソフトウェアアップデート」から先に始めることもできます。"},
		"enter-passcode":          {"Ask the user to enter the passcode, or go to the phone if it is shared.", "利用者にパスコードの入力を依頼し、共用端末なら担当者が入力してください。"},
		"free-space":              {"Ask the user to remove videos or unused apps.", "動画や使わないアプリの削除を依頼してください。"},
		"charge":                  {"Ask the user to leave the phone on a charger.", "充電器につないでおくよう依頼してください。"},
		"restart-or-use-computer": {"Restart the phone; if it fails again, update it with a computer.", "端末を再起動し、再び失敗したらパソコンで更新してください。"},
		"update-app":              {"Bring the app to the version that was tested.", "アプリを検証済みの版に更新してください。"},
		"test-model":              {"Test the apps on a verification phone of the model that waits; then \"kannuki gate extend\" adds it to the approval.", "待っている機種の検証用端末で確かめ、「kannuki gate extend」で承認に加えてください。"},
		"sign-in-to-store":        {"Ask the user to sign in to the App Store on the phone, or deliver the app by licences.", "端末でApp Storeへのサインインを依頼するか、ライセンスでの配布に変えてください。"},
		"answer-on-phone":         {"Ask the user to allow the app's update on the phone.", "端末に出ているアプリの更新の確認に応じるよう、利用者に依頼してください。"},
		"assign-licence":          {"Assign a licence of the app to the phone in Apple Business Manager (Apps and Books).", "Apple Business Manager（Appとブック）で、この端末にアプリのライセンスを割り当ててください。"},
		"publish-or-test-app":     {"Have the tested version published, or test the version that the App Store has.", "検証済みの版の公開を依頼するか、App Storeにある版を検証してください。"},
		"replace-or-regroup":      {"Plan a replacement, or keep the phone in a group of its own.", "機種変更を計画するか、別のグループに分けてください。"},
		"supervise":               {"To hold it, supervise it with Apple Configurator (this erases the phone) and enroll it again.", "延期するには、Apple Configuratorで監視対象にし（端末は消去されます）、登録し直してください。"},
		"test-apps-on-phone":      {"Have the business apps checked on this phone today.", "今日のうちに、この端末で業務アプリを確かめてください。"},
		"end-single-app-mode":     {"End Single App Mode in the maintenance time.", "保守時間にアプリの固定を解除してください。"},
		"assign-group":            {"Put the phone into a group.", "端末をグループに割り当ててください。"},
		"update-by-hand":          {"Ask the user to update in Settings > General > Software Update.", "「設定」>「一般」>「ソフトウェアアップデート」からの更新を依頼してください。"},
		"enroll-again":            {"Enroll the phone again.", "端末を登録し直してください。"},
	}
})
