//go:build !race

package sse

const underRace = false
