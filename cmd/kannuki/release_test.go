package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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

// TestImportChanges: what an import says is different about a release is in the reader's
// language; what a newer server says beside, and an older one without codes, as it came.
func TestImportChanges(t *testing.T) {
	t.Parallel()
	difference := func(code string, pairs ...string) catalog.Difference {
		d := catalog.Difference{Code: code, Params: map[string]string{}}
		for i := 0; i+1 < len(pairs); i += 2 {
			d.Params[pairs[i]] = pairs[i+1]
		}
		return d
	}
	v := fleet.ChangeView{Version: "26.5"}
	for _, d := range []catalog.Difference{
		difference(catalog.DiffPublished), difference(catalog.DiffPosted, "date", "2026-05-11"),
		difference(catalog.DiffPosted, "date", "2026-05-11", "was", "2026-05-18", "count", "1"), difference(catalog.DiffSecurityPage, "url", "https://a.example"),
		difference(catalog.DiffBuildAdded, "build", "23F1"), difference(catalog.DiffBuildModels, "build", "23F1", "count", "2", "was", "1"),
		difference(catalog.DiffBuildOn, "build", "23F1", "base", "26.4"), difference(catalog.DiffModelsAdded, "count", "2"),
		difference(catalog.DiffConfirmed, "count", "2"), difference(catalog.DiffLeftPublic, "date", "2026-07-27", "count", "2"),
		difference(catalog.DiffOfferedAgain, "count", "2"), difference(catalog.DiffLeftAssets, "date", "2026-07-27", "count", "2"),
		difference(catalog.DiffInstallable, "count", "2"), difference(catalog.DiffExpiry, "date", "2026-10-25", "count", "2"),
		difference(catalog.DiffCVEsAdded, "count", "1"), difference(catalog.DiffCVEsExploited, "cves", "CVE-1, CVE-2"), difference(catalog.DiffCVEsInKEV, "cves", "CVE-1"),
		difference("unheard-of"),
	} {
		v.What, v.WhatCodes = append(v.What, d.String()), append(v.WhatCodes, d)
	}
	v.What = append(v.What, "without a code")
	for lang, want := range map[string][]string{
		"en": {
			"now a published release", "posted 2026-05-11 instead of unknown", "posted 2026-05-11 instead of 2026-05-18 (models: 1)", "security page https://a.example",
			"build 23F1 added", "build 23F1: 2 models instead of 1", "build 23F1 installs on 26.4", "added (models: 2)", "confirmed by a list (models: 2)",
			"no longer offered since 2026-07-27 (models: 2)", "offered again (models: 2)", "no longer installable since 2026-07-27 (models: 2)",
			"installable again (models: 2)", "expiry 2026-10-25 (models: 2)", "CVEs added: 1", "exploited: CVE-1, CVE-2", "in KEV: CVE-1", "unheard-of", "without a code",
		},
		"ja": {
			"公開されたリリースになりました", "公開日2026-05-11（以前は不明）", "公開日2026-05-11（以前は2026-05-18）、1機種", "セキュリティ情報https://a.example",
			"ビルド23F1を追加", "ビルド23F1は2機種（以前は1）", "ビルド23F1は26.4に適用", "2機種を追加", "一覧で確認（2機種）",
			"2026-07-27から提供終了（2機種）", "提供再開（2機種）", "2026-07-27から入手不可（2機種）",
			"再び入手可能（2機種）", "有効期限2026-10-25（2機種）", "CVEを1件追加", "悪用確認済み：CVE-1, CVE-2", "KEVに掲載：CVE-1", "unheard-of", "without a code",
		},
	} {
		if diff := cmp.Diff(want, testGlobals(lang).changeTexts(v)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", lang, diff)
		}
	}
}
