// Package bench measures servers: it starts one, loads it, checks that nothing was lost, doubled or
// out of order, and tells how fast it was and what it took from the machine.
package bench
