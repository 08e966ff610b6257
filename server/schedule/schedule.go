// Package schedule computes when the runs of a flow are due, from the schedule that Prefect 1 clients send: what the
// deserialised prefect.schedules.Schedule of Prefect 1.4.1 answers to next(n, after, return_events=True), to the microsecond
// and including what is odd about it. It has no clock of its own.
package schedule

import (
	"encoding/json"
	"time"
)

// maxCandidates is the number of candidates after which Python gives up (1.4.1 schedules/schedules.py).
const maxCandidates = 10_000

// Schedule is a schedule that Parse has read. It does not change, so that it may be used concurrently.
type Schedule struct {
	clocks                         []*clock
	filters, orFilters, notFilters []filter
	adjustments                    []adjustment
}

// Event is a time at which a run is due.
type Event struct {
	Time       time.Time       // in UTC
	Parameters json.RawMessage // parameter_defaults of the clock, an object; nil if it gives none
	Labels     []string        // labels of the clock: nil if it gives none, empty if it gives an empty list
}

// clock is one of the clocks of a schedule.
type clock struct {
	ticker
	parameters json.RawMessage
	labels     []string
	identity   string // equal for clocks whose events are equal at equal times
}

// ticker computes the times of a clock.
type ticker interface {
	// events returns a function that answers the next time after the given one, which is in UTC, and false when there
	// is none.
	events(after moment) func() (moment, bool)
}

// Next computes at most n events after a time, which is taken to the microsecond. It gives up after 10,000 candidates.
//
// Events are what Python answers, so near a change of clocks those of an interval clock are neither strictly ascending nor
// different from each other, and its first one may be the given time itself; adjustments move events in any order.
// Where Python raises, because a clock has no more times that it can compute, that clock ends.
func (s *Schedule) Next(after time.Time, n int) []Event {
	start := moment{after.UnixMicro(), 0, utc}
	if n <= 0 || after.Year() < 1 || after.Year() > 9999 {
		return nil
	}
	var events []Event
	var last *candidate
	merged := mergeEvents(s.clocks, start)
	c, ok := merged.next(true)
	for seen := 0; ok && seen < maxCandidates; c, ok = merged.next(false) {
		// Python compares with the event before after that was adjusted.
		if last != nil && last.equal(c) {
			continue
		}
		seen++
		last = &candidate{c.time, c.clock}
		if !s.lets(c.time) {
			continue
		}
		for _, adjust := range s.adjustments {
			last.time = adjust(last.time)
		}
		if !last.time.exists() {
			break
		}
		events = append(events, Event{time.UnixMicro(last.time.instant()).UTC(), c.clock.parameters, c.clock.labels})
		if len(events) == n {
			break
		}
	}
	return events
}

// lets reports whether the filters let a time pass.
func (s *Schedule) lets(t moment) bool {
	for _, f := range s.filters {
		if !f(t) {
			return false
		}
	}
	some := len(s.orFilters) == 0
	for _, f := range s.orFilters {
		some = some || f(t)
	}
	for _, f := range s.notFilters {
		if f(t) {
			return false
		}
	}
	return some
}
