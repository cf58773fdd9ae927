package lang

// japanesePeople are the texts about who may act, and about acts that take two
// people.
func japanesePeople() []both {
	return []both{
		{"those of the older rollout that is under way", "展開中の古いリリースの段階を引き継ぐ"},
		{"Who may use the server from elsewhere", "離れた場所からサーバーを使える人"},
		{"Make an API token for a person", "担当者のAPIトークンを作成する"},
		{"Make an API token for a person. The token is a secret: it is shown, or written to a new file that only you can read, " +
			"this once. Who made it is kept: whoever makes a token for somebody cannot act together with that person where two people are needed.", "担当者のAPIトークンを作成する。" +
			"トークンは秘密です。表示する（または本人だけが読める新しいファイルに書き込む）のは今回だけです。" +
			"作成した人も記録します。2名必要な操作で、作成した人とその担当者は2名とは数えません。"},
		{"whom it is for", "使う人"},
		{"name of the token (default: the person's name, with a number when it is taken)", "トークンの名前（既定：使う人の名前。使用済みなら番号付き）"},
		{"when it ends: +90d (the default), at most +365d", "有効期限：+90d（既定）、最長+365d"},
		{"file to write the token to, which must not exist; or table, json or csv to show it", "トークンを書き込むファイル（新規のみ）。table、json、csvなら画面に表示する"},
		{"Token %s of %s, until %s. It is shown nowhere else.", "トークン%s（%s）、有効期限%s。二度と表示されません。"},
		{"Wrote %s. Token %s of %s, until %s.", "%sに書き込みました。トークン%s（%s）、有効期限%s。"},
		{"List the API tokens, never their secrets", "APIトークンの一覧を表示する（秘密は表示しない）"},
		{"Person", "担当者"},
		{"State", "状態"},
		{"Made by", "作成した人"},
		{"Made", "作成日時"},
		{"Ends", "有効期限"},
		{"End an API token at once", "APIトークンをすぐに無効にする"},
		{"Revoked: token %s of %s.", "無効にしました：トークン%s（%s）。"},
		{"Nothing done: token %s of %s was revoked already, %s by %s.", "何もしていません。トークン%s（%s）はすでに無効です（%s、%s）。"},
		{"%s still has: %s. Each is revoked by itself.", "%sには、ほかに有効なトークンがあります：%s。1つずつ無効にしてください。"},
		{"End an API token at once. A person can have several; those that still work are named.", "APIトークンをすぐに無効にする。1人が複数のAPIトークンを持てるため、まだ有効なものの名前を示す。"},
		{"Propose to open a gate that is not verified; a second person signs", "検証未完了のゲートの例外承認を提案する（2人目が承認）"},
		{"Propose to open a gate that is not verified (an exception approval). Nothing changes for phones until another person signs it " +
			"with `kannuki approval sign`; offsets count from then. What keeps the gate closed is shown and recorded. The override ends by itself. " +
			"A verified gate is refused (exit 3): use `kannuki gate approve`. In the last week of its build, which is too late for that, " +
			"it is taken, in one wave unless --wave says otherwise, as long as the build is offered.", "検証未完了のゲートの例外承認を提案する。別の人が`kannuki approval sign`で承認するまで、端末には何も起きない。" +
			"時間は承認のときから数える。ゲートが閉じている理由を表示し、記録する。例外承認は自動で終わる。" +
			"検証済みのゲートは拒否する（終了コード3）：`kannuki gate approve`を使う。承認に間に合わない提供終了前の最後の週は受け付け、" +
			"提供中に終わる期限に限り、--waveがなければ1段階で全台に求める。"},
		{"when the exception ends: +14d, or 2026-12-06T18:00 in the server's time zone; at most 90 days", "例外承認の終わり：+14d、またはサーバーの時間帯で2026-12-06T18:00。最長90日"},
		{"only phones of this model, such as iPhone14,5; may be repeated (default: the whole production ring)", "この機種の端末だけ（例：iPhone14,5）。繰り返し可（既定：本番端末すべて）"},
		{"propose only for the gate as it was shown with this fingerprint (default: as it is now)", "この照合値で表示されたゲートだけを提案する（既定：現在のゲート）"},
		{"Proposed: %s. Nothing changes for phones until another person signs it:", "提案しました：%s。別の人が承認するまで、端末には何も起きません："},
		{"If it were signed now:", "いま承認した場合："},
		{"Acts that take two people", "2名必要な操作"},
		{"List the acts that take two people, newest first", "2名必要な操作の一覧を新しい順に表示する"},
		{"Nothing was ever proposed that takes two people.", "2名必要な操作の提案はありません。"},
		{"Show one of them: who wants what, why, and what was shown", "提案を1つ表示する：誰が何を、なぜ、何を見て提案したか"},
		{"Sign what another person proposed: it is carried out at once", "別の人の提案を承認する。すぐに実行する"},
		{"Sign what another person proposed: it is carried out at once. The person who proposed it is refused, and so is one whose token was " +
			"made by that person (exit 3). When the gate is no longer the one that was shown to the proposer, nothing is done (exit 5).", "別の人の提案を承認する。すぐに実行する。" +
			"提案した本人と、その人がトークンを作成した担当者は拒否する（終了コード3）。" +
			"提案後にゲートが変わっていれば、何も実行しない（終了コード5）。"},
		{"Refuse what another person proposed", "別の人の提案を却下する"},
		{"Withdraw what you proposed", "自分の提案を取り下げる"},
		{"Refused: %s.", "却下しました：%s。"},
		{"Withdrawn: %s.", "取り下げました：%s。"},
		{"Signed: %s.", "承認しました：%s。"},
		{"when it would open closed gates: propose it for a second person to sign", "閉じたゲートが開く変更のとき、2人目の承認を求めて提案する"},
		{"It changes:", "変更の内容："},
		{"(The settings before and after it are not recorded.)", "（変更前後の設定は記録されていません。）"},
		{"It opens these gates, now or later, as they were shown:", "今または後で開くゲート（提案時の状態）："},
		{"It opens these gates, or gets phones past them, as they were shown:", "開くゲート、または閉じたまま端末が迂回するゲート（提案時の状態）："},
		{"It makes %d production phones of %s verification phones within %d days; one person may say so of %d.", "本番端末%[1]d台（グループ%[2]s、%[3]d日間の合計）を検証用端末にします。1名で行えるのは%[4]d台までです。"},
		{"Phones get there what is closed to them where they are:", "移動先で端末に適用されるようになるリリースのゲート："},
		{"What the phones would be told, once their apps there are recent enough:", "移動先のアプリの版が条件を満たした後に端末へ届く指示："},
		{"Sign it? These phones will be asked to install what nobody has verified, in order to test it; iOS cannot go back. Type sign:", "承認しますか？ これらの端末は、検証のため、検証が済んでいないOSを適用する対象になります。iOSは元に戻せません。signと入力してください："},
		{"Cannot be signed", "承認できない理由"},
		{"settings are not as they were shown", "設定が提案時から変わっています"},
		{"the gates are not as they were shown", "ゲートが提案時から変わっています"},
		{"a phone is not where it was, or has left", "端末が移されたか、管理から外れています"},
		{"Sign it? The gates above open without a test, now or later. Type sign:", "承認しますか？ 上のゲートが検証なしで今または後で開きます。signと入力してください："},
		{"Settings, gates or phones are no longer as they were shown to the proposer. Withdraw or refuse it, and propose again.", "設定、ゲート、端末のいずれかが提案時から変わっています。取り下げるか却下して、もう一度提案してください。"},
		{"No phone has to do anything because of it.", "この変更で対応が必要になる端末はありません。"},
		{"Proposed by", "提案した人"},
		{"Ended by", "終わらせた人"},
		{"Lapses", "提案の期限"},
		{"%s: iOS %s for %s", "%s：iOS %s、%s"},
		{"Deadline, counted from the signature", "適用期限（承認から）"},
		{"Start, counted from the signature", "開始（承認から）"},
		{"Ends, counted from the signature", "例外承認の終わり（承認から）"},
		{"Results that say it does not work, accepted", "承知のうえの動作不良の結果"},
		{"The gate as it was shown: %s [%s]", "提案時のゲート：%s [%s]"},
		{"Sign it? Phones will be asked to install what nobody has verified; iOS cannot go back. Type the group name:", "承認しますか？ 検証が済んでいないOSを端末に適用します。iOSは元に戻せません。グループ名を入力してください："},
		{"What was shown to the proposer is no longer so. Withdraw or refuse it, look at `kannuki gate show %s --group %s`, and propose again.", "提案のときとゲートが変わりました。取り下げるか却下し、`kannuki gate show %s --group %s`で確認して、もう一度提案してください。"},
		{"Signed: iOS %s for %s.", "承認しました：iOS %s、%s。"},
		{"The exception ends at %s.", "例外承認は%sに終わります。"},
		{"%d proposals wait for a second person: `kannuki approval list`.", "2人目の承認を待つ提案が%d件あります：`kannuki approval list`。"},
		{"There is no proposal %q.", "提案%qはありません。"},
		{"List: `kannuki approval list`.", "一覧は`kannuki approval list`です。"},
		{"There is no token %q.", "トークン%qはありません。"},
		{"List: `kannuki token list`.", "一覧は`kannuki token list`です。"},
	}
}
