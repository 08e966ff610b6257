package schedule

import (
	"slices"
	"time"
)

// cronClock ticks when a cron expression says so, on the wall clock of its start date, or in UTC if it has none (1.4.1
// schedules/clocks.py CronClock).
type cronClock struct {
	expression *cronExpression
	dayOr      bool // of day and weekday, one suffices if both are given
	start, end *moment
}

// maxCronEvents is after how many times of one clock Python gives up.
const maxCronEvents = 1000

// events gives the times that croniter finds, of which it takes the second one if the wall clock shows it twice; so a
// clock that ticks every few minutes pauses for an hour when clocks are turned back. It counts from the second after, so that
// a time within it is left out.
func (c cronClock) events(after moment) func() (moment, bool) {
	if c.start != nil {
		after = c.start.zone.in(after.instant())
		if start := c.start.after(-second); after.before(start) {
			after = start
		}
	}
	search := cronSearch{cronClock: c, zone: after.zone, current: after.zone.localize(after.wall).instant()}
	if after.wall%second != 0 {
		search.current += second
	}
	given := map[int64]bool{}
	return func() (moment, bool) {
		if len(given) >= maxCronEvents {
			return moment{}, false
		}
		next, ok := search.next()
		for repeats := 1; ok && (next.instant() == after.instant() || given[next.wall]); repeats++ {
			next, ok = search.next()
			if ok && repeats == 3 {
				// Python gets over the repeated hour by another search from here. With croniter 7 that one never returns,
				// unless the hour is over.
				after = next
				search.current = next.instant()
				next, ok = search.next()
			}
		}
		given[next.wall] = true
		return next, ok && (c.end == nil || !c.end.before(next))
	}
}

// localize is pytz's localize of a wall clock: standard time if there is a choice, and the time before the change of clocks
// for what the clock never shows.
func (z *zone) localize(wall int64) moment {
	how, before, after := z.read(wall)
	offset := after
	if how == twice {
		_, early := z.offset(wall - before)
		_, late := z.offset(wall - after)
		if late && !early {
			offset = before
		}
	} else if how == never {
		offset = before
	}
	return moment{wall, offset, z}
}

// cronSearch is a croniter: it finds one time after the other.
type cronSearch struct {
	cronClock
	zone    *zone
	current int64 // instant
}

// next finds the next time. It is as pendulum reads the wall clock, which may not be the instant that was found.
func (s *cronSearch) next() (moment, bool) {
	now := moment{zone: s.zone}
	now.offset, _ = s.zone.offset(s.current)
	now.wall = s.current + now.offset
	found, ok := s.search(now)
	if !ok || !found.exists() {
		return moment{}, false
	}
	s.current = found.instant()
	return s.zone.at(found.wall), true
}

// search finds the next time in the time zone. With day and weekday given, either suffices unless dayOr is false.
func (s *cronSearch) search(now moment) (moment, bool) {
	c := s.expression
	if c.fields[dayField].any || c.fields[weekdayField].any || !s.dayOr {
		return s.searchIn(c, now)
	}
	byDay, dayFound := s.searchIn(c.without(weekdayField), now)
	byWeekday, weekdayFound := s.searchIn(c.without(dayField), now)
	switch {
	case dayFound && weekdayFound:
		if byDay.instant() < byWeekday.instant() {
			return byDay, true
		}
		return byWeekday, true
	case len(c.nth) > 0 || len(c.nearest) > 0:
		return moment{}, false
	case dayFound:
		return byDay, true
	}
	return byWeekday, weekdayFound
}

// without is the expression with any value allowed in one of its fields.
func (c *cronExpression) without(field int) *cronExpression {
	without := *c
	without.fields = slices.Clone(c.fields)
	without.fields[field] = cronField{any: true}
	return &without
}

// searchIn finds the next time in the time zone (croniter 7.0 croniter._calc).
func (s *cronSearch) searchIn(c *cronExpression, now moment) (moment, bool) {
	wall, ok := c.nextWall(now.wall)
	if !ok {
		return moment{}, false
	}
	found, shown := s.place(wall, now)
	if !shown && (found.instant() <= now.instant() || c.fields[hourField].any) {
		// The clock does not show it, and to shift it would not do.
		for !shown {
			if wall, ok = c.nextWall(wall); !ok {
				return moment{}, false
			}
			found, shown = s.place(wall, now)
		}
	}
	change := found.offset - now.offset
	if change == 0 {
		return found, true
	}
	// Clocks are changed in between; perhaps there is an earlier time by the clock after the change.
	if wall, ok = c.nextWall(now.wall + change); !ok {
		return moment{}, false
	}
	other, shown := s.place(wall, now)
	if shown && now.instant() < other.instant() && other.instant() < found.instant() {
		return other, true
	}
	return found, true
}

func (c *cronExpression) nextWall(wall int64) (int64, bool) {
	t, ok := c.next(time.UnixMicro(wall).UTC())
	return t.UnixMicro(), ok
}

// place finds the moment at which the clock shows wall: the first one after now if it does so twice. If it never does, it
// is the first minute that the clock shows again, and false.
func (s *cronSearch) place(wall int64, now moment) (moment, bool) {
	how, before, after := s.zone.read(wall)
	switch how {
	case once:
		return moment{wall, after, s.zone}, true
	case twice:
		if first := (moment{wall, before, s.zone}); now.instant() < first.instant() {
			return first, true
		}
		return moment{wall, after, s.zone}, true
	}
	for how == never {
		wall += minute
		how, before, _ = s.zone.read(wall)
	}
	return moment{wall, before, s.zone}, false
}
