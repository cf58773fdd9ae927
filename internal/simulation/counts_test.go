package simulation

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

// drawCounts has every team's policy name numbers of phones: some that are less
// than the part after them, or more than the group.
func drawCounts(r *rand.Rand, l *life) {
	l.counts = true
	for i := range l.teams {
		d := &l.teams[i].rules
		if d.name == "" {
			*d = rules{name: "rules-" + l.teams[i].name, onExpiry: enforce}
		}
		d.waves = pick(r, []string{"2", "60%", "100%"}, []string{"1", "4", "100%"}, []string{"5", "50%", "100%"}, []string{"20%", "3", "100%"}, []string{"50", "100%"})
		d.soak = pick(r, day, 2*day)
	}
}

// ownShares are the waves of people who approve by their own.
func (w *world) ownShares() []string {
	if w.life.counts {
		return []string{"2", "70%", "100%"}
	}
	return []string{"40%", "70%", "100%"}
}

// most is how many of so many phones a wave and those before it may be.
func most(share string, phones int) int {
	number, percent := strings.CutSuffix(share, "%")
	n, err := strconv.Atoi(number)
	switch {
	case err != nil:
		return 0
	case percent:
		return int(math.Ceil(float64(phones*n) / 100))
	default:
		return min(n, phones)
	}
}

// miscounted are plants about numbers of phones.
func miscounted() []plant {
	return []plant{{
		name: "a number of phones is taken for nearly all", property: "P12", seed: 106,
		store: func(_ *world, s *memory.Store) fleet.Store {
			return liar{Store: s, change: func(c *storage.WorldChange) {
				for i := range c.Policies {
					shares := append(storage.WaveShares{}, c.Policies[i].Waves...)
					for j := range len(shares) - 1 {
						shares[j] = strconv.Itoa(90+j) + "%"
					}
					c.Policies[i].Waves = shares
				}
			}}
		},
	}}
}
