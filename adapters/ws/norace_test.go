//go:build !race

package ws

const underRace = false
