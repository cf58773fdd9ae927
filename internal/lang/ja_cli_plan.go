package lang

// japanesePlan are the texts of what a change of policy would make phones do.
func japanesePlan() []both {
	return []both{
		{"Show what a change of policy would make which phones do", "ポリシーの変更で、どの端末がどうなるかを確認する"},
		{
			"Show what a change of policy would make which phones do, by asking the engine about every phone as it is now: giving GROUP another policy (--policy), changing the policy of GROUP or the one of --policy (--set), or applying files (-f). " +
				"Also shown are gates that change, waves that move and results that count until another day. Nothing is changed. What would be refused is refused here too (exit 3).",
			"ポリシーの変更で、どの端末がどうなるかを、現在の全端末について判定して示す。対象は、GROUPのポリシーの変更（--policy）、GROUPまたは--policyのポリシーの設定の変更（--set）、ファイルの適用（-f）。" +
				"変わるゲート、動く段階、有効期間の変わる検証結果も示す。何も変更しない。拒否される変更は、ここでも拒否する（終了コード3）。",
		},
		{"policy that GROUP is to get, or that --set changes", "GROUPに指定する、または--setで変えるポリシー"},
		{"a setting of the policy as files have it, such as %s; may be repeated", "ファイルと同じ書き方のポリシーの設定（%sなど。繰り返し可）"},
		{"--file says all of the change; leave the rest out", "変更はすべて--fileから読みます。ほかの指定は外してください"},
		{"--set %q: want one setting and its value, such as %s", "--set %q：設定と値を1つずつ、%sのように指定してください"},
		{"--set %q: a policy keeps its name", "--set %q：ポリシーの名前は変更できません"},
		{"--set %q and --set %q are the same setting", "--set %qと--set %qは同じ設定です"},
		{"say what is to change: GROUP and --policy, --set with one of them, or --file", "変更する内容を指定してください：GROUPと--policy、そのどちらかと--set、または--file"},
		{"Runs", "現在のOS"},
		{"What happens", "変化"},
		{"asked to install", "適用を指示"},
		{"request taken back", "指示を取り消し"},
		{"can no longer be stopped", "停止できない"},
		{"another deadline", "期限の変更"},
		{"other settings", "設定の変更"},
		{"nothing for now", "今のところ変化なし"},
		{"to be tested", "検証用"},
		{"approved", "承認済み"},
		{"0 phones install anything because of it.", "この変更で適用を始める端末はありません（0台）。"},
		{"%d phones are asked to install something because of it.", "この変更で%d台に適用を指示します。"},
		{"Requests taken back: %d. Phones that can no longer be stopped: %d.", "指示の取り消し：%d台。停止できない端末：%d台。"},
		{"and %d phones more", "ほか%d台"},
		{"Gate before", "ゲート（変更前）"},
		{"Gate after", "ゲート（変更後）"},
		{"Missing after", "変更後に不足する業務アプリ"},
		{"Start before", "開始（変更前）"},
		{"Start after", "開始（変更後）"},
		{"Deadline before", "適用期限（変更前）"},
		{"Deadline after", "適用期限（変更後）"},
		{"Result counts until, before", "結果の有効期限（変更前）"},
		{"for ever", "無期限"},
	}
}
