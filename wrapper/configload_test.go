package wrapper_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/wrapper"
)

// whole has every field set.
var whole = wrapper.Config{
	MaxConcurrency: 10, Timeout: 3 * time.Second, AttemptTimeout: 1500 * time.Millisecond, RateLimit: 2.5, Burst: 5,
	RetryAttempts: 3, RetryDelay: 100 * time.Millisecond, MaxRetryDelay: time.Second,
	EnableCircuitBreaker: true, CircuitBreakerThreshold: 7, RecoveryTimeout: time.Minute,
}

const wholeJSON = `{"max_concurrency":10,"timeout":"3s","attempt_timeout":"1.5s","rate_limit":2.5,"burst":5,` +
	`"retry_attempts":3,"retry_delay":"100ms","max_retry_delay":"1s",` +
	`"enable_circuit_breaker":true,"circuit_breaker_threshold":7,"recovery_timeout":"1m0s"}`

func TestConfigIsReadFromJSONAndWrittenBack(t *testing.T) {
	var c wrapper.Config
	require.NoError(t, json.Unmarshal([]byte(wholeJSON), &c))
	assert.Equal(t, whole, c)
	data, err := json.Marshal(whole)
	assert.NoError(t, err)
	assert.JSONEq(t, wholeJSON, string(data))
	data, err = json.Marshal(wrapper.Config{})
	assert.NoError(t, err)
	assert.Equal(t, "{}", string(data), "zero fields are left out")
	data, err = json.Marshal(struct{ API wrapper.Config }{wrapper.Config{Timeout: time.Second}})
	assert.NoError(t, err)
	assert.Equal(t, `{"API":{"timeout":"1s"}}`, string(data), "as a part of a larger configuration")
}

// Decoders that know nothing of UnmarshalJSON, as those of YAML, see the tags.
func TestTheTagsOfAConfigAreTheKeysOfItsJSON(t *testing.T) {
	var object map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(wholeJSON), &object))
	fields := reflect.TypeFor[wrapper.Config]()
	assert.Len(t, object, fields.NumField())
	for f := range fields.Fields() {
		key, omit, _ := strings.Cut(f.Tag.Get("json"), ",")
		assert.Contains(t, object, key)
		assert.Equal(t, "omitempty", omit)
		assert.Equal(t, f.Tag.Get("json"), f.Tag.Get("yaml"), f.Name)
		assert.Equal(t, strings.ToLower(f.Name), strings.ReplaceAll(key, "_", ""), "the name of the field")
	}
}

func TestConfigFromJSONKeepsDefaults(t *testing.T) {
	c := whole
	require.NoError(t, json.Unmarshal([]byte(`{"timeout":"9s","burst":0}`), &c))
	want := whole
	want.Timeout, want.Burst = 9*time.Second, 0
	assert.Equal(t, want, c)
	require.NoError(t, json.Unmarshal([]byte(`null`), &c))
	assert.Equal(t, want, c, "null is nothing said")
}

func TestConfigFromJSONRefusesWhatItDoesNotKnow(t *testing.T) {
	tests := []struct {
		name, json string
		fields     []string
		says       string
	}{
		{"unknown fields", `{"timeot":"3s","burst":5,"rate":1}`, []string{"rate", "timeot"}, "is unknown; there are max_concurrency, timeout,"},
		{"a duration without a unit", `{"timeout":3}`, []string{"timeout"}, `timeout must be a duration with a unit, as "1.5s" or "200ms", got 3`},
		{"no duration", `{"timeout":"soon"}`, []string{"timeout"}, "must be a duration"},
		{"no number", `{"burst":"5"}`, []string{"burst"}, `burst must be a whole number, got "5"`},
		{"a fraction", `{"burst":1.5}`, []string{"burst"}, "must be a whole number"},
		{"null", `{"burst":null}`, []string{"burst"}, "must be a whole number"},
		{"no rate", `{"rate_limit":"fast"}`, []string{"rate_limit"}, "must be a number"},
		{"no bool", `{"enable_circuit_breaker":1}`, []string{"enable_circuit_breaker"}, "must be true or false"},
		{"twice", `{"burst":1,"Burst":2}`, []string{"burst"}, "burst is the same field as Burst; leave one out"},
		{"the same key twice", `{"burst":1,"timeout":"1s","burst":2}`, []string{"burst"}, "burst is there twice; leave one out"},
		{"everything at once", `{"a":1,"burst":-1.5,"timeout":{}}`, []string{"a", "burst", "timeout"}, ""},
		{"also what could be read", `{"timeout":"soon","retry_delay":"-1s","rate_limit":-2,"burst":3}`,
			[]string{"rate_limit", "retry_delay", "timeout"}, "retry_delay must not be negative, got -1s"},
		{"but not for want of what could not be", `{"burst":3,"rate_limit":"x"}`, []string{"rate_limit"}, `got "x"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := whole
			err := json.Unmarshal([]byte(tt.json), &c)
			var wrong *wrapper.ConfigError
			require.ErrorAs(t, err, &wrong)
			var fields []string
			for _, f := range wrong.Fields {
				fields = append(fields, f.Field)
			}
			assert.Equal(t, tt.fields, fields)
			assert.ErrorContains(t, err, tt.says)
			assert.Equal(t, whole, c, "it stays as it was")
		})
	}
	var c wrapper.Config
	assert.ErrorContains(t, c.UnmarshalJSON([]byte(`[1]`)), "wrapper: a Config must be a JSON object")
	assert.Error(t, json.Unmarshal([]byte(`{`), &c))
}

func TestConfigIsReadFromMapsAndTheEnvironment(t *testing.T) {
	want := wrapper.Config{
		MaxConcurrency: 10, Timeout: 90 * time.Second, RateLimit: 0.5, EnableCircuitBreaker: true, CircuitBreakerThreshold: 4,
	}
	c, err := wrapper.ConfigFromMap(map[string]string{
		"max_concurrency": "10", "TIMEOUT": "1m30s", "RateLimit": "0.5", "enable-circuit-breaker": "true", "circuitBreakerThreshold": "4",
	})
	assert.NoError(t, err)
	assert.Equal(t, want, c)

	c, err = wrapper.ConfigFromEnv("API_", []string{
		"PATH=/bin", "API_MAX_CONCURRENCY=10", "API_TIMEOUT=1m30s", "API_RATE_LIMIT=0.5",
		"API_ENABLE_CIRCUIT_BREAKER=1", "API_CIRCUIT_BREAKER_THRESHOLD=4", "APIARY=bees",
	})
	assert.NoError(t, err)
	assert.Equal(t, want, c)

	_, err = wrapper.ConfigFromEnv("API_", []string{"API_TIMEOUT=1m30s", "API_TIMOUT=3s", "API_BURST=many"})
	var wrong *wrapper.ConfigError
	require.ErrorAs(t, err, &wrong)
	assert.Len(t, wrong.Fields, 2)
	assert.EqualError(t, err, "wrapper: wrong config: API_BURST must be a whole number, got \"many\"; "+
		"API_TIMOUT is unknown; there are API_MAX_CONCURRENCY, API_TIMEOUT, API_ATTEMPT_TIMEOUT, API_RATE_LIMIT, API_BURST, "+
		"API_RETRY_ATTEMPTS, API_RETRY_DELAY, API_MAX_RETRY_DELAY, API_ENABLE_CIRCUIT_BREAKER, API_CIRCUIT_BREAKER_THRESHOLD, "+
		"API_RECOVERY_TIMEOUT")
	assert.Equal(t, "API_BURST", wrong.Fields[0].Field, "the name that is to be put right")

	_, err = wrapper.ConfigFromEnv("API_", []string{"API_BURST=", "API_TIMEOUT=-1s"})
	assert.EqualError(t, err, `wrapper: wrong config: API_BURST must be a whole number, got ""; API_TIMEOUT must not be negative, got -1s`)

	_, err = wrapper.ConfigFromEnv("API_", []string{"API_BURST=1", "API_Burst=2"})
	assert.EqualError(t, err, "wrapper: wrong config: API_Burst is the same field as API_BURST; leave one out")
}

// drawn returns a config of which New makes a wrapper, with any of its fields set.
func drawn(rnd *rand.Rand) wrapper.Config {
	for {
		duration := func() time.Duration {
			return []time.Duration{0, 1, time.Duration(rnd.Int64N(int64(time.Hour))), time.Duration(rnd.Int64()), math.MaxInt64}[rnd.IntN(5)]
		}
		number := func() int { return []int{0, 1, rnd.IntN(100), rnd.IntN(math.MaxInt32)}[rnd.IntN(4)] }
		c := wrapper.Config{
			MaxConcurrency: number(), Timeout: duration(), AttemptTimeout: duration(),
			RateLimit: []float64{0, 1e-9, 1e9, rnd.Float64(), rnd.ExpFloat64() * 1e4, 1.0 / 3}[rnd.IntN(6)], Burst: number(),
			RetryAttempts: number(), RetryDelay: duration(), MaxRetryDelay: duration(),
			EnableCircuitBreaker: rnd.IntN(2) == 0, CircuitBreakerThreshold: number(), RecoveryTimeout: duration(),
		}
		if c.Validate() == nil {
			return c
		}
	}
}

func TestTheConfigOfAWrapperMakesTheSameWrapperAgain(t *testing.T) {
	for seed := range uint64(500) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		w, err := wrapper.New(drawn(rnd))
		require.NoError(t, err, "seed %d", seed)
		data, err := json.Marshal(w.Config())
		require.NoError(t, err, "seed %d", seed)

		var fromJSON wrapper.Config
		require.NoError(t, json.Unmarshal(data, &fromJSON), "seed %d: %s", seed, data)
		var object map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(data, &object))
		texts, environ := map[string]string{}, []string{"HOME=/"}
		for key, raw := range object {
			texts[key] = strings.Trim(string(raw), `"`)
			environ = append(environ, "API_"+strings.ToUpper(key)+"="+texts[key])
		}
		fromMap, err := wrapper.ConfigFromMap(texts)
		require.NoError(t, err, "seed %d", seed)
		fromEnv, err := wrapper.ConfigFromEnv("API_", environ)
		require.NoError(t, err, "seed %d", seed)

		for _, c := range []wrapper.Config{fromJSON, fromMap, fromEnv} {
			require.Equal(t, w.Config(), c, "seed %d: %s", seed, data)
			again, err := wrapper.New(c)
			require.NoError(t, err, "seed %d: %s", seed, data)
			require.Equal(t, w.Explain(), again.Explain(), "seed %d: %s", seed, data)
		}
	}
}

func FuzzConfigJSON(f *testing.F) {
	f.Add([]byte(wholeJSON))
	f.Add([]byte(`{"timeout":"-3h","rate_limit":1e300}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c wrapper.Config
		if json.Unmarshal(data, &c) != nil {
			assert.Equal(t, wrapper.Config{}, c)
			return
		}
		if c.Validate() != nil {
			return
		}
		w, err := wrapper.New(c)
		require.NoError(t, err)
		again, err := json.Marshal(w.Config())
		require.NoError(t, err)
		var back wrapper.Config
		require.NoError(t, json.Unmarshal(again, &back))
		assert.Equal(t, c, back, string(again))
	})
}

func ExampleConfig_json() {
	var c wrapper.Config
	err := json.Unmarshal([]byte(`{"max_concurrency": 10, "timeout": "3s", "rate_limit": 50, "retries": 3}`), &c)
	fmt.Println(err)
	// Output: wrapper: wrong config: retries is unknown; there are max_concurrency, timeout, attempt_timeout, rate_limit, burst, retry_attempts, retry_delay, max_retry_delay, enable_circuit_breaker, circuit_breaker_threshold, recovery_timeout
}

func ExampleConfigFromEnv() {
	c, err := wrapper.ConfigFromEnv("API_", []string{"HOME=/root", "API_TIMEOUT=1.5s", "API_MAX_CONCURRENCY=10"})
	fmt.Println(c.Timeout, c.MaxConcurrency, err)
	// Output: 1.5s 10 <nil>
}
