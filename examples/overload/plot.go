package main

import (
	"fmt"
	"strings"
)

// plot draws good answers over the offered load, bare and guarded.
func plot(rows []row) string {
	const (
		wide, high   = 640, 360
		left, bottom = 70, 310
		right, top   = 610, 40
	)
	most, load := float64(capacity), 0.0
	for _, r := range rows {
		most, load = max(most, r.good), max(load, r.load)
	}
	x := func(l float64) float64 { return left + (right-left)*l/load }
	y := func(g float64) float64 { return bottom - (bottom-top)*g/most }

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", wide, high)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", wide, high)
	fmt.Fprintf(&b, `<text x="%d" y="20" font-size="14">Good answers a second, over the load in percent of the capacity</text>`+"\n", left)
	fmt.Fprintf(&b, `<path d="M%d %dV%dH%d" fill="none" stroke="black"/>`+"\n", left, top, bottom, right)
	for i := range 5 {
		v := most * float64(i) / 4
		fmt.Fprintf(&b, `<text x="%d" y="%.0f" text-anchor="end">%.0f</text>`+"\n", left-6, y(v)+4, v)
	}
	for _, r := range rows {
		if !r.guarded {
			fmt.Fprintf(&b, `<text x="%.0f" y="%d" text-anchor="middle">%.0f</text>`+"\n", x(r.load), bottom+18, 100*r.load)
		}
	}
	for i, s := range []struct {
		guarded     bool
		name, color string
	}{{false, "bare", "#c0392b"}, {true, "guarded: 8 at once, 32 wait, the rest 503", "#1f618d"}} {
		var points []string
		for _, r := range rows {
			if r.guarded == s.guarded {
				points = append(points, fmt.Sprintf("%.1f,%.1f", x(r.load), y(r.good)))
			}
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), s.color)
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", left+20, bottom-40+18*i, s.color, s.name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
