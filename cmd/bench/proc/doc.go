// Package proc runs the servers that a benchmark measures, and asks the operating system what they
// take from the machine.
//
// What the system tells is the server's alone, whatever the load generator beside it needs. How
// much it tells depends on which it is: on Linux it is /proc, elsewhere ps, which knows no more
// than CPU time and memory. Usage says which is which.
package proc
