package retry

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// String returns the settings on one line, as in
//
//	Retry(3, backoff at most 2s)
//
// The number of retries comes first, then the longest delay of the backoff, which
// says nothing of what errors may ask for; or where there is one, [MaxDelay], which
// bounds both ("pauses up to 2s"); then the other bounds. A policy that only hedges
// is a Hedge instead. It is for people to read. Two policies with the same bounds
// have the same line.
func (p *Policy) String() string {
	p.mustBeMade()
	c := &p.cfg
	name, parts := "Retry", []string{strconv.Itoa(c.maxRetries)}
	switch {
	case c.maxRetries == 0 && c.hedge != nil:
		name, parts = "Hedge", []string{"after " + c.hedge.String()}
	case c.maxRetries == math.MaxInt:
		parts[0] = "any number"
	}
	if c.maxRetries > 0 {
		parts = append(parts, c.pauses())
	}
	parts = append(parts, c.bounds()...)
	if c.hedge != nil && c.maxRetries > 0 {
		parts = append(parts, "hedge after "+c.hedge.String())
	}
	return name + "(" + strings.Join(parts, ", ") + ")"
}

// pauses names the longest pause, or the longest of the backoff where an error may
// ask for more.
func (c *config) pauses() string {
	switch {
	case c.maxDelay > 0:
		return fmt.Sprintf("pauses up to %v", c.maxDelay)
	case c.sequence != nil:
		return "backoff of a sequence"
	case c.largest > 0:
		return fmt.Sprintf("backoff at most %v", c.largest)
	}
	return "no backoff"
}

// bounds names what else bounds a call or its attempts.
func (c *config) bounds() []string {
	var parts []string
	if c.maxElapsed > 0 {
		parts = append(parts, fmt.Sprintf("within %v", c.maxElapsed))
	}
	if c.timeout != nil {
		parts = append(parts, fmt.Sprintf("attempt timeout %v", c.timeout.d))
	}
	if c.budget != nil {
		parts = append(parts, "budget "+c.budget.String())
	}
	return parts
}

// String names when the second run begins.
func (h *hedge) String() string {
	if h.quantile == 0 {
		return h.delay.String()
	}
	return fmt.Sprintf("the %s quantile, at first %v", percent(h.quantile), h.delay)
}

// String returns the settings, as in
//
//	10% of the calls and 1/s
func (b *Budget) String() string {
	return fmt.Sprintf("%s of the calls and %d/s", percent(float64(b.ratio)/millions), len(b.minimum))
}

func percent(ratio float64) string {
	return strconv.FormatFloat(math.Round(ratio*millions)/(millions/100), 'f', -1, 64) + "%"
}
