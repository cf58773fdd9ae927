package policy

import "math/bits"

// flawSet is a set of flaws by their numbers in a [releaseIndex]. Sets of one index are of
// the same length. Each gate adds up what dozens of releases fix, thousands of flaws that
// a map would take most of an evaluation for.
type flawSet []uint64

const wordSize = 64 // bits

func (s flawSet) put(n int) { s[n/wordSize] |= 1 << (n % wordSize) }

func (s flawSet) add(other flawSet) {
	for i, word := range other {
		s[i] |= word
	}
}

func (s flawSet) remove(other flawSet) {
	for i, word := range other {
		s[i] &^= word
	}
}

func (s flawSet) size() int {
	n := 0
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// numberFlaws tells every release what it fixes in sets. Numbers follow the order of the
// identifiers.
func (x *releaseIndex) numberFlaws() {
	for _, rel := range x.known {
		for _, c := range rel.CVEs {
			x.flaws = append(x.flaws, c.ID)
		}
	}
	x.flaws = unique(x.flaws)
	numbers := make(map[string]int, len(x.flaws))
	for n, id := range x.flaws {
		numbers[id] = n
	}
	for _, rel := range x.known {
		rel.fixes, rel.fixesExploited = x.noFlaws(), x.noFlaws()
		for _, c := range rel.CVEs {
			rel.fixes.put(numbers[c.ID])
			if c.Exploited {
				rel.fixesExploited.put(numbers[c.ID])
			}
		}
	}
}

// noFlaws returns an empty set.
func (x *releaseIndex) noFlaws() flawSet {
	return make(flawSet, (len(x.flaws)+wordSize-1)/wordSize)
}

// named returns the identifiers of a set, sorted; nil for none.
func (x *releaseIndex) named(s flawSet) []string {
	var list []string
	for i, word := range s {
		for ; word != 0; word &= word - 1 {
			list = append(list, x.flaws[i*wordSize+bits.TrailingZeros64(word)])
		}
	}
	return list
}
