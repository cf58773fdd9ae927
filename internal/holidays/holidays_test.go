package holidays_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/japanese"

	"github.com/kannuki-mdm/kannuki/internal/holidays"
)

const head = "国民の祝日・休日月日,国民の祝日・休日名称\r\n"

// published returns a text as the Cabinet Office publishes it.
func published(t testing.TB, text string) string {
	t.Helper()
	out, err := japanese.ShiftJIS.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRead(t *testing.T) {
	t.Parallel()
	rows := head + "1955/1/1,元日\r\n2024/12/31,休日\r\n2025/1/1,元日\r\n2026/11/23,勤労感謝の日\r\n2027/1/1,元日\r\n"
	newest := []string{"2025-01-01", "2026-11-23", "2027-01-01"}
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"a list":                        {"# ours\n2026-11-23 # Labour\n\n2026-01-01\n2026-11-23", []string{"2026-01-01", "2026-11-23"}},
		"a list with a byte-order mark": {"\ufeff2026-11-23\r\n", []string{"2026-11-23"}},
		"a list with Japanese comments": {published(t, "2026-11-23 # 勤労感謝の日\n"), []string{"2026-11-23"}},
		"the table":                     {published(t, rows), newest},
		"the table in UTF-8":            {rows, newest},
		"the table out of Excel":        {"\ufeff" + strings.ReplaceAll(rows, "\r", ""), newest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := holidays.Read(strings.NewReader(tc.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("days (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("2026-11-23\n", 5001)
	for name, tc := range map[string]struct {
		text string
		line int
		code string
	}{
		"nothing":             {"", 0, holidays.CodeEmpty},
		"comments alone":      {"# none\n", 0, holidays.CodeEmpty},
		"a table without any": {head, 0, holidays.CodeEmpty},
		"no day":              {"2026-01-01\n2026-02-30\n", 2, holidays.CodeNotDay},
		"another table":       {"date,name\n2026/1/1,x\n", 1, holidays.CodeWrongHead},
		"a day of a list":     {head + "2026-01-01,元日\n", 2, holidays.CodeNotRow},
		"a padded day":        {head + "2026/01/01,元日\n", 2, holidays.CodeNotRow},
		"no such day":         {head + "2026/1/1,元日\n2026/2/30,休日\n", 3, holidays.CodeNotRow},
		"no name":             {head + "2026/1/1,\n", 2, holidays.CodeNotRow},
		"a third column":      {head + "2026/1/1,元日,x\n", 2, holidays.CodeNotRow},
		"an empty line":       {head + "2026/1/1,元日\n\n2026/1/2,休日\n", 3, holidays.CodeNotRow},
		"a day twice":         {head + "2026/1/1,元日\n2026/1/1,休日\n", 3, holidays.CodeRepeated},
		"too many lines":      {many, 5001, holidays.CodeTooLong},
		"too many bytes":      {strings.Repeat("#", 256<<10+1), 0, holidays.CodeTooLarge},
		"no text":             {"2026-01-01\n\xff\xfe\n", 0, holidays.CodeNotText},
		"an escape":           {"2026-01-01\n2026-01-02\x1b[31m\n", 2, holidays.CodeNotText},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := holidays.Read(strings.NewReader(tc.text))
			e, ok := errors.AsType[*holidays.Error](err)
			if !ok || e.Line != tc.line || e.Code != tc.code {
				t.Errorf("%v, want line %d, %s", err, tc.line, tc.code)
			}
		})
	}
}

// FuzzRead: whatever the file holds, what comes back are days, sorted, each once; else an
// *Error names a line of it.
func FuzzRead(f *testing.F) {
	for _, text := range []string{"", "2026-11-23 # x\n", head, head + "2026/1/1,元日\r\n", published(f, head+"2026/1/1,元日\r\n2027/1/1,元日\r\n"), "a,b\n", "\x81"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		days, err := holidays.Read(bytes.NewReader(text))
		if err != nil {
			if e, ok := errors.AsType[*holidays.Error](err); !ok || e.Line < 0 || e.Line > bytes.Count(text, []byte("\n"))+1 {
				t.Fatalf("%v of %q", err, text)
			}
			return
		}
		if len(days) == 0 || !slices.IsSorted(days) || len(slices.Compact(slices.Clone(days))) != len(days) {
			t.Fatalf("%q", days)
		}
		for _, day := range days {
			if _, err := time.Parse(time.DateOnly, day); err != nil {
				t.Fatal(err)
			}
		}
	})
}
