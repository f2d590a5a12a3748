// Package report shows what a harvest does: its progress while it runs, and the
// table at its end.
package report
