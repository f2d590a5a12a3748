// Package ratelimit bounds how often work may start: calls to a server,
// messages sent, bytes written a second.
package ratelimit
