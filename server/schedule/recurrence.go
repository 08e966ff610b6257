package schedule

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/teambition/rrule-go"
)

// maxSkipped is how many times of a rule before the wanted ones are looked at, where they cannot be skipped at once.
const maxSkipped = 1_000_000

// maxExceptions is after how many exceptions between two times the search for them begins anew.
const maxExceptions = 100

// longestPeriod is longer than all years that Python knows.
const longestPeriod = int(maxInterval / second)

// periods are the lengths of the frequencies that have one, in seconds.
var periods = map[rrule.Frequency]int{
	rrule.WEEKLY: 604_800, rrule.DAILY: 86_400, rrule.HOURLY: 3600, rrule.MINUTELY: 60, rrule.SECONDLY: 1,
}

// check refuses what has no meaning, on which the library would fail or search in vain.
func (r *recurrence) check() error {
	r.Interval = max(r.Interval, 1)
	period, ok := periods[r.Freq]
	if !ok {
		period = 28 * 86_400
	}
	r.Interval = min(r.Interval, longestPeriod/period)
	for _, offset := range r.Byeaster {
		if offset < -80 || offset > 250 {
			return fmt.Errorf("BYEASTER %d is not in -80 to 250", offset)
		}
	}
	inMonth := r.Freq == rrule.MONTHLY || r.Freq == rrule.YEARLY && len(r.Bymonth) > 0
	for _, w := range r.Byweekday {
		if inMonth && (w.N() < -5 || w.N() > 5) {
			return fmt.Errorf("BYDAY: no month has a day %s", w)
		}
	}
	if _, err := rrule.NewRRule(r.ROption); err != nil {
		return err
	}
	if !r.hasTimeOfDay() {
		return errors.New("INTERVAL never reaches BYHOUR, BYMINUTE and BYSECOND")
	}
	if len(r.Byeaster) > 0 {
		option, _ := nearTheEnd(r.ROption)
		_, ok := iterate(option)()
		r.never = r.never || !ok
	}
	if len(r.Bysetpos) > 0 && !slices.ContainsFunc(r.Bysetpos, func(p int) bool { return max(p, -p) <= r.perPeriod() }) {
		r.never = true
	}
	return nil
}

// hasTimeOfDay reports whether a rule that repeats within the day ever meets its times of day.
func (r *recurrence) hasTimeOfDay() bool {
	if r.Freq < rrule.HOURLY {
		return true
	}
	meets := func(by []int, x int) bool { return len(by) == 0 || slices.Contains(by, x) }
	step := r.Interval * periods[r.Freq] % 86_400
	first := r.Dtstart.Hour()*3600 + r.Dtstart.Minute()*60 + r.Dtstart.Second()
	for t := first; ; {
		if meets(r.Byhour, t/3600) && (r.Freq < rrule.MINUTELY || meets(r.Byminute, t/60%60)) &&
			(r.Freq < rrule.SECONDLY || meets(r.Bysecond, t%60)) {
			return true
		}
		if t = (t + step) % 86_400; t == first {
			return false
		}
	}
}

// calendarCycle is the number of seconds after which all but Easter comes again: 400 years.
const calendarCycle = 146_097 * 86_400

// nearTheEnd moves a rule to the last 800 years before the year 10000, where the library gives up a search; a search in
// vain for all that time would take seconds. It answers by how many seconds the rule was moved.
func nearTheEnd(option rrule.ROption) (rrule.ROption, int64) {
	seconds := int64(max(0, rrule.MAXYEAR-400-option.Dtstart.Year())/400) * calendarCycle
	option.Dtstart = addSeconds(option.Dtstart, seconds)
	if !option.Until.IsZero() {
		option.Until = addSeconds(option.Until, seconds)
	}
	return option, seconds
}

// addSeconds is time.Time.Add for any number of years.
func addSeconds(t time.Time, seconds int64) time.Time { return time.Unix(t.Unix()+seconds, 0).UTC() }

// iterate gives the times of a rule that was checked.
func iterate(option rrule.ROption) rrule.Next {
	rule, err := rrule.NewRRule(option)
	if err != nil {
		return func() (time.Time, bool) { return time.Time{}, false }
	}
	return rule.Iterator()
}

// perPeriod is how many times a period has at most, from which BYSETPOS chooses.
func (r *recurrence) perPeriod() int {
	seconds, minutes, hours := max(len(r.Bysecond), 1), max(len(r.Byminute), 1), max(len(r.Byhour), 1)
	switch r.Freq {
	case rrule.SECONDLY:
		return 1
	case rrule.MINUTELY:
		return seconds
	case rrule.HOURLY:
		return seconds * minutes
	case rrule.DAILY:
		return seconds * minutes * hours
	}
	return math.MaxInt // At least weeks: a search in vain is short.
}

// since gives the times of the rule from one on, which is given as an instant.
func (r *recurrence) since(instant int64) func() (moment, bool) {
	end := func() (moment, bool) { return moment{}, false }
	offset, _ := r.zone.offset(0)
	option, from := r.ROption, time.UnixMicro(instant+offset).UTC()
	if r.never {
		return end
	}
	// A rule with a fixed period may as well begin later, a period before the first time that is wanted. If its times are
	// counted, only where each period has one.
	plain := len(option.Bymonth)+len(option.Bymonthday)+len(option.Byyearday)+len(option.Byweekno)+len(option.Byweekday)+
		len(option.Byhour)+len(option.Byminute)+len(option.Bysecond)+len(option.Byeaster)+len(option.Bysetpos) == 0
	if period := option.Interval * periods[option.Freq]; period > 0 && (option.Count == 0 || plain) {
		if skipped := int(from.Unix()-option.Dtstart.Unix())/period - 1; skipped > 0 {
			option.Dtstart = addSeconds(option.Dtstart, int64(skipped)*int64(period))
			if option.Count > 0 {
				if option.Count -= skipped; option.Count <= 0 {
					return end
				}
			}
		}
	}
	var moved int64
	if len(option.Byeaster) == 0 {
		option, moved = nearTheEnd(option)
	}
	next := iterate(option)
	return func() (moment, bool) {
		for range maxSkipped {
			t, ok := next()
			if !ok {
				break
			}
			if t = addSeconds(t, -moved); !t.Before(from) {
				return moment{t.UnixMicro(), offset, r.zone}, true
			}
		}
		return moment{}, false
	}
}

// events gives the times of all rules and all dates, without those of the exceptions.
func (c rruleClock) events(after moment) func() (moment, bool) {
	inclusive := false
	if c.start != nil && after.before(*c.start) {
		after, inclusive = *c.start, true
	}
	from := after.instant()
	if c.naive {
		from = after.wall
	}
	times, exceptions := union(c.rules, c.dates, from), union(c.exceptRules, c.exceptDates, from)
	except, excepting := exceptions()
	return func() (moment, bool) {
		for {
			t, ok := times()
			if !ok || c.end != nil && c.end.instant() < t.instant() {
				return moment{}, false
			}
			for n := 0; excepting && except.instant() < t.instant(); n++ {
				if n == maxExceptions {
					exceptions = union(c.exceptRules, c.exceptDates, t.instant())
				}
				except, excepting = exceptions()
			}
			if excepting && except.instant() == t.instant() || t.instant() == from && !inclusive {
				continue
			}
			return t, true
		}
	}
}

// union gives the times of rules and dates from one on, each instant once.
func union(rules []recurrence, dates []moment, from int64) func() (moment, bool) {
	type source struct {
		head moment
		next func() (moment, bool)
	}
	var sources []source
	add := func(next func() (moment, bool)) {
		if t, ok := next(); ok {
			sources = append(sources, source{t, next})
		}
	}
	for _, d := range dates {
		given := d.instant() < from
		add(func() (moment, bool) {
			if given {
				return moment{}, false
			}
			given = true
			return d, true
		})
	}
	for i := range rules {
		add(rules[i].since(from))
	}
	return func() (moment, bool) {
		if len(sources) == 0 {
			return moment{}, false
		}
		first := slices.MinFunc(sources, func(a, b source) int { return int(a.head.instant() - b.head.instant()) }).head
		for i := 0; i < len(sources); {
			ok := true
			for ok && sources[i].head.instant() == first.instant() {
				sources[i].head, ok = sources[i].next()
			}
			if ok {
				i++
				continue
			}
			sources = slices.Delete(sources, i, i+1)
		}
		return first, true
	}
}
