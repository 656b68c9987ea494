// Package portstest has the contract of each driven port as a suite of tests, which an
// implementation must pass. Each sentence of a contract is a subtest with that name. A new promise
// comes here first, and then into every adapter.
package portstest
