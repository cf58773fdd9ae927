package lang

// japaneseLint are the texts of looking for contradictions in policies.
func japaneseLint() []both {
	return []both{
		{"Look for contradictions in policies", "ポリシーの矛盾を調べる"},
		{
			"Look for contradictions in policies, and for what will not work as it seems to be meant: in one policy, in all, or with -f in all as they would be after `kannuki apply`. " +
				"Contradictions are errors: `kannuki policy set` and `kannuki apply` refuse them, and the exit code here is 3. Warnings are shown only.",
			"ポリシーの矛盾と、意図どおりに働かない設定を調べる。対象は1つのポリシー、すべて、または-fで`kannuki apply`の後のすべて。" +
				"矛盾は誤りとして`kannuki policy set`と`kannuki apply`が拒否し、ここでは終了コード3になる。注意は表示だけする。",
		},
		{"give a policy or --file, not both", "ポリシーと--fileは、どちらか一方を指定してください"},
		{
			"Give the group a policy of your own: `kannuki policy plan %s --policy POLICY` with the same --set.",
			"グループに専用のポリシーを与えてください：`kannuki policy plan %s --policy POLICY`に、同じ--setを付けて確認できます。",
		},
		{"--prune needs --file", "--pruneには--fileが必要です"},
		{"Finding", "指摘"},
		{"Code", "コード"},
		{"error", "誤り"},
		{"warning", "注意"},
		{"%s: policy %s, %s (%s)", "%s：ポリシー%sの%s（%s）"},
		{"Policies: %s. Errors: %d, warnings: %d.", "ポリシー：%s。誤り%d件、注意%d件。"},
	}
}
