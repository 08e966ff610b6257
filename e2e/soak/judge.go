package main

import (
	"fmt"
	"slices"
	"time"
)

// sample is the agent's size at a moment.
type sample struct {
	At         time.Duration `json:"at"`
	RSS        int64         `json:"rss"`
	Heap       int64         `json:"heap"`
	Goroutines int64         `json:"goroutines"`
}

func (s sample) String() string {
	return fmt.Sprintf("RSS %s  heap %s  %d goroutines", megabytes(s.RSS), megabytes(s.Heap), s.Goroutines)
}

// measure is a figure that must not grow. Its level in the last tenth of the samples is held against that
// in the second tenth, for in the first one everything warms up.
type measure struct {
	name  string
	of    func(sample) int64
	level func([]int64) int64
	share float64 // of the earlier level by which it may grow,
	least int64   // but always this much,
	warms bool    // and by more in a short soak
	show  func(int64) string
}

var measures = []measure{
	// The runtime keeps what it got for a while: a tenth more is no leak, 200 bytes a run over half an hour are.
	{"RSS", func(s sample) int64 { return s.RSS }, median, 0.10, 3 << 20, true, megabytes},
	// Between two collections the heap grows as it likes; what remains after one is its lowest point.
	{"heap after collection", func(s sample) int64 { return s.Heap }, slices.Min[[]int64], 0.15, 1 << 20, true, megabytes},
	// The agent keeps up to 16 idle connections to the engine and 32 to the API, with two goroutines each, and
	// it takes a rare burst to open the last of them. A leak is one in a hundred runs, or one a break of the events.
	{"goroutines", func(s sample) int64 { return s.Goroutines }, median, 0, 2 * (16 + 32), false, func(n int64) string { return fmt.Sprint(n) }},
}

// strict is the length from which growth of memory is a leak: before, it still warms up, and margins are wider.
const strict, leeway = 5 * time.Minute, 4

// fewest samples make a tenth of two.
const fewest = 20

// judge says in a sentence each what grew.
func judge(samples []sample, length time.Duration) []string {
	if len(samples) < fewest {
		return []string{fmt.Sprintf("%d samples are too few to judge by", len(samples))}
	}
	var faults []string
	for _, m := range measures {
		if before, after := m.levels(samples); after-before > m.margin(before, length) {
			faults = append(faults, fmt.Sprintf("%s grew by more than %s: %s", m.name, m.show(m.margin(before, length)), m.compare(samples)))
		}
	}
	return faults
}

func (m measure) margin(before int64, length time.Duration) int64 {
	margin := max(int64(m.share*float64(before)), m.least)
	if m.warms && length < strict {
		margin *= leeway
	}
	return margin
}

func (m measure) levels(samples []sample) (before, after int64) {
	tenth := len(samples) / 10
	values := make([]int64, len(samples))
	for i, s := range samples {
		values[i] = m.of(s)
	}
	return m.level(values[tenth : 2*tenth]), m.level(values[len(values)-tenth:])
}

// compare shows both levels.
func (m measure) compare(samples []sample) string {
	if len(samples) < fewest {
		return m.name + ": too few samples"
	}
	before, after := m.levels(samples)
	return fmt.Sprintf("%s: %s in the second tenth, %s in the last", m.name, m.show(before), m.show(after))
}

func median(values []int64) int64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
