package wrapper

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/weirkit/weir/ratelimit"
	"github.com/weirkit/weir/semaphore"
)

// Config says which parts New puts around a call, and how they are set. Zero
// leaves a part out. A setting of a part that is left out is an error, because it
// would do nothing: a Burst without a RateLimit, a RetryDelay without
// RetryAttempts. The settings of the breaker are not, because that has a switch of
// its own: a program may turn EnableCircuitBreaker off and keep the rest.
//
// It is read from JSON, with durations as "1.5s" and unknown fields refused (see
// Config.UnmarshalJSON), from the environment (ConfigFromEnv) and from maps of
// texts (ConfigFromMap). Its tags suit YAML decoders that read durations.
type Config struct {
	// MaxConcurrency is how many calls run at once. The others wait in a queue,
	// which a few newcomers may overtake (see semaphore.New).
	MaxConcurrency int `json:"max_concurrency,omitempty" yaml:"max_concurrency,omitempty"`
	// Timeout is how long one operation may take: all its attempts, the waits for
	// a token and a permit and the pauses together.
	Timeout time.Duration `json:"timeout,omitempty" yaml:"timeout,omitempty"`
	// AttemptTimeout is how long one attempt may take, waits not counted.
	AttemptTimeout time.Duration `json:"attempt_timeout,omitempty" yaml:"attempt_timeout,omitempty"`
	// RateLimit is how many attempts may start in a second, in the long run. It
	// may be below 1.
	RateLimit float64 `json:"rate_limit,omitempty" yaml:"rate_limit,omitempty"`
	// Burst is how many attempts may start at once after a pause; 0 means 1. It
	// needs a RateLimit.
	Burst int `json:"burst,omitempty" yaml:"burst,omitempty"`
	// RetryAttempts is the number of retries after the first try: 3 means at most
	// 4 attempts.
	RetryAttempts int `json:"retry_attempts,omitempty" yaml:"retry_attempts,omitempty"`
	// RetryDelay is the pause before each retry; 0 means none. It needs
	// RetryAttempts. Pauses neither grow nor vary without a MaxRetryDelay, and a
	// rejection that asks for a longer one, as an open breaker does, ends the call.
	RetryDelay time.Duration `json:"retry_delay,omitempty" yaml:"retry_delay,omitempty"`
	// MaxRetryDelay makes the pauses grow: from RetryDelay, doubled each time up to
	// this, and each drawn at random below that (full jitter). It also bounds a
	// pause that an error asks for (Retry-After); choose it at least as long as the
	// RecoveryTimeout if calls are to wait for an open breaker. 0 keeps every pause at
	// RetryDelay.
	MaxRetryDelay time.Duration `json:"max_retry_delay,omitempty" yaml:"max_retry_delay,omitempty"`
	// EnableCircuitBreaker adds a breaker.
	EnableCircuitBreaker bool `json:"enable_circuit_breaker,omitempty" yaml:"enable_circuit_breaker,omitempty"`
	// CircuitBreakerThreshold is how many failures in a row open the breaker. It
	// must be set if the breaker is enabled.
	CircuitBreakerThreshold int `json:"circuit_breaker_threshold,omitempty" yaml:"circuit_breaker_threshold,omitempty"`
	// RecoveryTimeout is how long the breaker stays open before it lets a probe
	// through; 0 means the default of package breaker.
	RecoveryTimeout time.Duration `json:"recovery_timeout,omitempty" yaml:"recovery_timeout,omitempty"`
}

// FieldError is one wrong field of a Config.
type FieldError struct {
	// Field is the name of the field: as in Go, or where it was read from a file or
	// the environment, as it stands there.
	Field string
	// Value is what was given: of the field's type, or the string or
	// json.RawMessage that could not be read as such; nil if the name alone is wrong.
	Value any
	// Problem says what would be right.
	Problem string
}

// Error gives field, problem and, where it matters, value: a text in quotes, so
// that an empty one can be seen.
func (e FieldError) Error() string {
	value := e.Value
	switch v := e.Value.(type) {
	case nil:
		return e.Field + " " + e.Problem
	case string:
		value = strconv.Quote(v)
	case json.RawMessage:
		value = string(v)
	}
	return fmt.Sprintf("%s %s, got %v", e.Field, e.Problem, value)
}

// ConfigError is returned when a Config is wrong. It lists every wrong field,
// so that a file can be put right in one go.
type ConfigError struct {
	Fields []FieldError
}

// Error lists every wrong field.
func (e *ConfigError) Error() string {
	lines := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		lines[i] = f.Error()
	}
	return "wrapper: wrong config: " + strings.Join(lines, "; ")
}

// Unwrap returns the fields, for errors.As.
func (e *ConfigError) Unwrap() []error {
	errs := make([]error, len(e.Fields))
	for i, f := range e.Fields {
		errs[i] = f
	}
	return errs
}

// Validate returns a *ConfigError that lists every wrong field, or nil. New
// does the same.
func (c Config) Validate() error {
	var v validation
	c.checkEach(&v)
	c.checkTogether(&v)
	return v.err()
}

// checkEach checks what a field must be whatever the others are.
func (c Config) checkEach(v *validation) {
	v.count("MaxConcurrency", c.MaxConcurrency, semaphore.MaxLimit)
	v.duration("Timeout", c.Timeout)
	v.duration("AttemptTimeout", c.AttemptTimeout)
	v.rate("RateLimit", c.RateLimit)
	v.count("Burst", c.Burst, ratelimit.MaxBurst)
	v.count("RetryAttempts", c.RetryAttempts, math.MaxInt)
	v.duration("RetryDelay", c.RetryDelay)
	v.duration("MaxRetryDelay", c.MaxRetryDelay)
	v.count("CircuitBreakerThreshold", c.CircuitBreakerThreshold, math.MaxInt32)
	v.duration("RecoveryTimeout", c.RecoveryTimeout)
}

// checkTogether checks what fields must be because of others.
func (c Config) checkTogether(v *validation) {
	if c.Timeout > 0 && c.AttemptTimeout > c.Timeout {
		v.wrong("AttemptTimeout", c.AttemptTimeout, fmt.Sprintf("must be at most Timeout (%v), which bounds all attempts", c.Timeout))
	}
	v.alone("Burst", c.Burst, c.Burst > 0 && c.RateLimit == 0, "RateLimit")
	v.alone("RetryDelay", c.RetryDelay, c.RetryDelay > 0 && c.RetryAttempts == 0, "RetryAttempts")
	v.alone("MaxRetryDelay", c.MaxRetryDelay, c.MaxRetryDelay > 0 && c.RetryAttempts == 0, "RetryAttempts")
	switch {
	case c.RetryAttempts == 0: // said already
	case c.MaxRetryDelay > 0 && c.RetryDelay == 0:
		v.wrong("MaxRetryDelay", c.MaxRetryDelay, "needs a RetryDelay to grow from")
	case c.MaxRetryDelay > 0 && c.MaxRetryDelay < c.RetryDelay:
		v.wrong("MaxRetryDelay", c.MaxRetryDelay, fmt.Sprintf("must be at least RetryDelay (%v)", c.RetryDelay))
	}
	if c.EnableCircuitBreaker && c.CircuitBreakerThreshold == 0 {
		v.wrong("CircuitBreakerThreshold", 0, "must be at least 1 when the breaker is enabled")
	}
}

// maxRate is the highest rate that a Config may name: one operation a
// nanosecond.
const maxRate = 1e9

// minRate is the lowest: about one operation in thirty years.
const minRate = 1e-9

type validation struct{ fields []FieldError }

func (v *validation) wrong(field string, value any, problem string) {
	v.fields = append(v.fields, FieldError{Field: field, Value: value, Problem: problem})
}

// alone checks that a field is not set without the one that it belongs to.
func (v *validation) alone(field string, value any, is bool, partner string) {
	if is {
		v.wrong(field, value, "has no effect without "+partner+": set that too, or leave this out")
	}
}

// count checks a number of which the part that it is for takes limit at most.
func (v *validation) count(field string, n int, limit int64) {
	switch {
	case n < 0:
		v.wrong(field, n, "must not be negative")
	case int64(n) > limit:
		v.wrong(field, n, fmt.Sprintf("must be at most %d", limit))
	}
}

func (v *validation) duration(field string, d time.Duration) {
	if d < 0 {
		v.wrong(field, d, "must not be negative")
	}
}

func (v *validation) rate(field string, r float64) {
	switch {
	case math.IsNaN(r), r < 0:
		v.wrong(field, r, "must be a number of operations a second, 0 for no limit")
	case r > maxRate:
		v.wrong(field, r, fmt.Sprintf("must be at most %g operations a second, 0 for no limit", maxRate))
	case r > 0 && r < minRate:
		v.wrong(field, r, fmt.Sprintf("must be at least %g operations a second, 0 for no limit", minRate))
	}
}

func (v *validation) err() error {
	if len(v.fields) == 0 {
		return nil
	}
	return &ConfigError{Fields: v.fields}
}
