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
// Events are what Python answers, oddities included. When clocks are turned forward, an interval clock gives times twice
// and out of order; since they were changed, its first event may be the given time itself; adjustments may change the
// order and take events before it. Whoever creates runs must know which there are already.
//
// There are two exceptions. Where a clock of Python's raises, because it knows no more times, that clock ends. And where
// Python never gets over an hour that is shown twice, a cron clock goes on after that hour.
func (s *Schedule) Next(after time.Time, n int) []Event {
	start := moment{after.UnixMicro(), 0, utc}
	if n <= 0 || after.Year() < 1 || after.Year() > 9999 {
		return nil
	}
	var events []Event
	var last *candidate
	merged := mergeEvents(s.clocks, start)
	for seen := 0; len(events) < n && seen < maxCandidates; {
		c, ok := merged.next()
		if !ok {
			break
		}
		// Python compares with the candidate before when that has been adjusted.
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
