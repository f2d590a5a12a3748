package wrapper_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/weirkit/weir/breaker"
	"github.com/weirkit/weir/retry"
	"github.com/weirkit/weir/wrapper"
)

// guarded is a connector of database/sql whose connections are made through a
// wrapper: a pool that must reconnect after an outage retries with pauses, and
// asks a database that is down no more often than the breaker allows.
type guarded struct {
	driver.Connector

	w *wrapper.Wrapper
}

func (g guarded) Connect(ctx context.Context) (driver.Conn, error) {
	return wrapper.Do(ctx, g.w, g.Connector.Connect, wrapper.Discard(func(c driver.Conn) { _ = c.Close() }))
}

// A database behind a connector. It refuses the first connections.
type database struct{ refuse int }

func (d *database) Driver() driver.Driver { return nil }

func (d *database) Connect(context.Context) (driver.Conn, error) {
	if d.refuse > 0 {
		d.refuse--
		return nil, errors.New("connection refused")
	}
	return conn{}, nil
}

// conn is as little of a connection as this example needs.
type conn struct{}

func (conn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("not here") }
func (conn) Close() error                        { return nil }
func (conn) Begin() (driver.Tx, error)           { return nil, errors.New("not here") }
func (conn) Ping(context.Context) error          { return nil }

// A connector of database/sql that is guarded.
func Example_sql() {
	w := wrapper.Compose(
		wrapper.Timeout(5*time.Second),
		retry.New(retry.MaxRetries(3), retry.Backoff(retry.Constant(time.Millisecond))),
		breaker.New(breaker.ConsecutiveFailures(10)),
		wrapper.AttemptTimeout(time.Second),
	)
	db := sql.OpenDB(guarded{&database{refuse: 2}, w})
	defer db.Close()

	fmt.Println(db.PingContext(context.Background()))
	// Output: <nil>
}
