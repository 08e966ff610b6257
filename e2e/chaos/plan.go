package main

import (
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"github.com/docker-prefect/docker-prefect/e2e/chaos/script"
)

// plan is what will be done to the world, decided before it begins. Times count from the beginning of the load.
type plan struct {
	length   time.Duration // until the last flow run is created
	runs     []plannedRun
	kills    []plannedKill
	restarts []plannedRestart
	outages  []plannedOutage
}

type plannedRun struct {
	at     time.Duration
	script script.Script
}

// plannedKill ends an agent at a time, or from then on at the first moment that is worth it.
type plannedKill struct {
	at     time.Duration
	agent  int
	moment moment // zero: at once
}

// plannedRestart is one of the engine.
type plannedRestart struct {
	at     time.Duration
	signal syscall.Signal
	down   time.Duration // between its end and its start
}

// outage is how a side is away.
type outage string

const (
	refused     outage = "connections refused"
	unavailable outage = "503 to everything"
	silent      outage = "no answers"
)

type plannedOutage struct {
	at, lasts time.Duration
	side      side
	how       outage
}

// side is an end that an agent talks to.
type side string

const (
	apiSide    side = "API"
	engineSide side = "engine"
)

// weights are how often scripts occur, in percent. Every kind occurs once before any occurs by its weight.
var weights = map[script.Kind]int{
	script.Success: 30, script.Crash: 15, script.Early: 10, script.OOM: 8, script.Failed: 10,
	script.Hang: 5, script.Cancelled: 8, script.Retry: 8, script.Missing: 6,
}

// exitCodes of scripts that crash; not those that an engine gives itself (125 to 127).
var exitCodes = []int{1, 2, 3, 42, 139, 143, 255}

const (
	// The last part of the load belongs to agents that live, so that what they leave can be seen.
	lastKill    = 0.8
	lastRestart = 0.75
	lastOutage  = 0.9
	// outageEvery is how far apart outages of one side are.
	outageEvery = 25 * time.Second
	// aimed is the share of kills that wait for a moment.
	aimed = 0.6
)

// newPlan decides.
func newPlan(o options) plan {
	d := newDice(o.seed)
	p := plan{length: time.Duration(o.runs) * o.pace}
	for i, kind := range kinds(d.roll("kinds"), o.runs) {
		r := d.roll("run")
		p.runs = append(p.runs, plannedRun{at: within(r, i, o.runs, 0, p.length), script: newScript(r, kind)})
	}
	for i := range o.kills {
		r := d.roll("kill")
		kill := plannedKill{at: within(r, i, o.kills, 0, fraction(p.length, lastKill)), agent: r.IntN(o.agents)}
		if r.Float64() < aimed {
			moments := moments()
			kill.moment = moments[r.IntN(len(moments))]
		}
		p.kills = append(p.kills, kill)
	}
	hard := d.roll("signal").IntN(2)
	for i := range o.engineRestarts {
		r := d.roll("restart")
		restart := plannedRestart{
			at:     within(r, i, o.engineRestarts, fraction(p.length, 0.1), fraction(p.length, lastRestart)),
			signal: syscall.SIGTERM, down: between(r, 200*time.Millisecond, 4*time.Second),
		}
		if i%2 == hard {
			restart.signal = syscall.SIGKILL
		}
		p.restarts = append(p.restarts, restart)
	}
	p.addOutages(d, apiSide, refused, unavailable, silent)
	p.addOutages(d, engineSide, refused)
	return p
}

func (p *plan) addOutages(d *dice, on side, hows ...outage) {
	count := max(1, int(p.length/outageEvery))
	for i := range count {
		r := d.roll("outage of the " + string(on))
		p.outages = append(p.outages, plannedOutage{
			at:    within(r, i, count, fraction(p.length, 0.05), fraction(p.length, lastOutage)),
			lasts: between(r, 1500*time.Millisecond, 6*time.Second),
			side:  on, how: hows[(i+r.IntN(2))%len(hows)],
		})
	}
}

// kinds deals scripts by weight: once each as far as they go, the rest in proportion, shuffled.
func kinds(r *rand.Rand, n int) []script.Kind {
	var deck []script.Kind
	for _, kind := range script.Kinds() {
		for range weights[kind] {
			deck = append(deck, kind)
		}
	}
	r.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	dealt := script.Kinds()
	for len(dealt) < n {
		dealt = append(dealt, deck[len(dealt)%len(deck)])
	}
	dealt = dealt[:n]
	r.Shuffle(len(dealt), func(i, j int) { dealt[i], dealt[j] = dealt[j], dealt[i] })
	return slices.Clip(dealt)
}

func newScript(r *rand.Rand, kind script.Kind) script.Script {
	s := script.Script{Kind: kind}
	// Some are over before the agent has told that it started them.
	if r.IntN(4) > 0 {
		s.Work = between(r, 0, 4*time.Second)
	}
	switch kind {
	case script.Crash, script.Early:
		s.Code = exitCodes[r.IntN(len(exitCodes))]
	case script.Retry:
		s.RetryIn = between(r, 2*time.Second, 5*time.Second)
	}
	return s
}

// within is a random time in the i-th of n equal parts of a span.
func within(r *rand.Rand, i, n int, from, to time.Duration) time.Duration {
	part := float64(to-from) / float64(n)
	return from + time.Duration((float64(i)+r.Float64())*part)
}

func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Float64()*float64(high-low))
}

func fraction(d time.Duration, of float64) time.Duration { return time.Duration(float64(d) * of) }
