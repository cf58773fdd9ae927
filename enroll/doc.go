// Package enroll decides who may enrol and how: grants, enrolment profiles,
// the binding of identity certificates to phones, and the check-in state
// machine (Authenticate, TokenUpdate, CheckOut).
//
// It does not speak HTTP, does not sign anything itself and does not know what
// an enrolled phone is asked to do; that is package fleet.
package enroll
