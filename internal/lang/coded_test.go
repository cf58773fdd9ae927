package lang

import (
	"go/ast"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/internal/deptest"
	"github.com/kannuki-mdm/kannuki/policy"
)

// pairs returns every text of the coded tables, by table and code.
func pairs() map[string]both {
	all := make(map[string]both)
	for code, t := range reasonTexts() {
		all["reason label "+code], all["reason "+code] = t.label, t.sentence
	}
	for code, t := range phaseTexts() {
		all["phase label "+code], all["phase "+code] = t.label, t.line
	}
	for code, t := range lintTexts() {
		all["lint why "+code], all["lint change "+code] = t.why, t.change
	}
	for name, table := range map[string]map[string]both{
		"step": stepTexts(), "gate": gateTexts(), "fact": factTexts(), "why": whyTexts(), "word": wordTexts(), "mark": markTexts(),
		"refusal": refusalTexts(), "method": methodTexts(), "record": recordTexts(), "notice": noticeTexts(), "outcome": outcomeTexts(), "help": helpTexts(), "import": importWarningTexts(), "import change": importChangeTexts(),
		"channel": channelFaultTexts(), "cause": causeTexts(),
	} {
		for code, t := range table {
			all[name+" "+code] = t
		}
	}
	return all
}

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

// TestCodedTexts wants both languages, the same placeholders in both, names
// that package policy really fills, and brackets that close.
func TestCodedTexts(t *testing.T) {
	t.Parallel()
	params := constants(t, "Param")
	for name, text := range pairs() {
		if text.en == "" || text.ja == "" {
			t.Errorf("%s: a language is missing: %+v", name, text)
		}
		en, ja := placeholder.FindAllString(text.en, -1), placeholder.FindAllString(text.ja, -1)
		slices.Sort(en)
		slices.Sort(ja)
		if diff := cmp.Diff(en, ja); diff != "" {
			t.Errorf("%s: the placeholders differ (-English +Japanese):\n%s", name, diff)
		}
		for _, p := range en {
			if !strings.HasPrefix(name, "refusal ") && !strings.HasPrefix(name, "notice ") && !strings.HasPrefix(name, "import ") && !strings.HasPrefix(name, "channel ") && !slices.Contains(params, strings.TrimSuffix(strings.Trim(p, "{}"), ":day")) {
				t.Errorf("%s: package policy has no parameter %s", name, p)
			}
		}
		for _, s := range []string{text.en, text.ja} {
			if !regexp.MustCompile(`^([^\[\]]|\[[^\[\]]*\{[^\[\]]*\])*$`).MatchString(s) {
				t.Errorf("%s: an optional part is open, nested or without a placeholder: %q", name, s)
			}
		}
	}
}

// TestLabelsAreShort holds the lengths that fit a table: 40 columns.
func TestLabelsAreShort(t *testing.T) {
	t.Parallel()
	for name, text := range pairs() {
		if !strings.Contains(name, " label ") {
			continue
		}
		for _, s := range []string{text.en, text.ja} {
			if Width(s) > 40 {
				t.Errorf("%s: %q takes %d columns, want at most 40", name, s, Width(s))
			}
		}
	}
}

// TestCodesOfPolicy compares the tables with the codes that package policy can
// produce, in both directions.
func TestCodesOfPolicy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		prefix string
		have   []string
	}{
		{"Reason", slices.Sorted(maps.Keys(reasonTexts()))},
		{"Phase", slices.Sorted(maps.Keys(phaseTexts()))},
		{"Gate", slices.Sorted(maps.Keys(gateTexts()))},
		{"Fact", slices.Sorted(maps.Keys(factTexts()))},
		{"Why", slices.Sorted(maps.Keys(whyTexts()))},
		{"Method", slices.Sorted(maps.Keys(methodTexts()))},
		{"Record", slices.Sorted(maps.Keys(recordTexts()))},
		{"Step", slices.Sorted(maps.Keys(stepTexts()))},
		{"Lint", slices.Sorted(maps.Keys(lintTexts()))},
	}
	for _, tc := range tests {
		if diff := cmp.Diff(constants(t, tc.prefix), tc.have); diff != "" {
			t.Errorf("texts of policy's %s… codes (-policy +lang):\n%s", tc.prefix, diff)
		}
	}
	var reasons []string
	for _, code := range policy.Reasons() {
		reasons = append(reasons, string(code))
	}
	slices.Sort(reasons)
	if diff := cmp.Diff(constants(t, "Reason"), reasons); diff != "" {
		t.Errorf("policy.Reasons (-constants +listed):\n%s", diff)
	}
	for _, prefix := range []string{"Status", "Importance", "Ring", "Result", "Candidate", "ModelClass", "OnExpiry", "Install", "Hold"} {
		for _, code := range constants(t, prefix) {
			if _, ok := wordTexts()[code]; !ok {
				t.Errorf("policy's %s… value %q has no word", prefix, code)
			}
		}
	}
	for _, code := range constants(t, "Status") {
		if _, ok := markTexts()[code]; !ok {
			t.Errorf("app state %q has no mark", code)
		}
	}
}

// constants returns the values of package policy's string constants whose
// names start with prefix, sorted. It reads the source, because a type's
// constants cannot be listed at run time.
func constants(t *testing.T, prefix string) []string {
	t.Helper()
	var values []string
	for _, f := range source(t).Files {
		if f.Dir() != "policy" {
			continue
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !strings.HasPrefix(spec.Names[0].Name, prefix) || len(spec.Values) != 1 {
				return true
			}
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				value, _ := strconv.Unquote(lit.Value)
				values = append(values, value)
			}
			return true
		})
	}
	if len(values) == 0 {
		t.Fatalf("package policy has no constants %s…", prefix)
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// parsed is the tree this test belongs to, read once for all tests.
var parsed = sync.OnceValues(func() (*deptest.Tree, error) {
	dir, err := deptest.Root()
	if err != nil {
		return nil, err
	}
	return deptest.Load(dir)
})

// source returns the tree without its tests.
func source(t *testing.T) *deptest.Tree {
	t.Helper()
	tree, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	own := *tree
	own.Files = slices.DeleteFunc(slices.Clone(tree.Files), func(f deptest.File) bool { return f.Test })
	return &own
}

func TestFill(t *testing.T) {
	t.Parallel()
	jst := time.FixedZone("JST", 9*3600)
	tests := []struct {
		name   string
		lang   string
		text   string
		params map[string]string
		want   string
	}{
		{"plain", "en", "Nothing to do.", nil, "Nothing to do."},
		{"value", "en", "{app} is old", map[string]string{"app": "POS"}, "POS is old"},
		{"no value", "en", "since {date}", nil, "since unknown"},
		{"no value, Japanese", "ja", "{date}から", nil, "不明から"},
		{"optional part", "en", "Paused[ by {by}][: {reason}].", map[string]string{"by": "tanaka"}, "Paused by tanaka."},
		{"both parts", "en", "Paused[ by {by}][: {reason}].", map[string]string{"by": "tanaka", "reason": "a [b] {c}"}, "Paused by tanaka: a [b] {c}."},
		{"half a part", "en", "x[ {app} {floor}]y", map[string]string{"app": "POS"}, "xy"},
		{"phase", "ja", "{phase}", map[string]string{"phase": "verified"}, "検証済み（承認待ち）"},
		{"why", "en", "{why}", map[string]string{"why": "no-verdict"}, "not tested"},
		{"what a proposal is about", "en", "{about}", map[string]string{"about": "to-test"}, "Many production phones become verification phones"},
		{"install state", "ja", "{why}", map[string]string{"why": "prepared"}, "準備完了"},
		{"Apple's own text", "en", "{why}", map[string]string{"why": "No space left"}, "No space left"},
		{"list", "ja", "{missing}", map[string]string{"missing": "a.b,c.d"}, "a.b、c.d"},
		{"phone's clock", "en", "{deadline}", map[string]string{"deadline": "2026-11-27T18:30:00"}, "2026-11-27 18:30"},
		{"instant", "ja", "{date}", map[string]string{"date": "2026-11-27T09:30:00Z"}, "2026-11-27 18:30 +09:00"},
		{"day of Apple's", "ja", "{date:day}", map[string]string{"date": "2026-09-14T00:00:00Z"}, "2026-09-14"},
		{"no day", "en", "since {date:day}", nil, "since unknown"},
		{"no instant", "en", "{date}", map[string]string{"date": "soon"}, "soon"},
		{"a proposal that is outdated, by a gate or by settings", "en", "{state}", map[string]string{"state": "changed"}, "Outdated: something changed since"},
		{"setting", "en", "{setting}", map[string]string{"setting": "auto"}, "By itself"},
		{"a command", "en", "{app}: `kannuki gate show {release}`, {app}", map[string]string{"app": "P (x)", "release": "26.3.1 (a)"}, "P (x): `kannuki gate show \"26.3.1 (a)\"`, P (x)"},
		{"a backtick in a value", "en", "{app}, {floor}", map[string]string{"app": "the till's ` key", "floor": "1 (b)"}, "the till's ` key, 1 (b)"},
		{"open ends", "en", "a [b {c", map[string]string{"c": "d"}, "a b d"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := New(tc.lang).In(jst).Fill(tc.text, tc.params); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestCodedLookups(t *testing.T) {
	t.Parallel()
	en, ja := New("en"), New("ja")
	tests := []struct{ got, want string }{
		{en.Reason("no-space").Label, "Not enough space"},
		{ja.Reason("no-space").Label, "空き容量不足"},
		{ja.Reason("of-tomorrow").Sentence, "of-tomorrow"},
		{en.Phase("verified").Label, "Verified, waiting for approval"},
		{ja.Phase("held").Line, "まだ誰も検証していません。"},
		{ja.Phase("of-tomorrow").Label, "of-tomorrow"},
		{en.Step(""), "Nothing to do."},
		{ja.Step("unlock"), "一度ロックを解除してもらってください。"},
		{en.Fact("all-there"), "All production phones that can be reached are on it."},
		{en.Fact("last-contact"), "Last contact: {date}."},
		{ja.Word("works-with-note"), "注意点あり"},
		{ja.Mark("broken"), "×"},
		{en.Why("of-tomorrow"), "of-tomorrow"},
	}
	for _, tc := range tests {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}
