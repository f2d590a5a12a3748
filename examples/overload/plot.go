package main

import (
	"fmt"
	"strings"
	"time"
)

// The size of one diagram of the plot, and where its axes are.
const (
	wide, high   = 640, 360
	left, bottom = 70, 310
	right, top   = 610, 40
)

// plot draws good answers and their 99th percentile over the offered load, a line
// for each guard.
func plot(guards []guard, rows []row) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", wide, 2*high)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", wide, 2*high)
	diagram(&b, 0, "Good answers a second, over the load in percent of the capacity", float64(capacity), guards, rows,
		func(r row) float64 { return r.good })
	diagram(&b, high, "p99 of good answers in milliseconds", float64(patience.Milliseconds()), guards, rows,
		func(r row) float64 {
			if r.good == 0 {
				return -1 // of no answers there is no p99
			}
			return float64(r.p99) / float64(time.Millisecond)
		})
	b.WriteString("</svg>\n")
	return b.String()
}

// diagram draws a value of the rows over their load; below 0 there is none. Its
// vertical axis ends at most, or further up if a row needs it.
func diagram(b *strings.Builder, down int, title string, most float64, guards []guard, rows []row, value func(row) float64) {
	load := 0.0
	for _, r := range rows {
		most, load = max(most, value(r)), max(load, r.load)
	}
	x := func(l float64) float64 { return left + (right-left)*l/load }
	y := func(v float64) float64 { return bottom - (bottom-top)*v/most }

	fmt.Fprintf(b, `<g transform="translate(0,%d)">`+"\n", down)
	fmt.Fprintf(b, `<text x="%d" y="20" font-size="14">%s</text>`+"\n", left, title)
	fmt.Fprintf(b, `<path d="M%d %dV%dH%d" fill="none" stroke="black"/>`+"\n", left, top, bottom, right)
	for i := range 5 {
		v := most * float64(i) / 4
		fmt.Fprintf(b, `<text x="%d" y="%.0f" text-anchor="end">%.0f</text>`+"\n", left-6, y(v)+4, v)
	}
	for _, r := range rows {
		if r.name == guards[0].name {
			fmt.Fprintf(b, `<text x="%.0f" y="%d" text-anchor="middle">%.0f</text>`+"\n", x(r.load), bottom+18, 100*r.load)
		}
	}
	for i, g := range guards {
		var points []string
		for _, r := range rows {
			if v := value(r); r.name == g.name && v >= 0 {
				points = append(points, fmt.Sprintf("%.1f,%.1f", x(r.load), y(v)))
			}
		}
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), g.color)
		fmt.Fprintf(b, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", right-280, top+60+18*i, g.color, g.name+": "+g.about)
	}
	b.WriteString("</g>\n")
}
