package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
)

// report is what a run found out.
type report struct {
	Machine string   `json:"machine"`
	Figures []figure `json:"figures"`
	Steps   []step   `json:"steps"`
}

// figure is one number with its target.
type figure struct {
	Row   string  `json:"row"`
	What  string  `json:"what"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// Target is what the value should reach: at least, when AtLeast is set,
	// otherwise at most. 0 is no target.
	Target  float64 `json:"target,omitempty"`
	AtLeast bool    `json:"at_least,omitempty"`
	// Others is how many cores unrelated processes used meanwhile; above 0.3
	// the figure is disturbed.
	Others float64 `json:"others"`
}

// met reports whether a figure reaches its target when that is made easier by a
// factor.
func (f figure) met(slack float64) bool {
	if f.AtLeast {
		return f.Value*slack >= f.Target
	}
	return f.Value <= f.Target*slack
}

func (f figure) target() string {
	switch {
	case f.Target == 0:
		return ""
	case f.AtLeast:
		return fmt.Sprintf(">= %g", f.Target)
	default:
		return fmt.Sprintf("<= %g", f.Target)
	}
}

func (f figure) verdict() string {
	var words []string
	switch {
	case f.Target == 0:
	case f.met(1):
		words = append(words, "reached")
	default:
		words = append(words, "MISSED")
	}
	if f.Others > quiet {
		words = append(words, fmt.Sprintf("disturbed (%.1f cores)", f.Others))
	}
	return strings.Join(words, ", ")
}

// step is one load and what it cost.
type step struct {
	Row       string  `json:"row"`
	Name      string  `json:"name"`
	Phones    int     `json:"phones"`
	Sessions  int     `json:"sessions"`
	Requests  int     `json:"requests"`
	Failed    int     `json:"failed"`
	PerSecond float64 `json:"requests_per_second"`
	P50       float64 `json:"p50_ms"` // of a request
	P95       float64 `json:"p95_ms"`
	P99       float64 `json:"p99_ms"`
	Session99 float64 `json:"session_p99_ms"`
	Server    float64 `json:"server_cpu_ms"` // a request
	Client    float64 `json:"client_cpu_ms"`
	Commits   float64 `json:"commits"` // a request
	Peak      float64 `json:"rss_peak_mib"`
	Others    float64 `json:"others"`
}

// load records a step.
func (b *bench) load(row, name string, s *site, p *process, out outcome, c cost) step {
	peak, err := p.peak()
	if err != nil {
		b.say("%v", err)
	}
	st := step{
		Row: row, Name: name, Phones: s.all, Sessions: len(out.sessions), Requests: len(out.requests), Failed: out.failed,
		PerSecond: float64(len(out.requests)) / max(out.wall.Seconds(), 1e-9),
		P50:       milliseconds(quantile(out.requests, 0.50)), P95: milliseconds(quantile(out.requests, 0.95)),
		P99: milliseconds(quantile(out.requests, 0.99)), Session99: milliseconds(quantile(out.sessions, 0.99)),
		Server: c.perRequest(c.server), Client: c.perRequest(c.client), Commits: float64(c.commits) / float64(max(1, c.requests)),
		Peak: peak, Others: c.others,
	}
	b.report.Steps = append(b.report.Steps, st)
	b.say("  %-8s %-18s %6d phones: %5.0f req/s, p50 %.1f p95 %.1f p99 %.1f ms, CPU server %.2f client %.2f ms/req, %.2f commits/req, %.0f MiB, others %.2f, failed %d",
		row, name, s.all, st.PerSecond, st.P50, st.P95, st.P99, st.Server, st.Client, st.Commits, st.Peak, st.Others, st.Failed)
	return st
}

// figure records a number.
func (b *bench) figure(f figure) {
	b.report.Figures = append(b.report.Figures, f)
	b.say("  %-8s %-46s %10.4g %s", f.Row, f.What, f.Value, f.Unit)
}

// table shows all figures, then all steps.
func (r report) table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) } // into memory
	fmt.Fprintf(&b, "\n%s\n\n", r.Machine)
	row("ROW", "WHAT", "VALUE", "UNIT", "TARGET", "")
	for _, f := range r.Figures {
		row(f.Row, f.What, fmt.Sprintf("%.4g", f.Value), f.Unit, f.target(), f.verdict())
	}
	_ = w.Flush() // as above
	b.WriteString("\n")
	row("ROW", "STEP", "PHONES", "REQ/S", "P50", "P95", "P99 MS", "SERVER", "CLIENT MS/REQ", "COMMITS/REQ", "RSS MIB", "FAILED", "OTHERS")
	for _, s := range r.Steps {
		row(s.Row, s.Name, fmt.Sprint(s.Phones), fmt.Sprintf("%.0f", s.PerSecond), fmt.Sprintf("%.1f", s.P50), fmt.Sprintf("%.1f", s.P95),
			fmt.Sprintf("%.1f", s.P99), fmt.Sprintf("%.2f", s.Server), fmt.Sprintf("%.2f", s.Client), fmt.Sprintf("%.2f", s.Commits),
			fmt.Sprintf("%.0f", s.Peak), fmt.Sprint(s.Failed), fmt.Sprintf("%.2f", s.Others))
	}
	_ = w.Flush() // as above
	return b.String()
}

// judge fails for figures that are worse than their target by more than slack.
func (r report) judge(slack float64) error {
	if slack == 0 {
		return nil
	}
	var errs []error
	for _, f := range r.Figures {
		if f.Target != 0 && !f.met(slack) {
			errs = append(errs, fmt.Errorf("%s: %s is %.4g %s, target %s, more than %g times worse", f.Row, f.What, f.Value, f.Unit, f.target(), slack))
		}
	}
	return errors.Join(errs...)
}
