package pipeline

import (
	"fmt"
	"strings"
)

// String draws the pipeline in one line. Stages in one pair of parentheses are
// fused: they run in one loop.
//
//	source -> (then 1, filter 2) -> parse [4 workers] -> (batch 4 [100, every 50ms]) -> results
func (p *Pipeline[In, Out]) String() string {
	var b strings.Builder
	b.WriteString("source")
	open := false
	for i, c := range p.stages {
		switch {
		case c.parallel():
			if open {
				b.WriteString(")")
			}
			fmt.Fprintf(&b, " -> %s", c.describe(i))
			open = false
			continue
		case open && !c.startsGoroutine():
			b.WriteString(", ")
		case open:
			b.WriteString(") -> (")
		default:
			b.WriteString(" -> (")
		}
		b.WriteString(c.describe(i))
		if open = c.buffer == 0; !open {
			b.WriteString(")")
		}
	}
	if open {
		b.WriteString(")")
	}
	b.WriteString(" -> results")
	return b.String()
}

// Dot draws the pipeline in the language of Graphviz. A bold edge is where items
// change goroutines.
func (p *Pipeline[In, Out]) Dot() string {
	var b strings.Builder
	b.WriteString("digraph pipeline {\n\trankdir=LR\n\tnode [shape=box]\n\tsource [shape=plaintext]\n\tresults [shape=plaintext]\n")
	from, crossing := "source", false
	edge := func(to string, bold bool) {
		style := ""
		if bold {
			style = " [style=bold]"
		}
		fmt.Fprintf(&b, "\t%s -> %s%s\n", from, to, style)
	}
	for i, c := range p.stages {
		node := fmt.Sprintf("s%d", i+1)
		fmt.Fprintf(&b, "\t%s [label=%q]\n", node, c.describe(i))
		edge(node, crossing || c.parallel() || c.startsGoroutine())
		from, crossing = node, c.parallel() || c.buffer > 0
	}
	edge("results", crossing)
	b.WriteString("}\n")
	return b.String()
}

// startsGoroutine reports whether what comes before the stage runs elsewhere,
// although it has no workers.
func (c *config) startsGoroutine() bool { return c.every > 0 }

// describe is the stage's label and what is not usual about it.
func (c *config) describe(at int) string {
	var facts []string
	add := func(format string, args ...any) { facts = append(facts, fmt.Sprintf(format, args...)) }
	if c.detail != "" {
		add("%s", c.detail)
	}
	if c.every > 0 {
		add("every %v", c.every)
	}
	if c.parallel() {
		add("%d workers", max(c.workers, 1))
		if c.unordered {
			add("unordered")
		}
	}
	if c.window > 0 {
		add("window %d", c.window)
	}
	if c.buffer > 0 {
		add("buffer %d", c.buffer)
	}
	if c.timeout > 0 {
		add("timeout %v", c.timeout)
	}
	if s, ok := c.guard.(fmt.Stringer); ok {
		add("guard %s", s)
	} else if c.guard != nil {
		add("guard")
	}
	if len(facts) == 0 {
		return c.label(at)
	}
	return c.label(at) + " [" + strings.Join(facts, ", ") + "]"
}
