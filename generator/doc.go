// Package generator makes values on demand: what is costly to make, endless, or
// comes in pages.
package generator
