package simulation

import "math/rand/v2"

// stream is one of the sequences of random numbers that a seed has. Each part of a life
// draws from one of its own, so that a change of one part leaves the others as they were.
type stream uint64

// The streams. A number that changes makes other lives of all that draw from it, so a
// new stream comes last.
const (
	peopleStream stream = 1 + iota // when a life begins, and its groups
	phonesStream
	releasesStream
	eventsStream
	rulesStream
	flawsStream
	haltsStream
	reportsStream
	lateFlawsStream

	locksStream stream = 11 + iota // from 20 on
	editsStream
	troublesStream
	remindersStream
	majorsStream
	shoppersStream
	undecidedStream
	removalsStream
	improvementsStream
	onceMoreStream
	_ // 30 belongs to nobody
	calendarsStream
	olderStream
	oldPhonesStream
	failingStream
	countsStream
	improvingStream
	classesStream
	joiningStream
	lettingInStream
	replacedStream
	ordersStream
)

// numbers returns a stream of a seed from its beginning.
func numbers(seed uint64, of stream) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(of)))
}
