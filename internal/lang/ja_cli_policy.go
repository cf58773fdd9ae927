package lang

// japanesePolicy are the texts about policies and what they decide.
func japanesePolicy() []both {
	return []both{
		{"What is decided beforehand about the gates of groups", "グループのゲートについて前もって決めておくこと（ポリシー）"},
		{"List the policies, the built-in one first", "ポリシーの一覧を表示する（先頭は組み込み）"},
		{"Show one policy and the groups it decides about", "ポリシー1つと、使っているグループを表示する"},
		{"Make a policy, or change one; what is not given stays", "ポリシーを作成または変更する（指定しない設定は変わらない）"},
		{"Make a policy, or change one; what is not given stays, or is as in the built-in policy when it is new. A change holds at once, for results recorded before as well: " +
			"one that would open a closed gate is refused, with the gates named (exit 3). Give a group its policy with `kannuki group set --policy`.", "ポリシーを作成または変更する。指定しない設定は変わらず、新しいポリシーでは組み込みと同じになる。変更はすでに記録した結果にも直ちに及ぶ。" +
			"閉じたゲートが開く場合は、そのゲートを示して拒否する（終了コード3）。グループには`kannuki group set --policy`で指定する。"},
		{"Remove a policy that no group has", "どのグループにも使われていないポリシーを削除する"},
		{"Removed policy %s.", "ポリシー%sを削除しました。"},
		{"Policy %s decides about these groups: %s.", "ポリシー%sを使うグループ：%s。"},
		{"Policy", "ポリシー"},
		{"Carry-over", "結果の引き継ぎ"},
		{"Results count", "結果の有効期間"},
		{"After 90 days", "90日の延期が終わったら"},
		{"Changed", "変更"},
		{"built in, cannot be changed", "組み込み（変更不可）"},
		{"until the day they name", "結果に指定した日まで"},
		{"on", "する"},
		{"off", "しない"},
		{"on: results of 26.6 count for 26.6.1 after a quick check there; off: every release is tested in full", "on：26.6の結果を、26.6.1での簡易確認の後に引き継ぐ。off：リリースごとに全項目を確認する"},
		{"for how many days a result counts; 0: until the day it names itself", "結果の有効日数（0は結果に指定した日まで）"},
		{"when Apple's 90 days end before an approval: extend-risk (stay closed, the risk is accepted), release-to-users (stay closed, users may install) or enforce (approve the newest verified release)", "承認の前にAppleの90日が終わったとき：extend-risk（閉じたまま、リスクを受け入れる）、release-to-users（閉じたまま、利用者に任せる）、enforce（検証済みの最も新しい版を承認する）"},
		{"--%s %q: want on or off", "--%s %q：onかoffを指定してください"},
		{"background security improvements such as 26.3.1 (a): accept (phones take them by themselves), reverify (each has a gate of its own) or off (not offered); the last two on supervised phones with iOS 18 or later", "26.3.1 (a)などのバックグラウンドセキュリティ改善：accept（端末が自分で適用する）、reverify（改善ごとにゲートを設けて検証する）、off（表示しない）。reverifyとoffはiOS 18以降の監視対象端末のみ"},
		{"on: nobody can remove an improvement from a phone; off: its user can", "on：適用した改善は端末から削除できない。off：利用者が削除できる"},
		{"%s; nobody can remove one", "%s（削除不可）"},
		{"Security improvements", "セキュリティ改善"},
		{"Major versions", "メジャーバージョン"},
		{"A result stands for", "検証結果が代表する端末"},
		{"phones that a result stands for: hardware (those of the same model), screen (those with the same screen) or any (all)", "検証結果が代表する端末：hardware（同じ機種）、screen（画面サイズが同じ機種）、any（すべて）"},
		{"Unapproved updates", "未承認の更新"},
		{"when a production phone is updated unapproved: record (in the audit log), tell (by a notice as well) or retest (also offer the release to the verification phones, once, for a quick result)", "本番端末が未承認で更新されたとき：record（監査ログに記録する）、tell（通知もする）、retest（さらに、早く結果を得るため、そのリリースを検証端末に1回だけ配布する）"},
		{"higher major versions of iOS: hold (stay on the older one while Apple maintains it; only a person's decision brings the higher one) or allow (like any other release)", "上位のメジャーバージョン：hold（Appleの更新が続く間は今のバージョンにとどまり、上位へは人の判断でのみ進む）、allow（ほかのリリースと同じ扱い）"},
		{"policy that decides about the group's gates; a new group has the built-in one, default", "グループのゲートを決めるポリシー（新しいグループは組み込みのdefault）"},
		{"Record what a test of an app found. Release, model and app version come from the phone's own report, not from you. " +
			"A result made elsewhere needs --external with --evidence and is shown as such for ever. " +
			"On a phone with a beta the release may be one that Apple has not posted yet: such a result is a head start and opens or closes no gate. " +
			"A quick check (--method smoke) counts for a patch such as 26.6.1 only, on top of a full result of an earlier release of 26.6, and where the group's policy carries results over.", "アプリの検証結果を記録する。リリース、機種、アプリの版は、記録する人ではなく端末の報告による。" +
			"別の場所での結果には--externalと--evidenceが必要で、その旨が残る。" +
			"ベータの端末では、Appleが未公開のリリースの結果も記録できる。先行検証の結果であり、ゲートには影響しない。" +
			"簡易確認（--method smoke）は、26.6.1のような修正アップデートで、26.6系の前の版に全項目の結果があり、グループのポリシーが結果を引き継ぐ場合だけ有効になる。"},
		{"how it was tested: full, smoke (the quick check), automated or pilot (used for work)", "検証方法：full（全項目確認）、smoke（簡易確認）、automated（自動テスト）、pilot（試験運用）"},
		{"file that supports the result; its name and SHA-256 are recorded, the file stays here; may be repeated", "結果を裏付けるファイル。名前とSHA-256だけを記録し、ファイルは送らない（繰り返し可）"},
		{"Method", "検証方法"},
		{"Evidence files", "証跡ファイル"},
		{"%s, with a note", "%s（注意点あり）"},
		{"Show how far every app is on every release, and by whose result", "すべての業務アプリのリリースごとの検証状況と、結果を記録した人を表示する"},
		{"Show how far every app is on every release, and by whose result. The releases are those with a gate and those with a result, newest first, " +
			"also betas of those to come; a screen shows the newest ones, -o json and -o csv all of them.", "すべての業務アプリのリリースごとの検証状況と、結果を記録した人を表示する。対象はゲートまたは結果のあるリリース（公開前のベータを含む）で、新しい順に並べる。" +
			"画面には新しいものだけを、-o jsonと-o csvではすべてを示す。"},
		{"Group %s", "グループ%s"},
		{"%d older releases are in -o json and -o csv.", "ほかに古いリリースが%d件あります（-o jsonと-o csv）。"},
		{"Show which models and iOS lines of production no verification phone stands for", "検証用端末で代表されていない本番端末の機種とiOSの系列を表示する"},
		{"Show which models and iOS lines of production no verification phone stands for, and the smallest set of verification phones that would bring the share to %d %%. A phone stands for those that the group's policy lets its results stand for (its own model, or those with the same screen, or any) on its own line of iOS: none can go back to one that it left.", "検証用端末で代表されていない本番端末の機種とiOSの系列と、割合を%d %%にするために追加する最小限の検証用端末を表示する。検証用端末が代表するのは、グループのポリシーが認める端末（同じ機種、画面サイズが同じ機種、またはすべての機種）のうち、同じiOSの系列の端末だけです（前の系列には戻れません）。"},
		{"The screens of these models are not known here, so that each stands for itself alone: %s.", "画面サイズが登録されていない機種です。それぞれ単独で扱います：%s。"},
		{"Model or iOS line", "機種またはiOSの系列"},
		{"Suggested", "提案"},
		{"add %s", "追加：%s"},
		{"%s on iOS %s", "%s（iOS %s）"},
		{"Stood for", "代表済み"},
		{"iOS %s", "iOS %s"},
		{"Group %s has no production phone whose model is known.", "グループ%sには機種の分かる本番端末がありません。"},
		{"The verification phones of %s stand for %s %% of its production phones.", "%sの検証用端末は本番端末の%s %%を代表しています。"},
		{"The verification phones of %s stand for %s %% of its production phones; with one each of %s they would for %s %%.", "%[1]sの検証用端末は本番端末の%[2]s %%を代表しています。%[3]sを1台ずつ追加すると%[4]s %%になります。"},
		{"No fixes since", "修正の終了"},
		{"There is no policy %q.", "ポリシー%qはありません。"},
		{"List: `kannuki policy list`.", "一覧は`kannuki policy list`です。"},
	}
}
