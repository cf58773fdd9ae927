package lang

import (
	"testing"
	"time"
)

func TestNew(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"ja": Japanese, "ja-JP": Japanese, "ja_JP": Japanese, "JA": Japanese,
		"en": English, "en-GB": English, "": English, "de": English, "zh-Hant": English, "not a tag": English,
	}
	for tag, want := range tests {
		if got := New(tag).Lang(); got != want {
			t.Errorf("New(%q) speaks %s, want %s", tag, got, want)
		}
	}
}

func TestFromEnv(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		env  map[string]string
		want string
	}{
		{"nothing set", nil, English},
		{"LANG", map[string]string{"LANG": "ja_JP.UTF-8"}, Japanese},
		{"LC_MESSAGES before LANG", map[string]string{"LANG": "en_US.UTF-8", "LC_MESSAGES": "ja_JP.UTF-8"}, Japanese},
		{"LC_ALL before all", map[string]string{"LC_ALL": "C", "LC_MESSAGES": "ja_JP", "LANG": "ja_JP"}, English},
		{"C with codeset", map[string]string{"LANG": "C.UTF-8"}, English},
		{"POSIX", map[string]string{"LANG": "POSIX"}, English},
		{"modifier", map[string]string{"LANG": "ja_JP.eucJP@cjknarrow"}, Japanese},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := FromEnv(func(k string) string { return tc.env[k] }).Lang(); got != tc.want {
				t.Errorf("speaks %s, want %s", got, tc.want)
			}
		})
	}
}

func TestTAndN(t *testing.T) {
	t.Parallel()
	ja := &Printer{lang: Japanese, table: map[string]string{
		"%s is on %s":      "%[2]sの%[1]s",
		"%d phones of %s":  "%[2]sの端末%[1]d台",
		"Nothing to see":   "ありません",
		"%d phones in all": "全%d台",
	}}
	en := printer(English)
	tests := []struct{ name, got, want string }{
		{"English", en.T("%s is on %s", "A", "26.6.1"), "A is on 26.6.1"},
		{"Japanese turns the order", ja.T("%s is on %s", "A", "26.6.1"), "26.6.1のA"},
		{"missing Japanese", ja.T("%s has none", "A"), "A has none"},
		{"one", en.N(1, "%d phone of %s", "%d phones of %s", "sales"), "1 phone of sales"},
		{"other", en.N(2, "%d phone of %s", "%d phones of %s", "sales"), "2 phones of sales"},
		{"Japanese counts one", ja.N(1, "%d phone of %s", "%d phones of %s", "sales"), "salesの端末1台"},
		{"Japanese missing, one", ja.N(1, "%d app", "%d apps"), "1 app"},
	}
	for _, tc := range tests {
		if tc.got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, tc.got, tc.want)
		}
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	if got, want := New("ja").In(time.FixedZone("JST", 9*3600)).Time(at), "2026-11-22 18:30 +09:00"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWidth(t *testing.T) {
	t.Parallel()
	tests := map[string]int{
		"":         0,
		"sales":    5,
		"倉庫":       4,
		"iOS 27、倉": 10,
		"（検証）":     8,
		"ｶﾅ":       2, // half-width kana
		"か\u3099":  2, // with a combining mark
		"○△×":      3, // ambiguous
		"a\x1bb":   2, // a control character takes no column
		"e\u0301":  1,
		"1\u200b2": 2,
		"中文Latin":  9,
		"全角１２":     8,
	}
	for s, want := range tests {
		if got := Width(s); got != want {
			t.Errorf("Width(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestPad(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{"倉庫": "倉庫  ", "sales": "sales ", "本番端末": "本番端末", "": "      "} {
		if got := Pad(s, 6); got != want {
			t.Errorf("Pad(%q, 6) = %q, want %q", s, got, want)
		}
	}
}
