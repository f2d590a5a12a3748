package ratelimit_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/ratelimit"
)

func TestAReaderReadsAsFastAsItMay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		text := strings.Repeat("0123456789", 1000)
		l := ratelimit.New(ratelimit.PerSecond(1000), 100)
		start := time.Now()
		got, err := io.ReadAll(ratelimit.NewReader(t.Context(), strings.NewReader(text), l))
		require.NoError(t, err)
		assert.Equal(t, text, string(got))
		assert.Equal(t, 9900*time.Millisecond, time.Since(start))
		require.NoError(t, iotest.TestReader(ratelimit.NewReader(t.Context(), strings.NewReader(text), l), []byte(text)))
	})
}

func TestAWriterWritesAsFastAsItMay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1000), 100)
		var buf bytes.Buffer
		start := time.Now()
		w := ratelimit.NewWriter(t.Context(), &buf, l)
		n, err := w.Write(make([]byte, 1050))
		require.NoError(t, err)
		assert.Equal(t, 1050, n)
		assert.Equal(t, 1050, buf.Len())
		assert.Equal(t, 950*time.Millisecond, time.Since(start))
		n, err = w.Write(nil)
		require.NoError(t, err)
		assert.Zero(t, n)
	})
}

func TestAStreamEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(10), 10)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(2500*time.Millisecond, cancel)
		n, err := ratelimit.NewWriter(ctx, io.Discard, l).Write(make([]byte, 1000))
		assert.Equal(t, context.Canceled, err)
		assert.Equal(t, 30, n)
		n, err = ratelimit.NewReader(ctx, strings.NewReader("x"), l).Read(make([]byte, 5))
		assert.Equal(t, context.Canceled, err)
		assert.Zero(t, n)

		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		l.SetTokens(0)
		n, err = ratelimit.NewReader(short, strings.NewReader("0123456789"), l).Read(make([]byte, 10))
		require.ErrorIs(t, err, ratelimit.ErrWouldExceedDeadline)
		assert.Equal(t, 10, n, "what was read is not lost")
	})
}

func TestAStreamFollowsSetBurst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(10), 100)
		l.SetTokens(0)
		done := make(chan error)
		go func() {
			_, err := ratelimit.NewWriter(t.Context(), io.Discard, l).Write(make([]byte, 100))
			done <- err
		}()
		synctest.Wait()
		l.SetBurst(10)
		require.NoError(t, <-done)
	})
}

func TestAnErrorOfTheStreamIsPassedOn(t *testing.T) {
	l := ratelimit.New(ratelimit.Unlimited, 10)
	boom := errors.New("boom")
	_, err := ratelimit.NewReader(t.Context(), iotest.ErrReader(boom), l).Read(make([]byte, 5))
	assert.Equal(t, boom, err)
	r, w := io.Pipe()
	require.NoError(t, r.CloseWithError(boom))
	_, err = ratelimit.NewWriter(t.Context(), w, l).Write([]byte("x"))
	assert.Equal(t, boom, err)
	assert.Panics(t, func() { ratelimit.NewReader(t.Context(), nil, l) })
	assert.Panics(t, func() { ratelimit.NewWriter(t.Context(), w, nil) })
}

// shortWriter takes at most n bytes of a write and says nothing.
type shortWriter struct{ n, calls int }

func (w *shortWriter) Write(p []byte) (int, error) {
	w.calls++
	return min(len(p), w.n), nil
}

func TestAWriteThatIsShortIsAnError(t *testing.T) {
	for _, n := range []int{0, 3, -1} {
		l := ratelimit.New(ratelimit.PerHour(1), 1000)
		w := &shortWriter{n: n}
		written, err := ratelimit.NewWriter(t.Context(), w, l).Write(make([]byte, 10))
		require.ErrorIs(t, err, io.ErrShortWrite)
		assert.Equal(t, max(n, 0), written)
		assert.Equal(t, 1, w.calls)
	}
	liar := writerFunc(func(p []byte) (int, error) { return len(p) + 1, nil })
	written, err := ratelimit.NewWriter(t.Context(), liar, ratelimit.New(ratelimit.Unlimited, 4)).Write(make([]byte, 10))
	require.NoError(t, err)
	assert.Equal(t, 10, written, "never more than there was")
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestAReaderOfNothingTakesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := ratelimit.New(ratelimit.PerSecond(1), 10, ratelimit.InitialTokens(0))
		n, err := ratelimit.NewReader(t.Context(), strings.NewReader("abc"), l).Read(nil)
		require.NoError(t, err)
		assert.Zero(t, n)
		n, err = ratelimit.NewReader(t.Context(), strings.NewReader(""), l).Read(make([]byte, 5))
		assert.Equal(t, io.EOF, err)
		assert.Zero(t, n)
		assert.InDelta(t, 0, l.Tokens(), 1e-9)

		// The last bytes come with the end, and are paid for.
		start := time.Now()
		n, err = ratelimit.NewReader(t.Context(), iotest.DataErrReader(strings.NewReader("abc")), l).Read(make([]byte, 1<<20))
		assert.Equal(t, 3, n)
		assert.Equal(t, io.EOF, err)
		assert.Equal(t, 3*time.Second, time.Since(start))
	})
}

func TestWhatTokensWereTakenForIsWritten(t *testing.T) {
	l := ratelimit.New(ratelimit.PerHour(1), 10)
	ctx := &endsAfter{Context: t.Context(), asked: 1} // by the wait
	var buf bytes.Buffer
	n, err := ratelimit.NewWriter(ctx, &buf, l).Write(make([]byte, 4))
	require.NoError(t, err)
	assert.Equal(t, 4, n)
	assert.Equal(t, 6, l.Take(0).Remaining)
	n, err = ratelimit.NewWriter(ctx, &buf, l).Write(nil)
	assert.Equal(t, context.Canceled, err)
	assert.Zero(t, n)
}

// endsAfter is a context that is done when it was asked so often.
type endsAfter struct {
	context.Context
	asked int
}

func (c *endsAfter) Err() error {
	if c.asked--; c.asked < 0 {
		return context.Canceled
	}
	return nil
}
