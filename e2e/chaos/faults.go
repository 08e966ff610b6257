package main

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// fault is what happens to one request.
type fault string

const (
	none      fault = ""
	cut       fault = "cut before it was forwarded"
	lost      fault = "answer lost"
	delayed   fault = "delayed"
	internal  fault = "500"
	badGate   fault = "502"
	noService fault = "503"
	timeout   fault = "504 after it was applied"
	tooMany   fault = "429"
	tooManyIn fault = "429 with Retry-After"
	html      fault = "HTML with status 200"
	htmlAfter fault = "HTML with status 200, after it was applied"
	truncated fault = "truncated JSON"
	mute      fault = "no answer"
	muteAfter fault = "no answer, after it was applied"

	eventsCut fault = "event stream cut"
)

// rates are how often faults happen to one kind of request, per mille.
type rates []struct {
	fault    fault
	permille int
}

var apiRates = rates{
	{cut, 20},
	{lost, 30},
	{delayed, 50},
	{internal, 12},
	{badGate, 8},
	{noService, 8},
	{timeout, 10},
	{tooMany, 8},
	{tooManyIn, 8},
	{html, 8},
	{htmlAfter, 5},
	{truncated, 10},
	{mute, 6},
	{muteAfter, 6},
}

var engineRates = rates{{cut, 25}, {lost, 35}, {delayed, 50}}

// pick draws a fault.
func (list rates) pick(r *rand.Rand) fault {
	n := r.IntN(1000)
	for _, rate := range list {
		if n -= rate.permille; n < 0 {
			return rate.fault
		}
	}
	return none
}

// Bounds of what is drawn for a fault.
const (
	longestDelay  = 1200 * time.Millisecond
	retryAfter    = 1                // second, in a 429
	longestSilent = 15 * time.Second // agents give up earlier
	shortStream   = 2 * time.Second
	longStream    = 20 * time.Second
)

// injector decides about faults and counts those that happened.
type injector struct {
	dice *dice

	mu     sync.Mutex
	on     bool
	counts map[string]int // by side and fault
}

func newInjector(d *dice) *injector { return &injector{dice: d, counts: map[string]int{}} }

// enable switches faults on or off; outages are not its business.
func (i *injector) enable(on bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.on = on
}

// next decides about the next request of an operation. The delay is that of the fault delayed.
func (i *injector) next(on side, who, op string, list rates) (fault, time.Duration) {
	i.mu.Lock()
	enabled := i.on
	i.mu.Unlock()
	if !enabled {
		return none, 0
	}
	r := i.dice.roll(string(on) + " " + who + " " + op)
	f := list.pick(r)
	if f == none {
		return none, 0
	}
	i.count(on, string(f))
	return f, between(r, 50*time.Millisecond, longestDelay)
}

// streamLength decides how long an event stream lasts.
func (i *injector) streamLength(who string) (time.Duration, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.on {
		return 0, false
	}
	return between(i.dice.roll("stream "+who), shortStream, longStream), true
}

func (i *injector) count(on side, what string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.counts[string(on)+": "+what]++
}

// injected lists the counts by side and fault.
func (i *injector) injected() []counted {
	i.mu.Lock()
	defer i.mu.Unlock()
	var list []counted
	for _, what := range slices.Sorted(maps.Keys(i.counts)) {
		list = append(list, counted{what, i.counts[what]})
	}
	return list
}

type counted struct {
	what  string
	count int
}
