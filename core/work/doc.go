// Package work hands what waits to workers, first come first served.
package work
