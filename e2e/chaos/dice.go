package main

import (
	"hash/fnv"
	"math/rand/v2"
	"sync"
)

// dice make every decision. The n-th decision of a name is the same for the same seed, whatever is decided for other
// names in between: so the decisions are repeatable although what happens at the same time is not.
type dice struct {
	seed uint64

	mu     sync.Mutex
	rolled map[string]uint64
}

func newDice(seed uint64) *dice { return &dice{seed: seed, rolled: map[string]uint64{}} }

// roll returns randomness for the next decision of a name.
func (d *dice) roll(name string) *rand.Rand {
	d.mu.Lock()
	n := d.rolled[name]
	d.rolled[name]++
	d.mu.Unlock()
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	return rand.New(rand.NewPCG(d.seed^h.Sum64(), n))
}
