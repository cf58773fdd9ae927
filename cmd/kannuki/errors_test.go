package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// TestReport holds what an error looks like and which code it ends with.
func TestReport(t *testing.T) {
	t.Parallel()
	missing := []fleet.Missing{{
		App:     fleet.SeenView{BundleID: "com.example.pos", Name: "POS", State: "partial", Why: "models-missing", MissingModels: []string{"390x844@3x", "iPhone15,2"}},
		Classes: []policy.Class{{Name: "390x844@3x", Models: []string{"iPhone14,5", "iPhone14,7"}}},
	}}
	tests := []struct {
		name string
		err  error
		exit int
		text string
	}{
		{"nothing", nil, 0, ""},
		{"shown already", &shownError{exit: 1}, 1, ""},
		{"any error", errors.New("disk full"), 1, "kannuki: disk full\n"},
		{"usage", &usageError{"kannuki gate show", "RELEASE is missing"}, 2, "kannuki: RELEASE is missing\nSee `kannuki gate show --help`.\n"},
		{"interrupted", fmt.Errorf("get: %w", context.Canceled), 1, "kannuki: Interrupted.\n"},
		{
			"no server", fmt.Errorf("import: %w", &api.UnreachableError{URL: "https://mdm.example.com", Err: errors.New("broken pipe")}), 1,
			"kannuki: Cannot reach the server at https://mdm.example.com: broken pipe.\n" +
				"See that the server runs and that `admin_listen` of its config.yaml, or the tunnel or proxy before it, is at https://mdm.example.com.\n",
		},
		{
			"answer lost", &api.UnreachableError{Socket: "/data/kannuki.sock", Unknown: true, Err: errors.New("EOF")}, 1,
			"kannuki: The server was asked, and its answer is lost: EOF. What it was asked for may have been done.\n" +
				"See whether it was done, with the command that shows it or `kannuki audit log`, before you do it again.\n",
		},
		{
			"answer of a dry run lost", &api.UnreachableError{Socket: "/data/kannuki.sock", Tried: true, Err: errors.New("EOF")}, 1,
			"kannuki: The server was asked, and its answer is lost: EOF. It was only tried: nothing was changed.\n" +
				"Try it again; `kannuki status` shows whether the server answers.\n",
		},
		{
			"no answer to a question", &api.UnreachableError{Socket: "/data/kannuki.sock", Err: &api.SilentError{After: 2 * time.Minute}}, 1,
			"kannuki: The server at /data/kannuki.sock did not answer within 2 minutes.\n" +
				"Look on its machine whether it runs and what it logs last, and at the load and the disk there. --timeout waits longer; 0 is without end.\n",
		},
		{
			"no answer to a change", &api.UnreachableError{URL: "https://mdm.example.com", Unknown: true, Err: &api.SilentError{After: time.Minute}}, 1,
			"kannuki: The server at https://mdm.example.com was asked and did not answer within 1 minute. What it was asked for may have been done, or may still be done.\n" +
				"Once it answers again, see whether it was done, with the command that shows it or `kannuki audit log`, before you do it again. --timeout waits longer.\n",
		},
		{
			"interrupted change", &api.UnreachableError{Socket: "/data/kannuki.sock", Unknown: true, Err: context.Canceled}, 1,
			"kannuki: Interrupted.\nSee whether it was done, with the command that shows it or `kannuki audit log`, before you do it again.\n",
		},
		{"escapes", errors.New("name: \x1b[31mP\u009bX"), 1, "kannuki: name:  [31mP X\n"},
		{"invalid", &api.Error{Code: api.CodeInvalid, Message: "deadline: want +3d"}, 2, "kannuki: deadline: want +3d\n"},
		{
			"gate closed", &api.Error{Code: api.CodeRefused, Detail: "gate-verifying", Message: "…", Missing: missing, Params: map[string]string{"release": "26.6.1", "group": "sales"}}, 3,
			"kannuki: Not approved: the gate is closed.\n" +
				"  POS (com.example.pos): not tested on every model (models: 390 x 844 @3x (iPhone14,5, iPhone14,7), iPhone15,2)\nSee `kannuki gate show 26.6.1 --group sales`.\n",
		},
		{
			"next step", &nextError{&api.Error{Code: api.CodeRefused, Detail: "gate-held"}, "Offer it."}, 3,
			"kannuki: Not approved: the gate is closed.\nOffer it.\n",
		},
		{"refused", &api.Error{Code: api.CodeRefused, Detail: "not-worded", Message: "needs two people"}, 3, "kannuki: needs two people\n"},
		{
			"phone that will come to the release", &api.Error{Code: api.CodeRefused, Detail: "phone-not-on-release", Message: "…", Params: map[string]string{"phone": "V1", "os": "26.6", "release": "26.6.1", "group": "sales"}}, 3,
			"kannuki: …\nWait until the phone reports it; `kannuki gate show 26.6.1 --group sales` counts those that do.\n",
		},
		{
			"phone that never will", &api.Error{Code: api.CodeRefused, Detail: "phone-not-on-release", Message: "…", Params: map[string]string{"phone": "V1", "os": "27.0", "release": "26.6.1", "group": "sales"}}, 3,
			"kannuki: …\nThe phone runs a newer iOS and cannot go back: test on one that runs iOS 26.6.1 (`kannuki device list --ring verification`), or give a result made elsewhere with --external.\n",
		},
		{
			"not found", &api.Error{Code: api.CodeNotFound, What: "group", Name: "salse", Near: []string{"sales", "salon"}}, 4,
			"kannuki: There is no group \"salse\".\nNearest: sales, salon. List: `kannuki group list`.\n",
		},
		{"nothing near", &api.Error{Code: api.CodeNotFound, What: "phone", Name: "x"}, 4, "kannuki: There is no phone \"x\".\nList: `kannuki device list`.\n"},
		{
			"not posted", &api.Error{Code: api.CodeNotFound, What: "posted-release", Name: "26.4"}, 4,
			"kannuki: Apple has not posted 26.4 yet, by the server's clock.\n`kannuki release list` has the days.\n",
		},
		{
			"no operation", &api.Error{Code: api.CodeNotFound, What: "operation", Name: "/v1/later"}, 4,
			"kannuki: The server has no operation \"/v1/later\".\n" +
				"It may be of another version than this command: see `kannuki version` and `kannuki status`.\n",
		},
		{
			"gate closed, an older server", &api.Error{Code: api.CodeRefused, Detail: "gate-verifying", Message: "…", Missing: []fleet.Missing{
				{BundleID: "com.example.pos", Name: "POS", Why: "missing, no-verdict"},
			}}, 3,
			"kannuki: Not approved: the gate is closed.\n  POS (com.example.pos): missing, no-verdict\n",
		},
		{"something else not found", &api.Error{Code: api.CodeNotFound, Message: "not found"}, 4, "kannuki: not found\n"},
		{
			"gate changed", &api.Error{Code: api.CodeConflict, Params: map[string]string{"release": "26.6.1", "group": "sales"}}, 5,
			"kannuki: Nothing was done: the gate changed since it was shown.\nLook again with `kannuki gate show 26.6.1 --group sales`, then decide.\n",
		},
		{
			"something else changed", &api.Error{Code: api.CodeConflict}, 5,
			"kannuki: Nothing was done: it changed since it was shown.\nLook again, then decide.\n",
		},
		{
			"disk full", &api.Error{Code: api.CodeDiskFull, Message: "…"}, 1,
			"kannuki: Nothing was done: the server's disk is full.\nMake room there, then try again; no restart is needed. " +
				"`kannuki doctor` shows the space. Looking, and what stops something, still work.\n",
		},
		{
			"fault", &api.Error{Code: api.CodeInternal, Message: "internal fault", RequestID: "17"}, 1,
			"kannuki: internal fault\nThe server's log has more under request id 17.\n",
		},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := testGlobals(lang.English)
			var b strings.Builder
			if got := g.report(&b, tc.err); got != tc.exit {
				t.Errorf("exit code %d, want %d", got, tc.exit)
			}
			if diff := cmp.Diff(tc.text, b.String()); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReportJSON: JSON is English whatever the reader's language.
func TestReportJSON(t *testing.T) {
	t.Parallel()
	g := testGlobals(lang.Japanese)
	g.output = formJSON
	var b strings.Builder
	g.report(&b, &api.Error{Code: api.CodeNotFound, Message: `no group "x"`, What: "group", Name: "x", Near: []string{"y"}})
	var got map[string]map[string]any
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]any{"error": {
		"exit": 4.0, "code": "not-found", "message": `There is no group "x".`, "near": []any{"y"},
		"next": "Nearest: y. List: `kannuki group list`.",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCommandsCanBeCopied: a background improvement has blanks and brackets in its
// name, which a shell would read.
func TestCommandsCanBeCopied(t *testing.T) {
	t.Parallel()
	const extra = "26.3.1 (a)"
	en := lang.New("en")
	for got, want := range map[string]string{
		seeGate(en, extra, "sales"): "See `kannuki gate show \"26.3.1 (a)\" --group sales`.",
		lookUp(policy.Record{Kind: policy.RecordRelease, ID: extra}, "sales"):                    "kannuki release show \"26.3.1 (a)\"",
		lookUp(policy.Record{Kind: policy.RecordApproval, Release: extra}, "sales"):              "kannuki audit log --target \"sales/26.3.1 (a)\"",
		en.Fill("{release}: `kannuki gate show {release}`", map[string]string{"release": extra}): "26.3.1 (a): `kannuki gate show \"26.3.1 (a)\"`",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestFeedFault: what is wrong with a feed, and where, is told in the reader's language; of
// a server that names no fault only that something is.
func TestFeedFault(t *testing.T) {
	t.Parallel()
	const damaged = "公開情報が壊れているか、読み取れません。取り込みはしていません"
	for name, tt := range map[string]struct {
		params map[string]string
		want   string
	}{
		"a place":       {map[string]string{"fault": "not-a-date", "place": "OSVersions[0].Date", "value": "soon"}, damaged + "（OSVersions[0].Date：\"soon\"は日付ではありません）。"},
		"the file":      {map[string]string{"fault": "empty-file"}, damaged + "（ファイルが空です）。"},
		"a newer one":   {map[string]string{"fault": "unheard-of"}, damaged + "（unheard-of）。"},
		"older servers": {map[string]string{"detail": "import: the file is empty"}, damaged + "。"},
	} {
		e := &api.Error{Code: api.CodeInvalid, Detail: "feed-damaged", Message: "import: …", Params: tt.params}
		if got := describe(lang.New(lang.Japanese), e).Message; got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
