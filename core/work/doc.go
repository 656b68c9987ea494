// Package work hands waiting tasks and values to workers in the order in which they came. It also
// runs things later, bounds their time, and counts how many are done.
package work
