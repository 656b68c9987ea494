// Package work hands waiting tasks and values to workers, first come first served, times what is
// done, and counts how much that is.
package work
