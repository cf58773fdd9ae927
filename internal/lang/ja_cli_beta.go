package lang

// japaneseBeta are the texts about betas of releases to come.
func japaneseBeta() []both {
	return []both{
		{
			"Policy %s names the beta program %s, which the configuration does not have: its verification phones take part in none.",
			"ポリシー%sのベータプログラム%sが設定ファイルにありません。検証用端末はベータプログラムに参加しません。",
		},
		{
			"Add it to beta_programs in config.yaml with its token and restart the server, or `kannuki policy set %s --beta off`.",
			"config.yamlのbeta_programsにトークンとともに追加してサーバーを再起動するか、`kannuki policy set %s --beta off`を実行してください。",
		},
		{"Beta", "ベータ"},
		{"Beta program", "ベータプログラム"},
		{"%s is not in config.yaml: no phone takes part", "%sがconfig.yamlにないため、どの端末も参加しません"},
		{"%s; offered to testers", "%s：検証担当者に表示"},
		{"%s; verification phones take part by themselves", "%s：検証用端末は自動で参加"},
		{"name of the beta program, one of beta_programs in config.yaml", "ベータプログラムの名前。config.yamlのbeta_programsにあるもの"},
		{
			"Apple's beta program on verification phones with iOS 18 or later: off (none), offer (testers may choose it in the settings of the phone) or require (supervised phones take part by themselves); production phones never take part",
			"iOS 18以降の検証用端末でのAppleベータプログラム：off（参加しない）、offer（検証担当者が端末の設定で選べる）、require（監視対象端末は自動で参加）。本番端末は参加しません",
		},
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
