package index

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/weirkit/weir/examples/harvest/internal/fault"
)

// Server is the service on a loopback port. Its faults hit the posts alone:
// what the GETs say can be believed.
type Server struct {
	url    string
	http   *http.Server
	faults *fault.Injector
	stop   context.CancelFunc // ends the waits of slow answers
	serve  sync.WaitGroup
}

// Start serves a store on a free loopback port until [Server.Close].
func Start(s *Store, faults fault.Schedule) (*Server, error) {
	// Nothing to cancel yet: a listener on loopback is there at once.
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	base, stop := context.WithCancel(context.Background()) // lives as long as the server
	v := &Server{url: "http://" + l.Addr().String(), stop: stop}
	handler := Handler(s)
	v.faults = fault.NewInjector(faults, handler)
	v.http = &http.Server{
		Handler:           postsThrough(v.faults, handler),
		ReadHeaderTimeout: 5 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          log.New(io.Discard, "", 0), // closed connections are its job
	}
	v.serve.Go(func() { _ = v.http.Serve(l) }) // returns ErrServerClosed once Close is called
	return v, nil
}

func postsThrough(faulty, handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			faulty.ServeHTTP(w, r)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// URL is the address of the service, without a slash at its end.
func (v *Server) URL() string { return v.url }

// Faults tells what went wrong so far.
func (v *Server) Faults() fault.Counts { return v.faults.Counts() }

// Close takes no new request, lets those that run finish, and returns when
// they have; slow answers are sent at once. When ctx ends first it closes their
// connections. It is idempotent.
func (v *Server) Close(ctx context.Context) error {
	v.stop()
	err := v.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, v.http.Close())
	}
	v.serve.Wait()
	return err
}
