package main

import (
	"testing"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// TestLanePromises: one line for each deadline that phones keep.
func TestLanePromises(t *testing.T) {
	t.Parallel()
	list := []fleet.LanePromise{{Release: "26.6", Deadline: "2026-08-19T18:00:00", Phones: 1}, {Release: "26.6", Deadline: "2026-08-20T00:00:00", Phones: 3}}
	const want = "1 phone keeps the deadline that the urgent route of iOS 26.6 promised: 2026-08-19 18:00, by its own clock.\n" +
		"3 phones keep the deadline that the urgent route of iOS 26.6 promised: 2026-08-20 00:00, by each phone's clock.\n"
	if got := testGlobals("en").lanePromisesText(list); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	const wantJa = "3台では、iOS 26.6の緊急対応で約束した期限が続きます：2026-08-20 00:00（端末の時計）。\n"
	if got := testGlobals("ja").lanePromisesText(list[1:]); got != wantJa {
		t.Errorf("got\n%swant\n%s", got, wantJa)
	}
	if got := testGlobals("en").lanePromisesText(nil); got != "" {
		t.Errorf("without any: %q", got)
	}
}
