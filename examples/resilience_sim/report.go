package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// table prints a line for each strategy: of each figure the median of its runs,
// and of what differs most between them also the least and the most.
func table(w io.Writer, list []results) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "strategy\tload in the outage\tpeak load\trecovered after\tcalls served\tserved after the outage\tanswers to nobody\trestarts\t") // an error stays until Flush
	for _, all := range list {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", all[0].name,
			all.median(percent, func(r result) float64 { return mean(r.load, r.outage, r.end()) / r.before() }),
			all.median(times, result.peak),
			all.spread(seconds, result.recovered),
			all.median(percent, func(r result) float64 { return mean(r.good, 0, r.length) / mean(r.calls, 0, r.length) }),
			all.spread(percent, result.served),
			all.median(whole, func(r result) float64 { return float64(r.wasted) }),
			all.median(whole, func(r result) float64 { return float64(r.restarts) }))
	}
	return t.Flush()
}

// median writes the median of a figure.
func (all results) median(unit func(float64) string, figure func(result) float64) string {
	_, middle, _ := all.quantiles(figure)
	return unit(middle)
}

// spread writes the median of a figure, and if the runs differ its range.
func (all results) spread(unit func(float64) string, figure func(result) float64) string {
	least, middle, most := all.quantiles(figure)
	if unit(least) == unit(most) {
		return unit(middle)
	}
	return fmt.Sprintf("%s (%s to %s)", unit(middle), unit(least), unit(most))
}

func (all results) quantiles(figure func(result) float64) (least, middle, most float64) {
	var sorted []float64
	for _, r := range all {
		sorted = append(sorted, figure(r))
	}
	slices.Sort(sorted)
	return sorted[0], sorted[len(sorted)/2], sorted[len(sorted)-1]
}

func percent(f float64) string { return fmt.Sprintf("%.0f %%", 100*f) }
func times(f float64) string   { return fmt.Sprintf("%.1fx", f) }
func whole(f float64) string   { return fmt.Sprintf("%.0f", f) }
func seconds(f float64) string {
	if math.IsInf(f, 1) {
		return "never"
	}
	return fmt.Sprintf("%.0f s", f)
}

// recovered is recovery in seconds, infinite if there was none.
func (r result) recovered() float64 {
	if d, ok := r.recovery(); ok {
		return d.Seconds()
	}
	return math.Inf(1)
}

// The plot's measures, in units of its viewBox.
const (
	plotWidth, plotHeight = 860, 230
	plotLeft, plotTop     = 70, 40
)

// plot writes the load on the backend and the calls served as an SVG, of the
// typical run of each strategy.
func plot(w io.Writer, list []results) error {
	var results []result
	for _, all := range list {
		results = append(results, all.typical())
	}
	var b strings.Builder
	height := 2*(plotHeight+plotTop) + 50
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", plotWidth+plotLeft+20, height)
	b.WriteString(`<rect width="100%" height="100%" fill="white"/>` + "\n")
	panel(&b, plotTop, "requests that reach the backend, a second", results, func(r result) series { return r.load })
	panel(&b, 2*plotTop+plotHeight, "calls served, a second", results, func(r result) series { return r.good })
	for i, r := range results {
		x := plotLeft + i*plotWidth/len(results)
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="14" height="4" fill="%s"/><text x="%d" y="%d">%s</text>`+"\n", x, height-24, r.color, x+20, height-18, r.name)
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func panel(b *strings.Builder, top int, title string, results []result, of func(result) series) {
	most := 1
	for _, r := range results {
		for _, n := range of(r) {
			most = max(most, n)
		}
	}
	r := results[0]
	x := func(d time.Duration) float64 { return plotLeft + plotWidth*d.Seconds()/r.length.Seconds() }
	y := func(n int) float64 { return float64(top+plotHeight) - plotHeight*float64(n)/float64(most) }
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="bold">%s</text>`+"\n", plotLeft, top-10, title)
	fmt.Fprintf(b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="#f6dada"/>`+"\n", x(r.outage), top, x(r.end())-x(r.outage), plotHeight)
	fmt.Fprintf(b, `<text x="%.1f" y="%d" fill="#a55">outage</text>`+"\n", x(r.outage)+4, top+14)
	for i := range 5 {
		n := most * i / 4
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%d</text>`+"\n", plotLeft, y(n), plotLeft+plotWidth, plotLeft-6, y(n)+4, n)
	}
	for d := time.Duration(0); d <= r.length; d += 20 * time.Second {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%v</text>`+"\n", x(d), top+plotHeight+16, d)
	}
	for _, r := range results {
		fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="1.6" points="`, r.color)
		s := of(r)
		for i, n := range s[:len(s)-1] {
			fmt.Fprintf(b, "%.1f,%.1f ", x(time.Duration(i)*time.Second+time.Second/2), y(n))
		}
		b.WriteString(`"/>` + "\n")
	}
}
