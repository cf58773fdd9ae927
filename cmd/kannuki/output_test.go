package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/internal/lang"
)

func testGlobals(tag string) *globals {
	return &globals{text: lang.New(tag).In(time.UTC), output: formTable, getenv: func(string) string { return "" }}
}

func TestTableForPeople(t *testing.T) {
	t.Parallel()
	tab := table{columns: []column{{"name", "名前"}, {"hidden", ""}, {"phones", "Phones"}}}
	tab.add(plain("倉庫"), plain("for programs"), number(3))
	tab.add(plain("sales\nwith\x1b[2J\u009b1m"), plain("x"), plain(""))
	want := "名前               Phones\n" +
		"倉庫               3\n" +
		"sales with [2J 1m  –\n"
	if diff := cmp.Diff(want, tab.text()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestTableForSpreadsheets(t *testing.T) {
	t.Parallel()
	tab := table{columns: []column{{"name", "Name"}, {"hidden", ""}, {"at", "When"}}}
	g := testGlobals(lang.English)
	tab.add(plain(`=HYPERLINK("http://x")`), plain("+1"), g.instant(time.Date(2026, 11, 22, 9, 30, 0, 0, time.FixedZone("JST", 9*3600))))
	tab.add(plain("@cmd"), plain("-2"), g.instant(time.Time{}))
	tab.add(plain("a, \"b\""), plain("\tx"), plain("\rx"))
	tab.add(plain("\x1b[31mred"), plain("two\nlines"), plain(""))
	var b strings.Builder
	if err := tab.writeCSV(&b); err != nil {
		t.Fatal(err)
	}
	want := "name,hidden,at\n" +
		`"'=HYPERLINK(""http://x"")",'+1,2026-11-22T00:30:00Z` + "\n" +
		"'@cmd,'-2,\n" +
		`"a, ""b""",'` + "\tx,\"'\rx\"\n" +
		"\" [31mred\",\"two\nlines\",\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("CSV (-want +got):\n%s", diff)
	}
}

// TestTextForPeople: what people typed does not steer the terminal of who reads it,
// whatever is said around it.
func TestTextForPeople(t *testing.T) {
	t.Parallel()
	g, cmd := testGlobals(lang.English), &cobra.Command{}
	var b strings.Builder
	cmd.SetOut(&b)
	if err := g.show(cmd, answer{text: "Changed: P\x1b[31mOS\nNext\r\n"}); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "Changed: P [31mOS\nNext \n"; got != want {
		t.Errorf("shown %q, want %q", got, want)
	}
}

func TestCells(t *testing.T) {
	t.Parallel()
	g := testGlobals(lang.Japanese)
	tests := []struct {
		name string
		got  cell
		want cell
	}{
		{"nothing", plain(""), cell{"", "–"}},
		{"list", list([]string{"a.b", "c.d"}), cell{"a.b c.d", "a.b, c.d"}},
		{"empty list", list(nil), cell{"", "–"}},
		{"word", g.word("works"), cell{"works", "問題なし"}},
		{"no word", g.word(""), cell{"", "–"}},
		{"phase", g.phase("held"), cell{"held", "検証待ち"}},
		{"reason", g.reason("offline"), cell{"offline", "通信なし"}},
		{"day", day(time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC)), cell{"2026-11-15", "2026-11-15"}},
		{"no day", day(time.Time{}), cell{"", "–"}},
		{"phone's clock", onClock("2026-11-27T18:30:00"), cell{"2026-11-27T18:30:00", "2026-11-27 18:30"}},
		{"no deadline", onClock(""), cell{"", "–"}},
		{"odd deadline", onClock("soon"), cell{"soon", "soon"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.got != tc.want {
				t.Errorf("got %+v, want %+v", tc.got, tc.want)
			}
		})
	}
}

// TestConfirmNeverAsksPrograms: input that is no terminal is not read.
func TestConfirmNeverAsksPrograms(t *testing.T) {
	t.Parallel()
	cmd := &cobra.Command{}
	in := strings.NewReader("no\n")
	cmd.SetIn(in)
	var errs strings.Builder
	cmd.SetErr(&errs)
	if err := testGlobals(lang.English).confirm(t.Context(), cmd, "Sure?", "sales"); err != nil {
		t.Errorf("confirm: %v", err)
	}
	if in.Len() != 3 || errs.Len() != 0 {
		t.Errorf("it read %d bytes and wrote %q, want neither", 3-in.Len(), errs.String())
	}
}

func TestAsked(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{"sales\n": "sales", " sales \r\n": "sales", "sales": "sales", "": "", "\n": ""} {
		var out strings.Builder
		got, err := asked(t.Context(), strings.NewReader(typed), &out, "Sure?")
		if err != nil || got != want || out.String() != "Sure? " {
			t.Errorf("typed %q: got %q, %v, asked %q", typed, got, err, out.String())
		}
	}
}
