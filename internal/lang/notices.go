package lang

import (
	"maps"
	"sync"
)

// Notice returns what a notice says to people: its kind (package fleet, Notice…
// constants), what it is about and its params, which cannot stand in for what it
// is about. An unknown kind comes back as it is.
func (p *Printer) Notice(kind, group, release, device string, params map[string]string) string {
	all := map[string]string{}
	maps.Copy(all, params)
	all["group"], all["release"], all["device"], all["help"] = group, release, device, params["reason"]
	all["stops"] = p.stops(params)
	return p.Fill(p.coded(noticeTexts(), kind), all)
}

// noticeTexts words the kinds of notices. {group}, {release} and {device} are the
// notice's own; the rest are its params.
var noticeTexts = sync.OnceValue(func() map[string]both {
	return map[string]both{
		"test": {"This is a test of the channel. Nothing has happened.", "通知先の確認です。何も起きていません。"},

		"hold.alarm": {
			"iOS {release} for {group}: day {day} of the 90 for which it can be held back. Users can see it from {users_see_it_from}. Gate: {phase}[; not verified: {missing}].",
			"{group}のiOS {release}：延期できる90日のうち{day}日目です。利用者に表示される日：{users_see_it_from}。ゲート：{phase}[（未検証：{missing}）]。",
		},
		"hold.ended": {
			"iOS {release} for {group}: the 90 days are over, users can see it. Policy {policy}: {outcome}[ (iOS {approved})].[ Not verified on iOS {release}: {missing}.]",
			"{group}のiOS {release}：90日が過ぎ、利用者に表示されます。ポリシー{policy}：{outcome}[（iOS {approved}）]。[iOS {release}で未検証：{missing}。]",
		},
		"hold.settled": {
			"iOS {release} for {group}: what the policy {policy} waited for since the hold ended has come: {outcome}[ (iOS {approved})].",
			"{group}のiOS {release}：延期の終了後にポリシー{policy}が待っていた状態になりました：{outcome}[（iOS {approved}）]。",
		},
		"branch.quiet": {
			"iOS {line} has had no release[ for {model}] since {newest} of {posted}, and newer iOS has: it may have ended. {group} has phones on it; the newer one is iOS {release}.",
			"iOS {line}は、[{model}では]{posted}の{newest}を最後に更新がなく、より新しいiOSは更新されています。更新が終わった可能性があります。{group}にこのiOSの端末があります。より新しいiOS：{release}。",
		},
		"branch.stopped": {
			"Fixes for iOS {line} ended[ for {model}]: the last was {newest} of {posted}. {group} has phones on it; the newer one is iOS {release}.",
			"iOS {line}の修正提供の終了[（{model}）]：最後は{posted}の{newest}です。{group}にこのiOSの端末があります。より新しいiOS：{release}。",
		},
		"release.urgent": {
			"iOS {release} is urgent for {group}: it fixes {flaws}, known to be exploited[ (beside {known}, told before)]; production phones without the fix: {count} (on iOS {from}). Gate: {phase}.[ {step}] See `kannuki gate show {release} --group {group}`.",
			"{group}のiOS {release}は急ぎます：悪用が確認された{flaws}を修正します[（通知済み：{known}）]。未修正の本番端末：{count}台（iOS {from}）。ゲート：{phase}。[{step}]確認：`kannuki gate show {release} --group {group}`",
		},
		"release.left-open": {
			"iOS {release}, declined for {group}, would fix {flaws}, known to be exploited[ (beside {known}, told before)], and nothing approved does. Production phones left with such a flaw: {count}[; verification phones: {verification}]. Approve a newer release with the fix: `kannuki gate list --group {group}`.",
			"{group}が拒否したiOS {release}は、悪用が確認された{flaws}を修正します[（通知済み：{known}）]。承認済みのリリースには修正がありません。影響する本番端末：{count}台[、影響する検証用端末：{verification}台]。修正を含む新しいリリースを承認してください：`kannuki gate list --group {group}`",
		},
		"override.ended": {
			"The exception for iOS {release} in {group} ended on {date}. It was given by {by} and {second}: {reason}. Phones that are asked no longer: {count}[; that install it already: {installing}]. Gate: {phase}.[ {step}] See `kannuki gate show {release} --group {group}`.",
			"{group}のiOS {release}の例外承認は{date}に終わりました。承認：{by}、{second}。判断理由：{reason}。適用を求めなくなった端末：{count}台[、すでに適用中の端末：{installing}台]。ゲート：{phase}。[{step}]確認：`kannuki gate show {release} --group {group}`",
		},
		"phone.leaked": {
			"[Phone {device} of {group} was updated to iOS {release} unapproved][ from {from}][: {why}.][On {day}, beside the first, production phones of {group} came to iOS {release} unapproved: {count} ({phones}). Why: {causes}. See `kannuki leak list --group {group}`.][ Not verified: {missing}.]",
			"[{group}の端末{device}が][{from}から][iOS {release}に更新されました（未承認）。理由：{why}。][{day}に、最初の1台のほか、{group}の本番端末{count}台がiOS {release}に更新されました（未承認）：{phones}。理由：{causes}。一覧：`kannuki leak list --group {group}`。][未検証：{missing}。]",
		},
		"rollout.stopped": {
			"The rollout of iOS {release} for {group} stopped by itself and waits for a person.[ Why: {stops}.][ Phones: {phones}.] See `kannuki rollout status {release} --group {group}`.",
			"{group}のiOS {release}の展開が自動停止しました。[理由：{stops}。][端末：{phones}。]再開には担当者の操作が必要です：`kannuki rollout status {release} --group {group}`",
		},
		"rollout.hurried": {
			"The rollout of iOS {release} for {group} was hurried by {by} and {second}, because of {flaws}: {reason}. Phones told an earlier deadline or put in new waves: {count}. Last deadline: {deadline} (was {before}), by each phone's clock.",
			"{group}のiOS {release}の展開を前倒ししました：{by}と{second}。対象：{flaws}。判断理由：{reason}。期限が早まるか、新しい段階に移る端末：{count}台。最後の期限（端末の時計）：{deadline}（変更前：{before}）。",
		},
		"rollout.wave-kept": {
			"Wave {wave} of iOS {release} for {group} does not start: it would end after {latest}, and the build may be gone on {date}. Approve a newer release, with --rebase to go on with these waves, or propose an exception (`kannuki gate override`): `kannuki rollout show {release} --group {group}`.",
			"{group}のiOS {release}の第{wave}段階は開始しません。期限が{latest}より後になり、{date}にビルドが入手できなくなるおそれがあります。新しい版を承認するか（--rebaseで段階を引き継げます）、例外承認（`kannuki gate override`）を提案してください：`kannuki rollout show {release} --group {group}`",
		},
		"verdict.beta-broken": {
			"{name} {version} does not work on the beta of iOS {release} ({build}), tested in {group}[ on {model}]. Ask the vendor before Apple posts the release[: {vendor}]. Result: `kannuki verdict show {id}`.",
			"{name} {version}はiOS {release}のベータ（{build}）で動作不良です（{group}[、{model}]で検証）。リリースの公開前にベンダーに確認してください[：{vendor}]。検証結果：`kannuki verdict show {id}`",
		},
		"chase.notice": {
			"iOS {release} is coming[ to phone {device}][ to {count} phones of {group} without a holder: {phones}][; it installs by {deadline}, the phone's clock][; {state}].",
			"[端末{device}に][利用者番号のない{group}の{count}台（{phones}）に]iOS {release}を適用します[（期限：端末の時計で{deadline}）][（{state}）]。",
		},
		"chase.message": {
			"iOS {release} is not installed yet[ on phone {device}][ on {count} phones of {group} without a holder: {phones}][; deadline {deadline}, the phone's clock][; {state}].[ {help}][ {reasons}.]",
			"[端末{device}に][利用者番号のない{group}の{count}台（{phones}）に]iOS {release}がまだ適用されていません[（期限：端末の時計で{deadline}）][（{state}）]。[{help}][{reasons}。]",
		},
		"chase.escalate": {
			"{count} phones of {group} are late with iOS {release}: {reasons}. Phones: {phones}. All: `kannuki rollout chase {release} --group {group} --phones`.",
			"{group}の{count}台にiOS {release}がまだ適用されていません：{reasons}。端末：{phones}。全台：`kannuki rollout chase {release} --group {group} --phones`",
		},
		"chase.ticket": {
			"For the help desk: {count} phones of {group} need help with iOS {release}: {reasons}. Phones: {phones}. All: `kannuki rollout chase {release} --group {group} --phones`.",
			"ヘルプデスクへ：{group}の{count}台に、iOS {release}の適用の支援が必要です：{reasons}。端末：{phones}。全台：`kannuki rollout chase {release} --group {group} --phones`",
		},
		"chase.tests.notice": {
			"iOS {release} is to be tested[ on phone {device}][ on {count} verification phones of {group} without a holder: {phones}]. Apps without a result: {missing}.[ Verify by {verify_by}; days left: {days}.][ It was to be verified by {verify_by}; days since: {late}.]",
			"[端末{device}で][利用者番号のない{group}の検証用端末{count}台（{phones}）で]iOS {release}を検証します。結果のないアプリ：{missing}。[検証期限：{verify_by}（残り{days}日）。][検証期限：{verify_by}（{late}日超過）。]",
		},
		"chase.tests.message": {
			"Results are missing for iOS {release}[ on phone {device}][ on {count} verification phones of {group} without a holder: {phones}]. Apps: {missing}.[ Verify by {verify_by}; days left: {days}.][ It was to be verified by {verify_by}; days since: {late}.][ {help}][ {reasons}.]",
			"[端末{device}の][利用者番号のない{group}の検証用端末{count}台（{phones}）の]iOS {release}の検証結果がありません。アプリ：{missing}。[検証期限：{verify_by}（残り{days}日）。][検証期限：{verify_by}（{late}日超過）。][{help}][{reasons}。]",
		},
		"chase.tests.escalate": {
			"iOS {release} waits for tests in {group}: no result for {missing}.[ Verify by {verify_by}; days left: {days}.][ It was to be verified by {verify_by}; days since: {late}.] Verification phones: {count}: {reasons} ({phones}). See `kannuki gate show {release} --group {group}`.",
			"{group}のiOS {release}は検証待ちです。結果のないアプリ：{missing}。[検証期限：{verify_by}（残り{days}日）。][検証期限：{verify_by}（{late}日超過）。]検証用端末{count}台：{reasons}（{phones}）。確認：`kannuki gate show {release} --group {group}`",
		},
		"chase.tests.ticket": {
			"For the help desk: the tests of iOS {release} in {group} need help: no result for {missing}.[ Verify by {verify_by}; days left: {days}.][ It was to be verified by {verify_by}; days since: {late}.] Verification phones: {count}: {reasons} ({phones}). See `kannuki gate show {release} --group {group}`.",
			"ヘルプデスクへ：{group}のiOS {release}の検証の支援が必要です。結果のないアプリ：{missing}。[検証期限：{verify_by}（残り{days}日）。][検証期限：{verify_by}（{late}日超過）。]検証用端末{count}台：{reasons}（{phones}）。確認：`kannuki gate show {release} --group {group}`",
		},
		"proposal.waiting": {
			"{proposer} proposes what takes two people[: {about}][: iOS {release} for {group}]. A second person can sign until {date}: `kannuki approval show {id}`.",
			"{proposer}さんが2名の承認が必要な操作を提案しました[：{about}][：{group}のiOS {release}]。{date}までに2人目の承認が必要です：`kannuki approval show {id}`",
		},
		"proposal.signed": {
			"{by} signed what {proposer} proposed[: iOS {release} for {group}].",
			"{proposer}さんの提案を{by}さんが承認しました[：{group}のiOS {release}]。",
		},
		"proposal.refused": {
			"{by} refused what {proposer} proposed[: iOS {release} for {group}].",
			"{proposer}さんの提案を{by}さんが却下しました[：{group}のiOS {release}]。",
		},
	}
})

// outcomeTexts words what came of the end of a hold (package fleet, outcome…
// constants).
var outcomeTexts = sync.OnceValue(func() map[string]both {
	return map[string]both{
		"stays-closed":     {"the gate stays closed", "ゲートは閉じたままです"},
		"approved":         {"the newest verified release is approved", "検証済みの最新リリースを承認しました"},
		"nothing-verified": {"no release is verified, so none is approved", "検証済みのリリースがないため、承認していません"},
		"decided-already":  {"a release at least as new was decided on before", "同じか新しいリリースがすでに判断済みです"},
		"build-gone":       {"what is verified may be gone before its deadline, so nothing is approved", "検証済みのリリースは適用期限より前に提供が終わることがあるため、承認していません"},
		"withdrawn":        {"what is verified was withdrawn by a person", "検証済みのリリースは担当者が取り下げています"},
	}
})
