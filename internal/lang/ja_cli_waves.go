package lang

// japaneseWaves are the texts about rolling out in waves.
func japaneseWaves() []both {
	return []both{
		{"a share of the phones and when it starts, repeated: %s, %s (with a deadline of its own) or %s (phones); a share counts those before it, " +
			"--deadline +3d counts from each wave's start (default: all at once)", "端末の割合と開始。繰り返して指定する：%s、%s（期限も指定）、%s（台数）。割合は前の段階を含む。" +
			"--deadline +3dは各段階の開始から数える（既定：全台同時）"},
		{"least time between the starts of two waves, such as 2d; it begins anew when a stopped rollout goes on", "段階の間の様子見期間（2dなど）。止まった展開を再開すると数え直す"},
		{"Wave", "段階"},
		{"Start", "開始"},
		{"Install deadline", "適用期限"},
		{"Not started", "開始前"},
		{"Being watched", "様子見中"},
		{"Started", "開始済み"},
		{"Waits for the wave before", "前の段階の様子見待ち"},
		{"Stopped", "停止中"},
	}
}
