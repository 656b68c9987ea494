// Package proc runs the servers that a benchmark measures, and asks the operating system for their
// use of the machine.
//
// The measures are of the server alone, without the load generator. They depend on the system: on
// Linux they are from /proc, elsewhere from ps, which knows only CPU time and memory. See Usage.
package proc
