package lang

import "sync"

// lintText is the wording of one thing that is wrong with a policy.
type lintText struct{ why, change both }

// LintText is the wording of one thing that is wrong with a policy. Both fields
// may hold placeholders for [Printer.Fill].
type LintText struct {
	Why    string // what is wrong, one or two sentences
	Change string // what to change
}

// Lint returns the wording of a finding about a policy (package policy, Lint…
// codes). An unknown code comes back as its own cause.
func (p *Printer) Lint(code string) LintText {
	t, ok := lintTexts()[code]
	if !ok {
		return LintText{Why: code}
	}
	return LintText{Why: t.why.in(p.lang), Change: t.change.in(p.lang)}
}

var lintTexts = sync.OnceValue(func() map[string]lintText {
	return map[string]lintText{
		"reminders-never": {
			both{"No weekday is left for reminders: each is closed, or named as one without.", "リマインドできる曜日がありません。どの曜日も、適用しないか、リマインドしない曜日です。"},
			both{"Take weekdays away from those without reminders, or allow more in the calendar.", "リマインドしない曜日を減らすか、暦で許す曜日を増やしてください。"},
		},
		"calendar-never-open": {
			both{"The calendar leaves no hour open within a year; no wave can start.", "この暦では、1年以内に適用できる時がありません。どの段階も始まりません。"},
			both{"Take closed days away, or allow more weekdays.", "適用しない日を減らすか、曜日を増やしてください。"},
		},
		"rollout-beyond-hold": {
			both{
				"Even on the best day a rollout takes {length} until the last deadline, longer than the {limit} for which Apple hides a release: users are ahead of the last wave.",
				"最も早くても最後の適用期限まで{length}かかり、Appleが隠す{limit}を超えます。最後の段階より先に利用者がインストールできます。",
			},
			both{"Take fewer waves, a shorter watch period or a shorter deadline.", "段階を減らすか、様子見期間か期限を短くしてください。"},
		},
		"deadline-under-notice": {
			both{
				"The deadline of {length} is shorter than the notice of {limit} that every phone of {group} gets: no phone can be held to it.",
				"期限{length}が、グループ{group}の端末への予告期間{limit}より短く、どの端末もこの期限では適用しません。",
			},
			both{"Take a longer deadline, or a shorter minimum notice of the group.", "期限を長くするか、グループの予告期間を短くしてください。"},
		},
		"rollout-outlives-release": {
			both{
				"Even on the best day a rollout takes {length} until the last deadline; most releases are replaced within {limit}, so the last wave would seldom install what was approved.",
				"最も早くても最後の適用期限まで{length}かかります。多くのリリースは{limit}以内に置き換わるため、最後の段階は承認した版をほとんど適用しません。",
			},
			both{"Take fewer waves, a shorter watch period or a shorter deadline.", "段階を減らすか、様子見期間か期限を短くしてください。"},
		},
		"calendar-delays-rollout": {
			both{
				"Because of the calendar a rollout that begins on {day} takes {length} until the last deadline; most releases are replaced within {limit}.",
				"この暦では、{day}に始めた展開は最後の適用期限まで{length}かかります。多くのリリースは{limit}以内に置き換わります。",
			},
			both{"Close fewer days in a row, or expect to approve a newer release then.", "続けて閉じる日を減らすか、その時期は新しいリリースの承認に備えてください。"},
		},
		"holidays-end": {
			both{
				"The last of the holidays that are known is {day}[ (calendar {calendar})]: after that a holiday is a day like any other.",
				"登録されている祝日は{day}までです[（暦{calendar}）]。その後の祝日は、ほかの日と同じ扱いになります。",
			},
			both{
				"Give the holidays of the next year[: `kannuki calendar set {calendar} --holidays FILE`][: `kannuki policy set {policy} --holidays FILE`].",
				"次の年の祝日を登録してください[（`kannuki calendar set {calendar} --holidays FILE`）][（`kannuki policy set {policy} --holidays FILE`）]。",
			},
		},
		"opening-under-notice": {
			both{
				"The calendar is never open for longer than {length}, but phones of {group} get a notice of {limit}: every deadline slides to a later opening than its start.",
				"この暦が続けて開くのは最長{length}ですが、グループ{group}の予告期間は{limit}です。適用期限は毎回、開始より後の別の日に延びます。",
			},
			both{"Open longer or adjoining days, or take a shorter minimum notice of the group.", "続いた日を開けるか、グループの予告期間を短くしてください。"},
		},
		"carry-over-outlived": {
			both{
				"Results count for {length}; the last patch of an iOS x.y comes up to {limit} after it, when there may be nothing left to carry over.",
				"結果の有効期間は{length}です。iOS x.yの最後の修正はx.yから最長{limit}後に出るため、その時には引き継ぐ結果がないことがあります。",
			},
			both{"Let results count for longer, or leave that to the day each result names (0).", "有効期間を長くするか、0（結果に指定した日まで）にしてください。"},
		},
		"soak-before-deadline": {
			both{
				"The watch period of {length} ends before the deadline of {limit}: the next wave starts before phones of the one before have to install.",
				"様子見期間{length}が期限{limit}より短く、前の段階の端末が適用する前に次の段階が始まります。",
			},
			both{"Watch for longer than the deadline.", "様子見期間を期限より長くしてください。"},
		},
		"soak-before-silence": {
			both{
				"The watch period of {length} ends before a phone counts as silent, after {limit}: the next wave starts before that can stop the rollout.",
				"様子見期間{length}が、端末を応答なしとみなすまでの{limit}より短く、応答がなくなっても次の段階が先に始まります。",
			},
			both{
				"Watch for longer, let phones count as silent earlier (`--breaker-silent-after`), or do without that signal (`--breaker-silent 0`).",
				"様子見期間を長くするか、応答なしとみなす時間を短くする（`--breaker-silent-after`）か、この条件を使わないでください（`--breaker-silent 0`）。",
			},
		},
		"soak-without-waves": {
			both{"There is a watch period of {length} and nothing to wait for: all phones start at once.", "様子見期間{length}がありますが、全台同時に始まるため意味がありません。"},
			both{"Give waves, such as 5%, 25%, 100%, or take the watch period away.", "5%、25%、100%のように段階を指定するか、様子見期間を除いてください。"},
		},
		"waves-without-soak": {
			both{"There are {count} waves and no watch period: they start together.", "段階が{count}ありますが、様子見期間がないため同時に始まります。"},
			both{"Give a watch period, or start times with each approval.", "様子見期間を指定するか、承認のたびに開始を指定してください。"},
		},
		"waves-empty": {
			both{"Wave {wave} has no phone: production phones of {group}: {count}, and the waves before take as many or more.", "第{wave}段階に端末がありません。グループ{group}の本番端末は{count}台で、前の段階までに同じかそれ以上の台数が始まります。"},
			both{"Take fewer waves or put their shares further apart, or give this group another policy: a number of phones is the same in every group.", "段階を減らすか割合の差を広げるか、このグループを別のポリシーにしてください。台数はどのグループでも同じです。"},
		},
		"enforce-without-apps": {
			both{
				"When Apple's 90 days end the newest verified release is to be installed, but {group} has no critical or important app: nothing is ever verified there.",
				"90日の延期が終わると検証済みの最も新しい版を適用する設定ですが、グループ{group}には最重要・重要な業務アプリがなく、検証済みになりません。",
			},
			both{"Give the group its business apps, or choose another setting for the end of the hold.", "グループに業務アプリを加えるか、延期が終わるときの設定を変えてください。"},
		},
		"no-verification-phones": {
			both{
				"Production phones of {group}: {count}, verification phones: 0. Only results from elsewhere can open its gates.",
				"グループ{group}には本番端末が{count}台ありますが、検証用端末がありません。外部の結果でしかゲートは開きません。",
			},
			both{"Move a phone of each model to the verification ring.", "各機種1台を検証用に移してください。"},
		},
		"reminders-quiet": {
			both{
				"Quiet hours leave {length} of a day. Reminders about a group are sent on the full hour, so less than {limit} may leave none.",
				"リマインドしない時間帯を除くと、1日に{length}しか残りません。グループについてのリマインドは毎正時に送るため、{limit}より短いと送れないことがあります。",
			},
			both{"Leave at least an hour of each day, or take the reminders away.", "1日に1時間以上を残すか、リマインドをやめてください。"},
		},
		"reminder-before-told": {
			both{
				"{step} comes before phones are told: their deadline is at most {length} after that. It is taken at once then, or passed over if a later step is due as well.",
				"{step}は、端末に適用を知らせるより前になります（適用期限は知らせてから最長{length}後）。知らせた時にすぐ行うか、その時までに後の手順も来ていれば飛ばします。",
			},
			both{"Take a shorter time before the deadline, a longer deadline, or count from when phones are told (+6h).", "期限までの時間を短くするか、期限を長くするか、知らせた時から数えてください（+6hなど）。"},
		},
		"notice-after-deadline": {
			both{
				"{step} announces an update when its deadline has come.",
				"{step}は更新の予告ですが、適用期限が来てから行います。",
			},
			both{"Take an earlier time, or a message, which says what keeps the phone from it.", "早い時を指定するか、適用を妨げているものを知らせるmessageにしてください。"},
		},
		"always-without-step": {
			both{
				"Steps of the kind {step} may be delivered in quiet hours, but the policy has none.",
				"{step}は時間帯にかかわらず届ける設定ですが、ポリシーにその手順がありません。",
			},
			both{"Add such a step, or take the kind away from chase_always.", "その手順を加えるか、chase_alwaysから除いてください。"},
		},
		"stop-never": {
			both{
				"Every limit of the automatic stop is 0: whatever happens to phones, nothing but a person stops a rollout.",
				"自動停止のしきい値がすべて0です。端末に何が起きても、人が止めない限り展開は続きます。",
			},
			both{"Give at least one limit, such as breaker_reports 3 or breaker_failed 10.", "breaker_reports 3、breaker_failed 10のように、1つ以上を指定してください。"},
		},
		"stop-beyond-group": {
			both{
				"Production phones of {group}: {count}; a percentage counts from {limit} on, and reports of broken apps are switched off, so nothing ever stops a rollout there.",
				"グループ{group}の本番端末は{count}台ですが、割合は{limit}台以上で判定します。不具合の報告による停止もないため、展開は自動では止まりません。",
			},
			both{"Let percentages count from fewer phones, or give breaker_reports.", "判定に必要な台数を減らすか、breaker_reportsを指定してください。"},
		},
		"urgent-off": {
			both{
				"The urgent route has a deadline of {length}, but the policy switches that route off.",
				"緊急対応の期限が{length}ですが、このポリシーは緊急対応を使いません。",
			},
			both{"Switch the route on (urgent: lane), or take the deadline back to 24h.", "緊急対応を使う（urgent: lane）か、期限を24hに戻してください。"},
		},
	}
})
