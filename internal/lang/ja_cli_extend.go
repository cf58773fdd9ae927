package lang

// japaneseExtend are the texts about adding models to an approval that stands.
func japaneseExtend() []both {
	return []both{
		{"Add a model that joined later to the approval that stands", "あとから加わった機種を、出ている承認に加える"},
		{"Add models that joined after the approval, or were not verified then, to the approval that stands. " +
			"Each has to be verified on the release as the gate asks, or it is refused with every missing app named (exit 3). " +
			"Phones fall into the waves of the rollout, each with the notice of its group. An exception is not extended: its models are chosen by two people.", "" +
			"承認のあとに加わった機種、承認時に未検証だった機種を、出ている承認に加える。" +
			"各機種がその版で、ゲートの条件どおり検証済みであることが必要で、足りなければアプリを示して拒否する（終了コード3）。" +
			"端末は展開の各段階に入り、グループの予告期間を守る。例外承認の機種は2名で決めるため、加えられない。"},
		{"only this model, such as iPhone14,5; may be repeated (default: all that wait because they are not covered)", "この機種だけ（例：iPhone14,5）。複数指定できる（既定：承認の対象外で待っているすべての機種）"},
		{"extend only the gate as it was shown with this fingerprint (default: as it is now)", "この照合値で表示されたゲートだけに加える（既定：現在のゲート）"},
		{"Add %s to the approval of iOS %s for %s? iOS cannot go back. Type the group name:", "%sを承認に加えますか（iOS %s、%s）。iOSは元に戻せません。グループ名を入力してください："},
		{"Added to the approval of iOS %s for %s: %s.", "承認に加えました（iOS %s、%s）：%s。"},
		{"Model not covered by the approval", "承認の対象外の機種"},
		{"Missing", "不足"},
		{"nothing", "なし"},
	}
}
