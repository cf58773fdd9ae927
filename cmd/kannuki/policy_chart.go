package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy/backtest"
)

// Measures of a chart, in SVG's user units.
const (
	chartWidth   = 720
	panelHeight  = 220
	panelTop     = 60 // of the first panel
	panelGap     = 70
	panelLeft    = 70
	panelRight   = 30
	legendHeight = 22 // of one line
)

// series is one line of a chart: a value for each length of a test, and a look
// that does without colours.
type series struct {
	name          string
	colour, dash  string
	first, second []float64 // on the upper and the lower panel
}

// seriesLooks are told apart by whoever does not tell colours apart.
func seriesLooks() [][2]string {
	return [][2]string{
		{"#d55e00", ""},
		{"#0072b2", "8 4"},
		{"#009e73", "2 4"},
		{"#cc79a7", "10 4 2 4"},
		{"#000000", "16 4"},
		{"#8a6d00", "4 8"},
		{"#56b4e9", "12 4 4 4"},
		{"#5a5a5a", "2 8"},
	}
}

// backtestChart draws exposure and releases approved over the length of a test
// as an SVG file.
func (g *globals) backtestChart(v fleet.BacktestView) string {
	t := g.text
	days, lines := chartSeries(v.Runs, g.wayName)
	return drawChart(t.T("Ways of testing over %d releases, %s to %s", v.Releases, v.From, v.Until), t.T("Days a full test takes"), days, lines,
		panel{t.T("Exposure, exploited vulnerabilities x days per phone and year"), 1, lines, func(s series) []float64 { return s.first }},
		panel{t.T("Releases approved"), float64(v.Releases), lines, func(s series) []float64 { return s.second }})
}

// panel is one of the panels of a chart: its scale reaches at least to least.
type panel struct {
	title  string
	least  float64
	lines  []series
	values func(series) []float64
}

// drawChart draws panels over the same days, one below the other, and what their
// lines mean, as an SVG file.
func drawChart(title, axis string, days []int, legend []series, panels ...panel) string {
	height := panelTop + len(panels)*(panelHeight+panelGap) + legendHeight*len(legend)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13" role="img">`+"\n", chartWidth, height)
	fmt.Fprintf(&b, "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", html.EscapeString(title))
	chartText(&b, panelLeft, 24, "start", title)
	top := panelTop
	for _, p := range panels {
		chartText(&b, panelLeft, top-10, "start", p.title)
		chartPanel(&b, top, p.least, days, p.lines, p.values)
		top += panelHeight + panelGap
	}
	chartText(&b, chartWidth/2, top-20, "middle", axis)
	for i, s := range legend {
		y := top + legendHeight*i
		fmt.Fprintf(&b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="%s" stroke-width="2.5" stroke-dasharray="%s"/>`+"\n", panelLeft, y, panelLeft+40, y, s.colour, s.dash)
		chartText(&b, panelLeft+50, y+4, "start", s.name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// chartSeries turns runs into lines: their lengths of a test in order, and the
// values of each way of testing.
func chartSeries(runs []backtest.Run, name func(backtest.Run) string) (days []int, lines []series) {
	for _, r := range runs {
		if !slices.Contains(days, r.TestDays) {
			days = append(days, r.TestDays)
		}
	}
	slices.Sort(days)
	looks := seriesLooks()
	for _, d := range days {
		for _, r := range runs {
			if r.TestDays != d {
				continue
			}
			i := slices.IndexFunc(lines, func(s series) bool { return s.name == name(r) })
			if i < 0 {
				i = len(lines)
				look := looks[i%len(looks)]
				lines = append(lines, series{name: name(r), colour: look[0], dash: look[1]})
			}
			lines[i].first = append(lines[i].first, r.Exposure.Total)
			lines[i].second = append(lines[i].second, float64(r.Approved))
		}
	}
	return days, lines
}

// chartPanel draws axes and lines. The scale begins at zero and reaches at
// least to least.
func chartPanel(b *strings.Builder, top int, least float64, days []int, lines []series, values func(series) []float64) {
	for _, s := range lines {
		least = max(least, slices.Max(values(s)))
	}
	step := niceStep(least)
	most := math.Ceil(least/step) * step
	x := func(i int) float64 {
		width := float64(chartWidth - panelLeft - panelRight)
		return panelLeft + width*(float64(i)+0.5)/float64(len(days))
	}
	y := func(value float64) float64 { return float64(top) + panelHeight*(1-value/most) }
	for v := 0.0; v <= most; v += step {
		fmt.Fprintf(b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ccc"/>`+"\n", panelLeft, y(v), chartWidth-panelRight, y(v))
		chartText(b, panelLeft-8, int(y(v))+4, "end", strconv.FormatFloat(v, 'f', -1, 64))
	}
	for i, d := range days {
		chartText(b, int(x(i)), top+panelHeight+20, "middle", strconv.Itoa(d))
	}
	for _, s := range lines {
		points := make([]string, len(days))
		for i, v := range values(s) {
			points[i] = fmt.Sprintf("%.1f,%.1f", x(i), y(v))
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"><title>%s</title></circle>`+"\n", x(i), y(v), s.colour,
				html.EscapeString(s.name+": "+strconv.FormatFloat(v, 'f', -1, 64)))
		}
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2.5" stroke-dasharray="%s"/>`+"\n", strings.Join(points, " "), s.colour, s.dash)
	}
}

// niceStep returns the distance of the lines of a scale: 1, 2 or 5 times a power
// of ten, so that about five of them reach most.
func niceStep(most float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(most/5)))
	for _, n := range []float64{1, 2, 5} {
		if n*power*5 >= most {
			return n * power
		}
	}
	return 10 * power
}

func chartText(b *strings.Builder, x, y int, anchor, text string) {
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(text))
}
