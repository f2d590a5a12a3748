package wrapper

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field is one field of a Config as files and environments know it.
type field struct {
	name string            // of the Go field
	key  string            // in JSON and YAML; in an environment in upper case
	of   func(*Config) any // a pointer to its value
}

// configFields lists the fields in the order of the struct.
func configFields() []field {
	return []field{
		{"MaxConcurrency", "max_concurrency", func(c *Config) any { return &c.MaxConcurrency }},
		{"Timeout", "timeout", func(c *Config) any { return &c.Timeout }},
		{"AttemptTimeout", "attempt_timeout", func(c *Config) any { return &c.AttemptTimeout }},
		{"RateLimit", "rate_limit", func(c *Config) any { return &c.RateLimit }},
		{"Burst", "burst", func(c *Config) any { return &c.Burst }},
		{"RetryAttempts", "retry_attempts", func(c *Config) any { return &c.RetryAttempts }},
		{"RetryDelay", "retry_delay", func(c *Config) any { return &c.RetryDelay }},
		{"MaxRetryDelay", "max_retry_delay", func(c *Config) any { return &c.MaxRetryDelay }},
		{"EnableCircuitBreaker", "enable_circuit_breaker", func(c *Config) any { return &c.EnableCircuitBreaker }},
		{"CircuitBreakerThreshold", "circuit_breaker_threshold", func(c *Config) any { return &c.CircuitBreakerThreshold }},
		{"RecoveryTimeout", "recovery_timeout", func(c *Config) any { return &c.RecoveryTimeout }},
	}
}

// plainKey makes one key of max_concurrency, MAX-CONCURRENCY and MaxConcurrency.
func plainKey(key string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(key))
}

// UnmarshalJSON reads a Config from a JSON object. Durations are strings such as
// "1.5s". Fields that the object does not have keep their values, so that c may
// hold defaults. Unknown fields, fields that are there twice and values that do not
// fit are a *ConfigError that lists them all, and c stays as it is. Whether values
// that could be read make sense together is for Validate and New to say.
func (c *Config) UnmarshalJSON(data []byte) error {
	texts, err := members(data)
	if err != nil {
		return fmt.Errorf("wrapper: a Config must be a JSON object: %w", err)
	}
	return c.load(texts, source{set: setJSON, given: func(text string) any { return json.RawMessage(text) }, toCase: strings.ToLower})
}

// text is the value of a field as it was read.
type text struct{ key, value string }

// members returns the members of a JSON object, also those of the same key, of
// which a map has the last alone.
func members(data []byte) (texts []text, err error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil || object == nil { // null changes nothing
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	_, err = d.Token() // the brace
	for err == nil && d.More() {
		var key json.Token
		var value json.RawMessage
		if key, err = d.Token(); err == nil {
			err = d.Decode(&value)
		}
		texts = append(texts, text{fmt.Sprint(key), string(value)})
	}
	return texts, err
}

// MarshalJSON writes what UnmarshalJSON reads. Zero fields are left out.
func (c Config) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, f := range configFields() {
		text := ""
		switch p := f.of(&c).(type) {
		case *int:
			text = strconv.Itoa(*p)
		case *float64:
			text = strconv.FormatFloat(*p, 'g', -1, 64)
		case *bool:
			text = strconv.FormatBool(*p)
		case *time.Duration:
			text = strconv.Quote(p.String())
		}
		if text == "0" || text == "false" || text == `"0s"` {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", f.key, text)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// ConfigFromMap reads a Config from texts such as "10", "2.5", "true" and
// "1.5s". Keys are those of JSON or the names of the fields, in any case, with or
// without underscores and dashes. Unknown keys and values that do not fit are a
// *ConfigError that lists them all.
func ConfigFromMap(texts map[string]string) (Config, error) {
	var c Config
	var list []text
	for key, value := range texts {
		list = append(list, text{key, value})
	}
	err := c.load(list, source{set: setText, given: asGiven, toCase: strings.ToLower})
	return c, err
}

// ConfigFromEnv is ConfigFromMap for those variables of environ (see
// os.Environ) whose names begin with prefix: with the prefix "API_", the
// variable API_MAX_CONCURRENCY is max_concurrency. Errors give the whole name of
// a variable. Every variable that begins with prefix must be a field: choose one
// that nothing else has.
func ConfigFromEnv(prefix string, environ []string) (Config, error) {
	var c Config
	var texts []text
	for _, e := range environ {
		key, value, _ := strings.Cut(e, "=")
		if key, ok := strings.CutPrefix(key, prefix); ok {
			texts = append(texts, text{key, value})
		}
	}
	err := c.load(texts, source{set: setText, given: asGiven, prefix: prefix, toCase: strings.ToUpper})
	return c, err
}

// source is where texts come from: how they are read, and how errors name them, as
// they stand there.
type source struct {
	set    func(p any, text string) string // sets the value at p, or says what would be right
	given  func(text string) any           // the text as the value of a FieldError
	prefix string
	toCase func(string) string // of the known keys
}

func asGiven(text string) any { return text }

// known lists all keys.
func (s source) known() string {
	var keys []string
	for _, f := range configFields() {
		keys = append(keys, s.prefix+s.toCase(f.key))
	}
	return strings.Join(keys, ", ")
}

// load sets what texts say, or nothing if anything is wrong with them. The error
// then has what is wrong with those that could be read, too, but for what depends on
// others.
func (c *Config) load(texts []text, from source) error {
	fields := map[string]field{}
	for _, f := range configFields() {
		fields[plainKey(f.key)] = f
	}
	loaded, seen := *c, map[string]string{}
	var unread, v validation
	slices.SortStableFunc(texts, func(a, b text) int { return strings.Compare(a.key, b.key) })
	for _, t := range texts {
		key := t.key
		f, ok := fields[plainKey(key)]
		switch {
		case !ok:
			unread.wrong(from.prefix+key, nil, "is unknown; there are "+from.known())
		case seen[f.key] == key:
			unread.wrong(from.prefix+key, nil, "is there twice; leave one out")
		case seen[f.key] != "":
			unread.wrong(from.prefix+key, nil, "is the same field as "+from.prefix+seen[f.key]+"; leave one out")
		default:
			seen[f.key] = key
			if problem := from.set(f.of(&loaded), t.value); problem != "" {
				unread.wrong(from.prefix+key, from.given(t.value), problem)
			} else if problem, ok := loaded.problem(f.name); ok {
				v.wrong(from.prefix+key, problem.Value, problem.Problem)
			}
		}
	}
	if len(unread.fields) > 0 {
		all := slices.Concat(unread.fields, v.fields)
		slices.SortFunc(all, func(a, b FieldError) int { return strings.Compare(a.Field, b.Field) })
		return &ConfigError{Fields: all}
	}
	*c = loaded
	return nil
}

// problem returns what is wrong with a field on its own.
func (c Config) problem(name string) (FieldError, bool) {
	var v validation
	c.checkEach(&v)
	i := slices.IndexFunc(v.fields, func(f FieldError) bool { return f.Field == name })
	if i < 0 {
		return FieldError{}, false
	}
	return v.fields[i], true
}

const durationProblem = `must be a duration with a unit, as "1.5s" or "200ms"`

// setText sets the value at p by a text, or says what would be right.
func setText(p any, text string) string {
	var err error
	switch p := p.(type) {
	case *int:
		if *p, err = strconv.Atoi(text); err != nil {
			return "must be a whole number"
		}
	case *float64:
		if *p, err = strconv.ParseFloat(text, 64); err != nil {
			return "must be a number"
		}
	case *bool:
		if *p, err = strconv.ParseBool(text); err != nil {
			return "must be true or false"
		}
	case *time.Duration:
		if *p, err = time.ParseDuration(text); err != nil {
			return durationProblem
		}
	}
	return ""
}

// setJSON is setText for JSON, where durations alone are strings and nothing but
// true and false is a truth value.
func setJSON(p any, text string) string {
	switch p.(type) {
	case *bool:
		if text != "true" && text != "false" {
			return "must be true or false"
		}
	case *time.Duration:
		var s string
		if json.Unmarshal([]byte(text), &s) != nil {
			return durationProblem
		}
		text = s
	}
	return setText(p, text)
}
