package lang

// japaneseApps are the texts of apps that are brought up to date before a release.
func japaneseApps() []both {
	return []both{
		{
			"how a version that a release needs comes to supervised phones first: none (the default), store (by the Apple Account on the phone) or licensed (by licences of Apps and Books)",
			"OSの適用に必要な版のアプリを、監視対象の端末へ先に届ける方法：none（届けない。既定）、store（端末のApple Account）、licensed（Appとブックのライセンス）",
		},
		{"before a release that needs it, from the App Store by the phone's Apple Account", "OSの適用前に、App Storeから（端末のApple Account）"},
		{"before a release that needs it, from the App Store by licences", "OSの適用前に、App Storeから（ライセンス）"},
		{"not by Kannuki", "Kannukiからは届けない"},
		{"%d phones get an app update first.", "先にアプリを更新する端末：%d台。"},
		{
			"On %d production phones somebody has to update an app first; Kannuki does not bring it there:",
			"先に人がアプリを更新する必要のある本番端末：%d台（Kannukiからは届けません）",
		},
		{"%d phones: %s to %s or newer (now %s)", "%d台：%sを%s以上に（現在は%s）"},
		{
			"Update it by hand, or have Kannuki bring it to supervised phones: `kannuki app set %s --deliver licensed` (or `store`).",
			"手作業で更新するか、監視対象の端末にはKannukiから届けてください：`kannuki app set %s --deliver licensed`（または`store`）",
		},
		{"Updated", "更新の方法"},
		{"Waits for the app", "待っているアプリ"},
		{"not delivered by Kannuki", "Kannukiからは届けません"},
		{
			"what the App Store has of an app, with a licence for each phone, such as com.example.pos=1.3; may be repeated",
			"App Storeにあるアプリの版（各端末のライセンスつき。com.example.pos=1.3など。繰り返し可）",
		},
		{"app updated first", "先にアプリを更新"},
	}
}
