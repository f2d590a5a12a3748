// Package cli is harvest as a command: its flags, what it writes, and the code
// it exits with.
package cli
