// Package mdmtest is a simulated iPhone for tests, the demo and load runs.
//
// A [Phone] is a client over the network: it installs an enrolment profile,
// gets its identity by SCEP, checks in, answers commands, synchronises
// declarations, downloads and installs updates by its own clock, and reports
// status, all as Apple documents it. It parses whatever the server sends into
// generic maps with its own code and shares no type with the server, so that
// a misunderstanding of the protocol cannot cancel itself out.
//
// A phone has the abilities of its iOS version, from 12 to 27, supervised or
// not, and they change with it: the update commands and the restriction profile
// up to 26, declarations from 16, enforcement from 17, settings from 18.
//
// The phone refuses what Apple's published schema refuses. Anything a correct
// server would never do is written to its [Journal] as a violation; tests
// assert that there is none.
//
// The package does not simulate ACME identities, User Enrollment, Shared
// iPad, macOS, encrypted profiles, or activation predicates other than
// TRUEPREDICATE and FALSEPREDICATE.
package mdmtest
