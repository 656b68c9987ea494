// Package bench measures servers: it starts one, loads it, checks that nothing was lost, doubled or
// out of order, and reports its speed and its use of the machine.
package bench
