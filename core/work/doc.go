// Package work hands waiting tasks and values to workers, first come first served.
package work
