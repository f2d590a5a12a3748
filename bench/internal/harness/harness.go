// Package harness runs benchmarks of ours beside those of peers, in one
// process and in alternating rounds, and prints their ratios.
//
// Rounds alternate so that a noisy minute of the machine hits every row alike,
// and the table gives the median of the rounds. What is worth reading is the
// ratio to our row of the same case; the nanoseconds belong to one machine.
package harness

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// Row is one implementation of a case.
type Row struct {
	// Name is the implementation: "weir", a peer's import path in short, or a
	// baseline such as "mutex".
	Name string
	// Bench does b.N operations (or loops on b.Loop).
	Bench func(b *testing.B)
}

// Case is one operation that several implementations offer. The first row is
// ours; ratios are against it.
type Case struct {
	Package string // the package of ours that it measures
	Name    string
	// Items is what one operation handles; the table gives times per item.
	Items int
	Rows  []Row
}

// Result is what the rounds of one row gave.
type Result struct {
	Row    string
	NS     []float64 // per item, one a round
	Allocs int64     // per operation, in the last round
}

// Median returns the median time per item.
func (r Result) Median() float64 {
	s := slices.Sorted(slices.Values(r.NS))
	return s[len(s)/2]
}

// Min returns the shortest time per item.
func (r Result) Min() float64 { return slices.Min(r.NS) }

// Table is the results of one case, in the order of its rows.
type Table struct {
	Case    Case
	Results []Result
}

// SetTime sets how long each benchmark runs in each round.
func SetTime(d time.Duration) error {
	if flag.Lookup("test.benchtime") == nil {
		testing.Init()
	}
	return flag.Set("test.benchtime", d.String())
}

// Run measures the cases: in every round all rows of all cases once. It stops
// between two rows when ctx is done, and returns its error.
func Run(ctx context.Context, cases []Case, rounds int, progress func(round int, c Case, row string)) ([]Table, error) {
	tables := make([]Table, len(cases))
	for i, c := range cases {
		tables[i] = Table{Case: c, Results: make([]Result, len(c.Rows))}
	}
	for round := range rounds {
		for i, c := range cases {
			for j := range c.Rows {
				// Every other round runs the rows backwards: whoever follows a
				// row that leaves garbage is not always the same one.
				if round%2 == 1 {
					j = len(c.Rows) - 1 - j
				}
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				progress(round, c, c.Rows[j].Name)
				if err := measure(c, c.Rows[j], &tables[i].Results[j]); err != nil {
					return nil, err
				}
			}
		}
	}
	return tables, nil
}

func measure(c Case, row Row, into *Result) error {
	r := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		row.Bench(b)
	})
	if r.N == 0 {
		return fmt.Errorf("%s / %s / %s: the benchmark failed", c.Package, c.Name, row.Name)
	}
	into.Row = row.Name
	ns := float64(r.T.Nanoseconds()) / float64(r.N)
	if own, ok := r.Extra["ns/op"]; ok {
		ns = own // the row measured something else than its own time
	}
	into.NS = append(into.NS, ns/float64(max(c.Items, 1)))
	into.Allocs = r.AllocsPerOp()
	return nil
}

// Print writes the tables as Markdown, one a package and case.
func Print(w io.Writer, tables []Table) {
	pkg := ""
	for _, t := range tables {
		if t.Case.Package != pkg {
			pkg = t.Case.Package
			fmt.Fprintf(w, "\n## %s\n", pkg)
		}
		unit := "ns/op"
		if t.Case.Items > 1 {
			unit = fmt.Sprintf("ns/item of %d", t.Case.Items)
		}
		fmt.Fprintf(w, "\n%s\n\n| | %s | min | allocs/op | times ours |\n|---|--:|--:|--:|--:|\n", t.Case.Name, unit)
		ours := t.Results[0].Median()
		for _, r := range t.Results {
			fmt.Fprintf(w, "| %s | %s | %s | %d | %s |\n", r.Row, figure(r.Median()), figure(r.Min()), r.Allocs, ratio(r.Median()/ours))
		}
	}
}

func figure(ns float64) string {
	switch {
	case ns < 10:
		return fmt.Sprintf("%.2f", ns)
	case ns < 1000:
		return fmt.Sprintf("%.1f", ns)
	}
	return fmt.Sprintf("%.0f", ns)
}

func ratio(r float64) string {
	if r < 10 {
		return fmt.Sprintf("%.2f", r)
	}
	return fmt.Sprintf("%.0f", r)
}

// Select returns the cases whose "package/name" contains one of the words, all
// of them without a word, ordered by package as they came.
func Select(cases []Case, words []string) []Case {
	out := slices.DeleteFunc(slices.Clone(cases), func(c Case) bool {
		return len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool {
			return strings.Contains(c.Package+"/"+c.Name, w)
		})
	})
	slices.SortStableFunc(out, func(a, b Case) int { return cmp.Compare(a.Package, b.Package) })
	return out
}
