// Package fleet holds the use cases between the policy engine and the phones:
// it turns the world into one target per phone, a target into declarations,
// declarations into synchronisation, and what phones answer into facts; and it
// carries out what people decide (approve, record a verdict, pause, …).
//
// It does not decide what a gate or a target is (package policy), does not
// speak HTTP, and knows no database and no push service, only the interfaces
// declared here.
package fleet
