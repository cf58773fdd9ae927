package lang

import "sync"

// phaseText is the wording of a gate's phase in both languages.
type phaseText struct{ label, line both }

// phaseTexts words the phases. "verified" says that it waits for a person, or
// people take it for finished.
var phaseTexts = sync.OnceValue(func() map[string]phaseText {
	return map[string]phaseText{
		"declined":    {both{"Declined", "拒否済み"}, both{"Not for this group, unless two people override that.", "2名の例外承認がない限り、このグループには適用しません。"}},
		"expired":     {both{"No longer available from Apple", "期限切れ（Appleの提供終了）"}, both{"The tested build can no longer be installed.", "検証した版はもう入れられません。"}},
		"paused":      {both{"Paused", "一時停止中"}, both{"No new phone starts.", "新たに始まる端末はありません。"}},
		"blocked":     {both{"App problem", "動作不良あり"}, both{"A business app does not work; a fix is needed.", "業務アプリに動作不良があります。修正待ちです。"}},
		"done":        {both{"Done", "完了"}, both{"Every production phone that can be reached is there.", "通信できる本番端末はすべて更新済みです。"}},
		"rolling-out": {both{"Rolling out", "展開中"}, both{"Phones are being asked to install.", "端末に順に適用しています。"}},
		"approved":    {both{"Approved", "承認済み"}, both{"The decision is made; the first wave has not started.", "第1段階の開始前です。"}},
		"superseded":  {both{"Replaced by a newer release", "置き換え済み"}, both{"A newer release took its place.", "新しい版に置き換わりました。"}},
		"verified":    {both{"Verified, waiting for approval", "検証済み（承認待ち）"}, both{"All results are fine; nothing installs yet.", "結果は良好。まだ適用は始まりません。"}},
		"verifying":   {both{"Testing", "検証中"}, both{"It is offered to the verification phones, to be tested there.", "検証用端末に提供し、検証を待っています。"}},
		"held":        {both{"Waiting for tests", "検証待ち"}, both{"No test has started.", "まだ誰も検証していません。"}},
	}
})

// gateTexts words why a gate is in its phase.
var gateTexts = sync.OnceValue(func() map[string]both {
	return map[string]both{
		"unknown-group":            {"There is no group[ {group}].", "グループ[{group}]はありません。"},
		"unknown-release":          {"Apple's catalogue here knows no release[ {release}].", "OS[{release}]はAppleの公開情報にありません。"},
		"improvement-follows-base": {"A background security improvement follows its base release and has no gate.", "バックグラウンドセキュリティ改善は元の版に従い、ゲートはありません。"},
		"branch-lives":             {"Apple still maintains iOS {version}: the newest there[ for {model}] is {release}[ of {date:day}].", "iOS {version}の更新は続いています。[{model}の]最新は{release}です[（{date:day}公開）]。"},
		"branch-quiet":             {"iOS {version} has had no release[ for {model}] since {release}[ of {date:day}], and newer iOS has: it may have ended.", "iOS {version}は、[{model}では][{date:day}の]{release}を最後に更新がなく、より新しいiOSは更新されています。更新が終わった可能性があります。"},
		"branch-stopped":           {"Apple stopped iOS {version}[ for {model}][ on {date:day}]; {release} was the last: no more fixes there.", "iOS {version}の更新は[{model}では][{date:day}に]終わりました。最後は{release}で、今後の修正はありません。"},
		"improvements-off":         {"The group's policy switches background security improvements off.", "グループのポリシーにより、バックグラウンドセキュリティ改善は表示しません。"},
		"not-posted":               {"Apple has not posted it yet[ (expected {date:day})].", "まだ公開されていません[（{date:day}予定）]。"},
		"not-applicable":           {"None of the group's phones can run it.", "このグループに対応する端末はありません。"},
		"declined":                 {"Declined[ by {by}][ on {date}][: {reason}].", "[{by}が][{date}に]拒否しました[。判断理由：{reason}]。"},
		"expired":                  {"Apple no longer offers it to any of the group's models[ (since {date:day})].", "グループのどの機種にも提供されなくなりました[（{date:day}から）]。"},
		"stopped-by-breaker": {
			"Automatic stop: {why}, on {count}[ of {of}] phones[ of wave {wave}] (stops at {limit}).",
			"自動停止：[第{wave}段階で]{why}（[{of}台中]{count}台。上限{limit}台）。",
		},
		"paused-by-person":   {"Paused[ by {by}][ on {date}][: {reason}].", "[{by}が][{date}に]一時停止しました[。判断理由：{reason}]。"},
		"clock-jumped":       {"Nothing begins: the server's clock jumped[ (it showed {date})].", "サーバーの時計が大きくずれたため[（{date}を表示）]、新しい適用を止めています。"},
		"restored":           {"Nothing begins: the records are those of a copy that was restored[ on {date}].", "[{date}に]バックアップから復元したため、新しい適用を止めています。"},
		"verdict-revoked":    {"A test result the approval rests on was withdrawn[: {app}][, by {by}].", "承認の根拠になった検証結果が取り消されました[：{app}][（{by}）]。"},
		"app-broken":         {"[{app} ]does not work[ on {release}][ (reported by {by})][: {reason}].", "[{app}が][{release}で]動作不良です[（{by}）][。{reason}]。"},
		"all-there":          {"All production phones that can be reached are on it.", "通信できる本番端末はすべて更新済みです。"},
		"phones-outstanding": {"Production phones that are to take it and are not there yet[: {count}][, {silent} of them out of contact].", "適用の対象で、未適用の本番端末があります[（{count}台）][。うち{silent}台は通信が途絶えています]。"},
		"wave-starts":        {"The first wave starts[ on {date}].", "第1段階は[{date}に]始まります。"},
		"wave-kept": {
			"Wave {wave} does not start: it would end after {deadline}[, less than a week before the build may be gone on {date}].",
			"第{wave}段階は開始しません。期限が{deadline}より後になります[（{date}に入手できなくなるおそれがあり、1週間の余裕が必要です）]。",
		},
		"superseded":            {"[{release} ]took its place.", "[{release}に]置き換わりました。"},
		"superseded-by":         {"Its rollout goes on with a newer release[, {release}].", "展開は新しい版[（{release}）]に引き継がれました。"},
		"no-apps":               {"No business apps are defined for the group, so its gate stays closed.", "業務アプリが登録されていないため、ゲートは閉じたままです。"},
		"no-blocking-app":       {"All business apps of the group are for information only: none could open the gate.", "業務アプリがすべて「参考」のため、ゲートを開けられません。"},
		"no-verification-phone": {"The group has no verification phone.", "検証用端末がありません。"},
		"app-missing":           {"[{app} ]is not verified yet[: {why}][ ({model})].", "[{app}は]検証が済んでいません[：{why}][（{model}）]。"},
		"all-verified":          {"All business apps are verified; it waits for approval.", "業務アプリはすべて検証済みです。承認を待っています。"},
		"overridden": {
			"Exception approval (override)[ of {release}] until {date} by {by} and {second}: {reason}.",
			"例外承認[（{release}）]：{date}まで、{by}と{second}。判断理由：{reason}。",
		},
		"override-ended": {
			"The exception approval (override)[ of {release}] by {by} and {second} ended on {date}.",
			"[{release}の]例外承認（{by}と{second}）は{date}に終わりました。",
		},
		"urgent-approval": {
			"Approved by the urgent route[ ({release})] by {by} and {second}, after quick checks[, because of {flaws}]: {reason}.",
			"緊急対応で承認しました[（{release}）]：{by}と{second}。簡易確認のみ[。対象：{flaws}]。判断理由：{reason}。",
		},
		"hurried": {
			"Hurried by the urgent route[ ({release})] by {by} and {second}[, because of {flaws}]: {reason}.",
			"緊急対応で展開を前倒ししました[（{release}）]：{by}と{second}[。対象：{flaws}]。判断理由：{reason}。",
		},
		"app-not-covered": {"The approval was given without [{app}, ]which is not verified here: phones install all the same. Pause it to test first.", "この承認は[{app}の]検証なしに行われたもので、端末への適用は続きます。先に検証するには一時停止してください。"},
		"model-added":     {"Model {model} was added to the approval[ by {by}][ on {date}][: {reason}].", "機種{model}を[{by}が][{date}に]承認に加えました[。判断理由：{reason}]。"},
		"hold-ended":      {"[On {date:day} ]Apple's {count} days ended: users can see it[; the policy: {setting}].", "[{date:day}に]Appleの{count}日の延期が終わり、利用者に表示されています[（ポリシー：{setting}）]。"},
		"policy-approves": {"The policy approves by itself what is verified when the 90 days of iOS {release} end[ on {date}].", "iOS {release}の90日が[{date}に]終わると、検証済みのリリースをポリシーが自動で承認します。"},
		"policy-waits":    {"The policy approves by itself what is verified next: the 90 days of iOS {release} ended[ on {date}].", "iOS {release}の90日が[{date}に]終わったため、次に検証が済んだリリースをポリシーが自動で承認します。"},
		"app-carried":     {"[{app} ]is carried over[ from {release}]: a quick check here, the full result there.", "[{app}は][{release}から]結果を引き継いでいます。ここでは簡易確認だけを行いました。"},
		"offered":         {"Released to the verification phones[ by {by}][ on {date}].", "[{by}が][{date}に]検証用端末に適用しました。"},
	}
})

// factTexts words what supports a phone's reason.
var factTexts = sync.OnceValue(func() map[string]both {
	return map[string]both{
		"installed":     {"The phone[ ({model})] runs iOS[ {version}].", "端末[（{model}）]のOSは[{version}]です。"},
		"approved":      {"[{release} was ]approved[ by {by}][ on {date}].", "[{release}は][{by}が][{date}に]承認しました。"},
		"candidate":     {"[{release} is ]released to the verification phones.", "[{release}を]検証用端末に適用しています。"},
		"gate":          {"Gate[ for {release}]: {phase}.", "[{release}の]ゲート：{phase}。"},
		"announced":     {"The phone was told to install[ {release}][ by {deadline} on its own clock].", "[{release}の]適用を指示しました[（端末の時計で{deadline}まで）]。"},
		"install-state": {"The phone reports[ {release}]: {why}.", "端末の報告[（{release}）]：{why}。"},
		"last-contact":  {"Last contact: {date}.", "最後の通信：{date}。"},
		"kept":          {"The installation[ of {release}] is too far on to be stopped.", "[{release}の]インストールが進んでいるため、止められません。"},
		"kept-ready":    {"[{release} is ]ready on the phone, which goes on with it; stopping it is still possible.", "端末は準備済みの[{release}を]そのまま適用します。まだ停止できます。"},
		"no-deadline": {
			"Before iOS 17 there is no true deadline with a passcode: the phone asks, and its user may put[ {release}] off.",
			"iOS 17より前でパスコードを設定した端末には、確実な適用期限がありません。端末が確認を求め、利用者は[{release}を]後回しにできます。",
		},
		"app-install": {"{app}: told to update to {floor} or newer[ (command {count}][ of {date})]: {why}.", "{app}：{floor}以上への更新を指示しました[（{count}回目][、{date}）]。{why}。"},
		"leaked":      {"Updated to {release} unapproved[ at {date}]: {why}.", "[{date}に]未承認の{release}に更新されました：{why}。"},
		"visible":     {"Users can see[ {release}][ since {date:day}].", "[{release}は][{date:day}から]利用者に表示されています。"},
	}
})

// whyTexts words why a test result, or the lack of one, does not count, and
// why a phone cannot be controlled.
var whyTexts = sync.OnceValue(func() map[string]both {
	return map[string]both{
		"wave-kept":                 {"Apple may take the build away less than a week after it", "ビルドが1週間以内に入手できなくなるおそれがある"},
		"no-verdict":                {"not tested", "未検証"},
		"other-group":               {"tested on another group's phone", "他のグループの端末で検証"},
		"production-phone":          {"tested on a production phone", "本番端末で検証"},
		"phone-not-on-release":      {"the phone tested was not on this release", "検証した端末のOSが異なる"},
		"beta-build":                {"the phone tested ran a beta of this release", "検証した端末はこの版のベータだった"},
		"head-start":                {"results there are a head start for the release and open no gate", "検証結果は正式版の参考で、ゲートは開きません"},
		"beta-in-production":        {"it is not released, and results come from verification phones only", "正式版ではなく、検証結果は検証端末でしか記録できません"},
		"tester-not-allowed":        {"the tester may not record results", "検証担当者ではない人の結果"},
		"external-without-evidence": {"an outside result without evidence", "証跡のない外部の結果"},
		"unknown-result":            {"the result is not one we know", "不明な結果"},
		"no-app-version":            {"the app's version is not known", "アプリの版が不明"},
		"revoked":                   {"the result was withdrawn", "結果は取り消し済み"},
		"expired":                   {"the result is no longer valid", "検証結果の有効期限切れ"},
		"broken":                    {"does not work", "動作不良"},
		"unknown-method":            {"the kind of test is not one we know", "不明な検証方法"},
		"smoke-missing":             {"waits for a quick check with the tested app version or a newer one", "簡易確認待ち（検証済みのアプリの版以上で）"},
		"carry-over-off":            {"a quick check alone; the policy carries no results over", "簡易確認のみ（ポリシーは結果を引き継がない）"},
		"full-test-needed":          {"a quick check alone; this release needs a full one", "簡易確認のみ（この版は全項目確認が必要）"},
		"base-broken":               {"does not work on an earlier release of the same line; needs a full check", "同じ系列の前の版で動作不良（全項目確認が必要）"},
		"nothing-to-carry":          {"a quick check alone; no full result on an earlier release of the same line", "簡易確認のみ（同じ系列の前の版に全項目の結果がない）"},
		"models-missing":            {"not tested on every model", "未検証の機種あり"},

		"facts-unknown":           {"the phone has not reported its model and iOS yet", "機種とOSの報告を待っています"},
		"capabilities-unknown":    {"the phone has not reported its capabilities yet", "対応機能の報告を待っています"},
		"version-unreadable":      {"the version it reports cannot be compared", "報告された版を比べられません"},
		"ios-before-9":            {"iOS is older than 9", "iOS 9より前の版です"},
		"ios-before-11.3":         {"iOS is older than 11.3", "iOS 11.3より前の版です"},
		"unsupervised-before-17":  {"before iOS 17 only supervised phones can be told", "iOS 17より前では、監視対象の端末にだけ指示できます"},
		"declaration-unsupported": {"it does not support the instruction", "この指示に対応していません"},
		"supervision-unknown":     {"not known yet whether it is supervised", "監視対象かどうかを確認中です"},
		"settings-refused":        {"the phone refused the settings", "端末が設定を拒否しました"},
		"not-reported":            {"the phone has not confirmed it yet", "端末からの確認を待っています"},
		"model-not-chosen":        {"it is an exception for other models", "別の機種に対する例外承認です"},
		"exception-ended":         {"its exception approval has ended", "例外承認は終わりました"},
		"arrived-newer":           {"it enrolled, or came to the group, with it", "登録時か、グループに入った時点でこのOSでした"},
		"hold-missing":            {"the phone had not confirmed a hold", "端末の延期の設定が未確認でした"},
		"hold-past":               {"Apple's 90 days were over for it", "Appleの90日の延期が終わっていました"},
		"despite-hold":            {"in spite of a confirmed hold, as with a computer", "延期の設定は確認済みでした（パソコンでの更新など）"},
		"unsupervised":            {"the phone is not supervised", "監視対象ではありません"},

		"app-queued":     {"the app update waits for the phone", "アプリの更新の指示は、端末からの接続を待っています"},
		"app-sent":       {"app update sent, waiting for the new version", "アプリの更新を指示済みで、新しい版を待っています"},
		"app-sign-in":    {"the phone waits for an Apple Account to be signed in", "端末がApple Accountのサインインを待っています"},
		"app-consent":    {"the phone asks its user", "端末が利用者に確認を求めています"},
		"app-no-licence": {"there is no licence for the app", "アプリのライセンスがありません"},
		"app-older":      {"the phone has what the App Store has, and that is older", "App Storeの版が、検証済みの版より古いものです"},
		"app-refused":    {"the phone did not update the app", "端末がアプリを更新しませんでした"},
		"app-gave-up":    {"told five times to update the app, without effect", "アプリの更新を5回指示しましたが、更新されていません"},
		"app-no-right":   {"the phone enrolled without the right to manage apps", "登録時の権限に、アプリの管理がありません"},
		"app-by-hand":    {"the phone is not supervised and would ask its user, so nothing is sent", "監視対象ではなく利用者に確認を求めるため、アプリの更新は送りません"},

		"installs-failed": {"installation failed", "インストール失敗"},
		"phones-silent":   {"silent since the installation", "インストール後に通信なし"},
		"apps-reverted":   {"business app gone or back at a lower version", "業務アプリがないか版が戻った"},
		"apps-reported":   {"business app reported broken", "業務アプリの不具合の報告"},
	}
})
