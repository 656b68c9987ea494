// Package portstest holds the contract of each driven port as a suite of tests: an implementation
// is one when it passes. Each sentence of a contract is a subtest that says it; a new promise comes
// here first, and then into every adapter.
package portstest
