// Package server puts the parts together: configuration, data directory,
// listeners, background work and their life cycle. It owns which listener
// serves what, and it is the only place that reads the clock.
//
// The device side (check-in, commands, SCEP, enrolment links) and the admin
// side (JSON interface, on a Unix socket and a loopback listener) never share
// a listener, and nothing on the device side ever answers 401.
package server
