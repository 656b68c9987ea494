//go:build !linux

// Command rawwrite is the floor for a comparison. It runs on Linux.
package main

import "log"

func main() { log.Fatal("rawwrite runs on Linux only") }
