package lang

// japaneseBeta are the texts about betas of releases to come.
func japaneseBeta() []both {
	return []both{
		{"Beta", "ベータ"},
		{"%s (beta)", "%s（ベータ）"},
		{"It was a beta (%s): the result opens and closes no gate.", "ベータ（%s）での結果のため、ゲートには影響しません。"},
		{"Next step", "次の手順"},
		{"Next step: %s", "次の手順：%s"},
		{"Ask the vendor of %s (%s) for a version that works on iOS %s, before Apple posts it.", "iOS %[3]sの公開前に、%[1]sのベンダー（%[2]s）に対応版を依頼してください。"},
		{
			"Ask the vendor of %s for a version that works on iOS %s, before Apple posts it. Nobody recorded how to reach them: `kannuki app set %s --vendor-contact …`.",
			"iOS %[2]sの公開前に、%[1]sのベンダーに対応版を依頼してください。連絡先が未登録です：`kannuki app set %[3]s --vendor-contact …`",
		},
	}
}
