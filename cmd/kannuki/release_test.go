package main

import (
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/fleet"
)

// TestImportWarnings: what is to be read about an import is in the reader's language;
// what a newer server says beside is shown as it came.
func TestImportWarnings(t *testing.T) {
	t.Parallel()
	one := imported{Source: "feed.json", ImportView: fleet.ImportView{
		Kind: "gdmf", Warnings: []string{"older than …", "SOFA[1] is not …", "in words of its own", "without a code"},
		WarningCodes: []catalog.Warning{
			{Code: catalog.WarningOlder, Params: map[string]string{"fetched": "2026-05-12", "newest": "2026-05-11", "here": "2026-04-08"}},
			{Code: catalog.WarningNoHTTPS, Params: map[string]string{"place": "SOFA[1]"}},
			{Code: "unheard-of"},
		},
	}}
	for lang, want := range map[string]string{
		"en": "  Note: It is older than the copy of 2026-05-12 (newest date 2026-05-11, here 2026-04-08): only additions were taken.\n" +
			"  Note: SOFA[1] is not an https address and was left out.\n  Note: in words of its own\n  Note: without a code\n",
		"ja": "  注意： 2026-05-12の写しより古いため、追加分だけを取り込みました（最新は前回2026-05-11、今回2026-04-08）。\n" +
			"  注意： SOFA[1]はhttpsのアドレスではないため、取り込みませんでした。\n  注意： in words of its own\n  注意： without a code\n",
	} {
		if got := testGlobals(lang).importText(one); !strings.HasSuffix(got, want) {
			t.Errorf("%s: got\n%swant at its end\n%s", lang, got, want)
		}
	}
}
