package schedule

import "slices"

// datesClock ticks at given dates, which are sorted (1.4.1 schedules/clocks.py DatesClock).
type datesClock []moment

func newDatesClock(dates []moment) datesClock {
	slices.SortStableFunc(dates, func(a, b moment) int {
		switch {
		case a.before(b):
			return -1
		case b.before(a):
			return 1
		}
		return 0
	})
	return dates
}

func (c datesClock) events(after moment) func() (moment, bool) {
	i := 0
	return func() (moment, bool) {
		for i < len(c) {
			i++
			if after.before(c[i-1]) {
				return c[i-1], true
			}
		}
		return moment{}, false
	}
}
