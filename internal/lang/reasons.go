package lang

import "sync"

// reasonText is the wording of a phone's reason in both languages.
type reasonText struct{ label, sentence both }

// reasonTexts words every reason a phone can have. A sentence says what is so
// and blames nobody; what comes next is in stepTexts.
var reasonTexts = sync.OnceValue(func() map[string]reasonText {
	return map[string]reasonText{
		"gate-closed": {
			both{"Not approved yet", "承認前"},
			both{
				"[{release} ]is held back[ for {group}][ ({phase})][; {why}]. Nothing installs until it is approved.",
				"[{release}は][{group}で]適用を止めています[（{phase}）][。{why}]。承認されるまで始まりません。",
			},
		},
		"paused": {
			both{"Paused", "一時停止中"},
			both{
				"The rollout[ of {release}] is paused[ because of {app}][ by {by}][: {reason}].",
				"[{release}の]展開は一時停止中です[（対象アプリ：{app}）][（{by}）][。判断理由：{reason}]。",
			},
		},
		"wave-not-started": {
			both{"Starts later", "開始前"},
			both{
				"[{release}: ]this phone is in a later wave[, which starts {date}][, which does not start: {why}].",
				"[{release}：]この端末は後の段階で始まります[（{date}）][（開始しません：{why}）]。",
			},
		},
		"outside-calendar": {
			both{"Outside update times", "適用できる日時の外"},
			both{
				"[{release}: ]the calendar of the group's policy has no updates now[, not before {date}].",
				"[{release}：]グループのポリシーの暦により、今は適用しません[（{date}から）]。",
			},
		},
		"sync-pending": {
			both{"Instruction on its way", "指示を送信中"},
			both{
				"There is an instruction[ for {release}] the phone does not know yet[ (last call {date})][: {why}].",
				"[{release}の]新しい指示があり、端末からの接続を待っています[（最後の通知：{date}）][。{why}]。",
			},
		},
		"declaration-not-fetched": {
			both{"Not picked up yet", "指示を未取得"},
			both{
				"The phone was told[ at {date}] and has not fetched the instruction[ for {release}].",
				"[{date}に]通知しましたが、端末がまだ[{release}の]指示を受け取っていません。",
			},
		},
		"locked": {
			both{"Locked", "ロック中"},
			both{
				"The phone was locked and answered \"not now\"[ at {date}].",
				"端末がロック中のため、[{date}に]保留の応答がありました。",
			},
		},
		"offline": {
			both{"No contact", "通信なし"},
			both{
				"The phone has not been in contact[ since {date}].",
				"[{date}から]端末との通信がありません。",
			},
		},
		"push-unreachable": {
			both{"Cannot be woken", "通知が届かない"},
			both{
				"Apple's push service no longer accepts this phone's push token[ (last contact {date})].",
				"Appleのプッシュ通知サービスが、この端末のプッシュ用トークンを受け付けません[（最後の通信：{date}）]。",
			},
		},
		"downloading": {
			both{"Downloading", "ダウンロード中"},
			both{
				"The phone is downloading[ {release}][, since {date}].",
				"[{release}を]ダウンロード中です[（{date}から）]。",
			},
		},
		"waiting-for-user": {
			both{"Ready", "準備完了"},
			both{
				"[{release} is ]ready to install[; it starts at {deadline} on the phone's clock].",
				"[{release}の]インストールの準備ができました[。端末の時計で{deadline}に始まります]。",
			},
		},
		"passcode-needed": {
			both{"Passcode needed", "パスコード待ち"},
			both{
				"The deadline[ ({deadline} on the phone's clock)] has passed and the phone waits for its passcode.",
				"適用期限[（端末の時計で{deadline}）]を過ぎ、パスコードの入力を待っています。",
			},
		},
		"installing": {
			both{"Installing", "インストール中"},
			both{
				"The phone is installing[ {release}][, since {date}].",
				"[{release}を]インストール中です[（{date}から）]。",
			},
		},
		"no-space": {
			both{"Not enough space", "空き容量不足"},
			both{
				"The phone has not enough free space[ for {release}].",
				"[{release}に必要な]空き容量が足りません。",
			},
		},
		"battery": {
			both{"Charge needed", "充電不足"},
			both{
				"The battery is too low to install[ {release}].",
				"[{release}の]インストールに必要な充電が足りません。",
			},
		},
		"install-failed": {
			both{"Installation failed", "インストール失敗"},
			both{
				"The installation[ of {release}] did not succeed[ (attempts: {count})][; the phone says: {why}].",
				"[{release}の]インストールに失敗しました[（{count}回）][。端末の報告：{why}]。",
			},
		},
		"hold-ended": {
			both{"Hold ended", "延期の終了"},
			both{
				"Apple's 90 days are over: users can see[ {release}] and install it[ (gate: {phase})][; the group's setting: {setting}].",
				"Appleが認める90日の延期が終わり、利用者は[{release}を]表示してインストールできます[（ゲート：{phase}）][。グループの設定：{setting}]。",
			},
		},
		"app-update-needed": {
			both{"App first", "先にアプリを更新"},
			both{
				"A business app must be updated first[: {app}][ to {floor} or newer][ (now {version})][; {why}][ (the phone says: {reason})].",
				"先に業務アプリの更新が必要です[：{app}][（{floor}以上）][。現在は{version}][。{why}][（端末の報告：{reason}）]。",
			},
		},
		"app-version-unknown": {
			both{"App versions unknown", "アプリの版が不明"},
			both{
				"The versions of the business apps on this phone are not known yet[: {app}].",
				"この端末の業務アプリの版がまだ分かりません[：{app}]。",
			},
		},
		"model-not-verified": {
			both{"Model not covered", "承認対象外の機種"},
			both{
				"The approval[ of {release}] does not cover this model[ ({model})][: {why}][ ({models})]; the phone waits alone.",
				"[{release}の]承認は、この機種[（{model}）]を対象にしていません[。{why}][（{models}）]。この端末だけ待ちます。",
			},
		},
		"model-cannot-run": {
			both{"Model too old", "対象外の機種"},
			both{
				"This model[ ({model})] cannot run[ {release}]. Nothing is sent.",
				"この機種[（{model}）]は[{release}に]対応していません。何も送りません。",
			},
		},
		"unsupervised": {
			both{"Cannot be held", "延期できない端末"},
			both{
				"The phone is not supervised: an update can be required but not hidden, so its user may install one at any time.",
				"監視対象ではないため、更新の適用はできますが、延期はできません。利用者がいつでも更新できます。",
			},
		},
		"newer-than-verified": {
			both{"Ahead of the gate", "先に更新済み"},
			both{
				"The phone is already on[ {version},] a release that is not approved[ for {group}][; not verified: {missing}]. iOS cannot go back.",
				"端末は[{group}で]未承認の[{version}に]更新されています[。未検証の業務アプリ：{missing}]。iOSは元に戻せません。",
			},
		},
		"single-app-mode": {
			both{"Single App Mode", "シングルアプリモード"},
			both{
				"The phone is locked to one app, so the update[ to {release}] cannot start.",
				"1つのアプリに固定されているため、[{release}への]更新を始められません。",
			},
		},
		"ungrouped": {
			both{"Unassigned", "未割り当ての端末"},
			both{
				"The phone is in no group: its updates are held and nothing is installed.",
				"グループが未割り当てです。更新は延期したまま、何も適用しません。",
			},
		},
		"done": {
			both{"Done", "完了"},
			both{
				"The phone is on[ {version}][, a beta (build {build})][: {why}]; nothing is to be installed on it[ (since {date})].",
				"端末のOSは[{version}]です[（ベータ版、ビルド{build}）][。{why}]。適用するものはありません[（{date}から）]。",
			},
		},
		"removed": {
			both{"Removed", "登録解除"},
			both{
				"The phone is not enrolled any more[, since {date}]. Nothing is asked of it, and what it holds back is not known.",
				"この端末の登録は解除されています[（{date}から）]。何も指示しません。更新を延期しているかどうかは分かりません。",
			},
		},
		"not-controllable": {
			both{"Cannot be controlled", "制御できない端末"},
			both{
				"[{release} is approved, but ]this phone cannot be told to install it[: {why}].",
				"[{release}は承認済みですが、]この端末にはインストールを指示できません[：{why}]。",
			},
		},
	}
})
