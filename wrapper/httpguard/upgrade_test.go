package httpguard_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirkit/weir/wrapper"
	"github.com/weirkit/weir/wrapper/httpguard"
)

// switching is a base that answers every request with a switch of protocols, on a
// connection of which the other end is sent to peers. Like that of net/http the
// connection does not end with the context of the request.
func switching(peers chan net.Conn) roundTrip {
	return func(*http.Request) (*http.Response, error) {
		here, there := net.Pipe()
		peers <- there
		return &http.Response{StatusCode: http.StatusSwitchingProtocols, Body: here, Header: http.Header{}}, nil
	}
}

func TestAnUpgradedConnectionIsNotEndedByATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peers := make(chan net.Conn, 1)
		resp, err := httpguard.Transport(wrapper.Compose(wrapper.Timeout(time.Second)), switching(peers)).
			RoundTrip(request(t, http.MethodGet, "http://x.test", nil))
		require.NoError(t, err)
		peer, conn := <-peers, resp.Body.(io.ReadWriteCloser)
		time.Sleep(time.Hour)
		go func() { _, _ = peer.Write([]byte("late")) }()
		buf := make([]byte, 4)
		_, err = io.ReadFull(conn, buf)
		assert.NoError(t, err)
		go func() { _, _ = io.ReadFull(peer, buf) }()
		_, err = conn.Write([]byte("later"[:4]))
		assert.NoError(t, err)

		require.NoError(t, conn.Close())
		_, err = conn.Read(buf)
		assert.ErrorIs(t, err, io.ErrClosedPipe)
		assert.NotErrorIs(t, err, wrapper.ErrTimeout, "that was an hour ago, and it ended nothing")
		assert.NoError(t, peer.Close())
	})
}

func TestAnUpgradedConnectionCanBeWrittenToWhenThePeerHasWrittenAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen context.Context
		var written []byte
		base := roundTrip(func(r *http.Request) (*http.Response, error) {
			seen = r.Context()
			return &http.Response{StatusCode: http.StatusSwitchingProtocols, Header: http.Header{}, Body: duplex{
				func([]byte) (int, error) { return 0, io.EOF },
				func(p []byte) (int, error) { written = append(written, p...); return len(p), r.Context().Err() },
			}}, nil
		})
		resp, err := httpguard.Transport(wrapper.Compose(wrapper.Timeout(time.Minute)), base).RoundTrip(request(t, http.MethodGet, "http://x.test", nil))
		require.NoError(t, err)
		_, err = io.ReadAll(resp.Body)
		assert.NoError(t, err)
		_, err = resp.Body.(io.Writer).Write([]byte("bye"))
		assert.NoError(t, err)
		assert.Equal(t, "bye", string(written))
		assert.NoError(t, resp.Body.Close())
		assert.Error(t, seen.Err())
	})
}

// duplex is a connection of two functions.
type duplex struct {
	read, write func([]byte) (int, error)
}

func (d duplex) Read(p []byte) (int, error)  { return d.read(p) }
func (d duplex) Write(p []byte) (int, error) { return d.write(p) }
func (d duplex) Close() error                { return nil }

func TestAnUpgradedConnectionThatNobodyGetsIsClosedAtOnce(t *testing.T) {
	tests := []struct {
		name  string
		layer wrapper.Layer
		err   error
	}{
		{"the loser of two", wrapper.Func(func(ctx context.Context, next func(context.Context) error) error {
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() { _ = next(ctx) })
			}
			wg.Wait()
			return nil
		}), nil},
		{"a success of which a layer made an error", wrapper.Func(func(ctx context.Context, next func(context.Context) error) error {
			_ = next(ctx)
			return errLayer
		}), errLayer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				peers := make(chan net.Conn, 2)
				begin := time.Now()
				resp, err := httpguard.Transport(wrapper.Compose(tt.layer), switching(peers)).RoundTrip(request(t, http.MethodGet, "http://x.test", nil))
				assert.ErrorIs(t, err, tt.err)
				assert.Zero(t, time.Since(begin), "there is nothing to drain")
				if err == nil {
					assert.NoError(t, resp.Body.Close())
				}
				close(peers)
				for peer := range peers {
					_, err := peer.Read(make([]byte, 1))
					assert.ErrorIs(t, err, io.EOF)
				}
			})
		})
	}
}

func TestAnUpgradedConnectionThatComesTooLateIsClosedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peers := make(chan net.Conn, 1)
		slow := roundTrip(func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second) // and does not look at the context
			return switching(peers)(r)
		})
		begin := time.Now()
		_, err := httpguard.Transport(wrapper.Compose(wrapper.Timeout(time.Millisecond)), slow).RoundTrip(request(t, http.MethodGet, "http://x.test", nil)) //nolint:bodyclose // there is none
		assert.ErrorIs(t, err, wrapper.ErrTimeout)
		assert.Equal(t, time.Second, time.Since(begin))
		_, err = (<-peers).Read(make([]byte, 1))
		assert.ErrorIs(t, err, io.EOF)
	})
}

var errLayer = errors.New("the layer says no")
