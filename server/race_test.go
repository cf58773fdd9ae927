//go:build race

package server_test

// raceSlowdown is how many times as much the race detector costs, at most, where
// code does little but read memory.
const raceSlowdown = 10
