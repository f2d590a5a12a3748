// Package client talks to the index service: one request a call, no retry, no
// limit. Whoever calls it puts a guard around it.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/weirkit/weir/examples/harvest/internal/document"
	"github.com/weirkit/weir/examples/harvest/internal/index"
)

// Client is a client of one service. Safe for concurrent use.
type Client struct {
	base string
	http *http.Client
}

// New returns a client of the service at base, such as http://127.0.0.1:8080,
// that keeps up to conns connections open between calls.
func New(base string, conns int) *Client {
	return &Client{base: base, http: &http.Client{Transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		MaxIdleConnsPerHost: conns,
		IdleConnTimeout:     30 * time.Second,
	}}}
}

// Close closes the connections that no call uses.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Post sends a batch. An error does not mean that nothing was stored: the
// answer may have been lost on its way. Sending the batch again is safe.
func (c *Client) Post(ctx context.Context, docs []document.Document) (index.Receipt, error) {
	body, err := json.Marshal(index.Batch{Documents: docs})
	if err != nil {
		return index.Receipt{}, fmt.Errorf("client: encode: %w", err)
	}
	var got index.Receipt
	err = c.do(ctx, http.MethodPost, "/documents", body, func(r io.Reader) error {
		return json.NewDecoder(r).Decode(&got)
	})
	if err == nil && got.Stored+got.Known != len(docs) {
		err = fmt.Errorf("client: sent %d documents, the receipt is for %d", len(docs), got.Stored+got.Known)
	}
	if err != nil {
		return index.Receipt{}, err
	}
	return got, nil
}

// Count asks how much is stored.
func (c *Client) Count(ctx context.Context) (index.Count, error) {
	var got index.Count
	err := c.do(ctx, http.MethodGet, "/count", nil, func(r io.Reader) error {
		return json.NewDecoder(r).Decode(&got)
	})
	return got, err
}

// Copies asks how often each path is stored.
func (c *Client) Copies(ctx context.Context) (map[string]int, error) {
	copies := map[string]int{}
	err := c.do(ctx, http.MethodGet, "/documents", nil, func(r io.Reader) error {
		for d := json.NewDecoder(r); ; {
			var e index.Entry
			if err := d.Decode(&e); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			copies[e.Path] = e.Copies
		}
	})
	return copies, err
}

// do sends a request and hands the body of a good answer to read.
func (c *Client) do(ctx context.Context, method, path string, body []byte, read func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() {
		_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // an unread body costs the connection
		_ = resp.Body.Close()
	}()
	if resp.StatusCode != http.StatusOK {
		return newStatusError(method, path, resp)
	}
	if err := read(resp.Body); err != nil {
		return fmt.Errorf("client: answer to %s %s: %w", method, path, err)
	}
	return nil
}
