package simulation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// kept names what is left of a life, for [life.keep].
func (l life) kept() string {
	phones, events := make([]string, len(l.phones)), make([]string, len(l.events))
	for i, p := range l.phones {
		phones[i] = strconv.Itoa(p.index)
	}
	for i, e := range l.events {
		events[i] = strconv.Itoa(e.index)
	}
	return fmt.Sprintf("days=%d phones=%s events=%s", l.days, strings.Join(phones, ","), strings.Join(events, ","))
}

// keep leaves out of a life whatever the text does not name; what the text says
// nothing of stays whole.
func (l life) keep(text string) (life, error) {
	for part := range strings.FieldsSeq(text) {
		what, list, found := strings.Cut(part, "=")
		var numbers []int
		for field := range strings.SplitSeq(list, ",") {
			n, err := strconv.Atoi(field)
			if field != "" && err != nil {
				return l, fmt.Errorf("%q: %q is not a number", part, field)
			}
			if field != "" {
				numbers = append(numbers, n)
			}
		}
		switch {
		case !found:
			return l, fmt.Errorf("%q: want days=N, phones=N,… or events=N,…", part)
		case what == "days" && len(numbers) == 1:
			l.days = numbers[0]
		case what == "phones":
			l.phones = slices.DeleteFunc(slices.Clone(l.phones), func(p character) bool { return !slices.Contains(numbers, p.index) })
		case what == "events":
			l.events = slices.DeleteFunc(slices.Clone(l.events), func(e event) bool { return !slices.Contains(numbers, e.index) })
		default:
			return l, fmt.Errorf("%q: want days=N, phones=N,… or events=N,…", part)
		}
	}
	return l, nil
}

// shrinkings is how many smaller lives are tried before the smallest so far is
// good enough.
const shrinkings = 400

// shrink returns a life that still fails after leaving out as much as it can:
// days from the end, then phones and events, in halves first and then fewer.
func shrink(l life, fails func(life) bool) life {
	left := shrinkings
	try := func(smaller life) bool {
		left--
		if left < 0 || !fails(smaller) {
			return false
		}
		l = smaller
		return true
	}
	for step := l.days / 2; step > 0; step /= 2 {
		for {
			shorter := l
			if shorter.days -= step; shorter.days < 1 || !try(shorter) {
				break
			}
		}
	}
	for again := true; again && left > 0; {
		again = leaveOut(len(l.phones), func(from, to int) bool {
			fewer := l
			fewer.phones = slices.Delete(slices.Clone(l.phones), from, to)
			return try(fewer)
		})
		again = leaveOut(len(l.events), func(from, to int) bool {
			fewer := l
			fewer.events = slices.Delete(slices.Clone(l.events), from, to)
			return try(fewer)
		}) || again
	}
	return l
}

// leaveOut tries to do without ranges of n things, larger ones first, and reports
// whether it could.
func leaveOut(n int, without func(from, to int) bool) bool {
	some := false
	for size := (n + 1) / 2; size > 0; size /= 2 {
		for from := 0; from < n; {
			to := min(from+size, n)
			if without(from, to) {
				n -= to - from
				some = true
			} else {
				from = to
			}
		}
	}
	return some
}

// TestShrink: what is left of a life that fails is small, still fails, and is what
// the printed words make of the seed.
func TestShrink(t *testing.T) {
	t.Parallel()
	pl := plants()[slices.IndexFunc(plants(), func(p plant) bool { return p.property == "P4" })]
	fails := func(l life) bool {
		v, bad := examine(t, l, pl, false)
		return bad && v.property == pl.property
	}
	whole := draw(pl.seed, small(pl.seed))
	least := shrink(whole, fails)
	if len(least.phones) > 4 || len(least.events) > 12 {
		t.Errorf("%s is left, want at most 4 phones and 12 events", least.kept())
	}
	repeated, err := whole.keep(least.kept())
	if err != nil {
		t.Fatal(err)
	}
	if !fails(repeated) {
		t.Errorf("%s does not fail", least.kept())
	}
}

func TestKeepRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"days=x", "days=1,2", "hours=3", "phones=1,b", "events"} {
		if l, err := draw(1, small(1)).keep(text); err == nil {
			t.Errorf("%q: no error, %s is kept", text, l.kept())
		}
	}
}
