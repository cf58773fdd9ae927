//go:build !race

package server_test

// raceSlowdown is 1: nothing but the code itself costs time.
const raceSlowdown = 1
