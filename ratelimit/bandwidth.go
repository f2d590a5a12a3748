package ratelimit

import (
	"context"
	"fmt"
	"io"
)

// NewReader returns a reader that takes a token of l for each byte that it reads
// from r: with a rate of 1 MiB a second, it reads that fast. Several readers and
// writers can share a limiter, in which case they get equal parts in turn.
//
// It reads first, at most the burst at once, and then waits until it may go on, so
// that no token is spent on a byte that is not there. When ctx ends or the limiter
// refuses the wait, Read returns the bytes that it has read with the error.
func NewReader(ctx context.Context, r io.Reader, l *Limiter) io.Reader {
	if r == nil || l == nil {
		panic(fmt.Sprintf("ratelimit: NewReader needs a reader and a limiter, got %v and %v", r, l))
	}
	return &reader{ctx, r, l}
}

type reader struct {
	ctx context.Context //nolint:containedctx // io.Reader has no other way for it
	r   io.Reader
	l   *Limiter
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p[:min(len(p), r.l.Burst())])
	if n > 0 {
		if werr := spend(r.ctx, r.l, n); werr != nil {
			return n, werr
		}
	}
	return n, err
}

// NewWriter returns a writer that takes a token of l for each byte before it writes
// it to w; see [NewReader]. A write of more than the burst is made in pieces. When
// ctx ends or the limiter refuses the wait, Write returns how much was written and
// the error. If w writes less than it was given and says nothing, that is
// io.ErrShortWrite. The tokens of a piece are spent however its write ends.
func NewWriter(ctx context.Context, w io.Writer, l *Limiter) io.Writer {
	if w == nil || l == nil {
		panic(fmt.Sprintf("ratelimit: NewWriter needs a writer and a limiter, got %v and %v", w, l))
	}
	return &writer{ctx, w, l}
}

type writer struct {
	ctx context.Context //nolint:containedctx // io.Writer has no other way for it
	w   io.Writer
	l   *Limiter
}

func (w *writer) Write(p []byte) (written int, err error) {
	for first := true; first || len(p) > 0; first = false {
		n := min(len(p), w.l.Burst())
		if err := spend(w.ctx, w.l, n); err != nil {
			return written, err
		}
		m, err := w.w.Write(p[:n])
		m = min(max(m, 0), n)
		written += m
		if err == nil && m < n {
			err = io.ErrShortWrite // as io.Copy has it: to try again might not end
		}
		if err != nil {
			return written, err
		}
		p = p[n:]
	}
	return written, nil
}

// spend waits for n tokens, in pieces where SetBurst made the bucket smaller
// meanwhile.
func spend(ctx context.Context, l *Limiter, n int) error {
	if n == 0 {
		return ctx.Err()
	}
	for n > 0 {
		piece := min(n, l.Burst())
		err := l.WaitN(ctx, piece)
		switch {
		case err == nil:
			n -= piece
		case err == ErrExceedsBurst && piece > l.Burst(): //nolint:errorlint // it is our own, as it is
		default:
			return err
		}
	}
	return nil
}
