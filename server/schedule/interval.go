package schedule

import "math"

// intervalClock ticks every interval since its start (1.4.1 schedules/clocks.py IntervalClock).
type intervalClock struct {
	interval int64
	start    moment
	end      *moment
}

// defaultStart is where an interval without a start date counts from: 2019-01-01.
var defaultStart = moment{1_546_300_800 * second, 0, utc}

// events skips as many intervals as have passed, and goes on from there. What is added to the start is elapsed time while
// it is less than a day, and moves the hands of the wall clock from then on, hours and minutes included. So with clocks
// that were changed since the start, the first event may be the given time itself, or the one after the next.
func (c intervalClock) events(after moment) func() (moment, bool) {
	passed := float64(after.instant()-c.start.instant()) / 1e6 / (float64(c.interval) / 1e6)
	var k int64
	switch {
	case passed < 0:
	case math.Trunc(passed) == passed:
		k = int64(passed) + 1
	default:
		k = int64(passed + 1)
	}
	total := c.interval * k
	return func() (moment, bool) {
		for ; ; total += c.interval {
			if total > lastMoment-c.start.wall {
				return moment{}, false
			}
			next := c.start.after(total)
			if total >= day {
				next = c.start.later(total)
			}
			if next.before(after) {
				continue
			}
			total += c.interval
			return next, c.end == nil || !c.end.before(next)
		}
	}
}
