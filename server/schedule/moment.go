package schedule

import (
	"fmt"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // A static program runs on machines that have no zone database.
)

// Durations and moments are counted in microseconds, as Python does.
const (
	second int64 = 1_000_000
	minute       = 60 * second
	hour         = 60 * minute
	day          = 24 * hour
)

// Python knows the years 1 to 9999 only.
var (
	firstMoment = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	lastMoment  = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() - 1
)

// zone is a time zone. Python compares two times of the same zone by their wall clocks alone, so its name matters.
type zone struct {
	name     string
	location *time.Location
}

var utc = &zone{"UTC", time.UTC}

var zones sync.Map // of *zone, by name

// zoneNamed finds a zone by its name in the IANA database, or by an offset such as +05:30: clients write that for a
// date with a fixed offset.
func zoneNamed(name string) (*zone, error) {
	if strings.EqualFold(name, "utc") {
		return utc, nil
	}
	if known, ok := zones.Load(name); ok {
		return known.(*zone), nil
	}
	if t, err := time.Parse("Z07:00", name); err == nil && name != "Z" {
		_, offset := t.Zone()
		return fixedZone(offset), nil
	}
	// The names that time.LoadLocation takes for something of its own are no names in the database.
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("unknown time zone %q", name)
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("unknown time zone %q", name)
	}
	z, _ := zones.LoadOrStore(name, &zone{name, location})
	return z.(*zone), nil
}

// fixedZone is the zone that is offset seconds east of UTC all year.
func fixedZone(offset int) *zone {
	name := time.Unix(0, 0).In(time.FixedZone("", offset)).Format("-07:00")
	return &zone{name, time.FixedZone(name, offset)}
}

// offset is how far the wall clock is ahead of UTC at an instant, and whether that is called daylight saving time.
func (z *zone) offset(instant int64) (int64, bool) {
	if z == utc {
		return 0, false
	}
	t := time.UnixMicro(instant).In(z.location)
	_, seconds := t.Zone()
	return int64(seconds) * second, t.IsDST()
}

// reading says how a wall clock came to show what it shows.
type reading int

const (
	once  reading = iota
	twice         // clocks were turned back: before is the offset of the first time, after that of the second
	never         // clocks were turned forward: before and after are the offsets around the gap
)

func (z *zone) read(wall int64) (how reading, before, after int64) {
	before, _ = z.offset(wall - day)
	after, _ = z.offset(wall + day)
	if before == after {
		return once, before, after
	}
	early, _ := z.offset(wall - before)
	late, _ := z.offset(wall - after)
	switch {
	case early == before && late == after:
		return twice, before, after
	case early == before:
		return once, before, before
	case late == after:
		return once, after, after
	}
	return never, before, after
}

// moment is a pendulum.DateTime: what a wall clock shows, and its offset, which tells the second time from the first
// when it shows the same twice.
type moment struct {
	wall   int64 // microseconds since 1970-01-01T00:00 on that clock
	offset int64
	zone   *zone
}

// at is the moment when the clock of the zone shows wall: for the second time if it does so twice, and as much later as
// clocks were turned forward if it never does (pendulum.datetime).
func (z *zone) at(wall int64) moment {
	how, before, after := z.read(wall)
	if how == never {
		wall += after - before
	}
	return moment{wall, after, z}
}

// in is the moment of an instant. While clocks show the same hour twice, pendulum's Timezone.convert takes standard time
// for the second time; where winter is the time that saves daylight, as in Dublin, that is an hour wrong, here too.
func (z *zone) in(instant int64) moment {
	offset, daylight := z.offset(instant)
	wall := instant + offset
	how, before, after := z.read(wall)
	if how == twice {
		offset = after
		if daylight {
			offset = before
		}
	}
	return moment{wall, offset, z}
}

func (m moment) instant() int64 { return m.wall - m.offset }

// clock is the time that the wall clock shows, as if it were in UTC.
func (m moment) clock() time.Time { return time.UnixMicro(m.wall).UTC() }

// sinceMidnight is the time of day.
func (m moment) sinceMidnight() int64 { return ((m.wall % day) + day) % day }

// before is Python's m < other.
func (m moment) before(other moment) bool {
	if m.zone.name == other.zone.name {
		return m.wall < other.wall
	}
	return m.instant() < other.instant()
}

// equal is Python's m == other. A time that the clock shows twice equals none in another zone (PEP 495).
func (m moment) equal(other moment) bool {
	if m.zone.name == other.zone.name {
		return m.wall == other.wall
	}
	return m.instant() == other.instant() && !m.ambiguous() && !other.ambiguous()
}

func (m moment) ambiguous() bool {
	how, _, _ := m.zone.read(m.wall)
	return how == twice
}

// later moves the hands of the wall clock (pendulum's add of days).
func (m moment) later(d int64) moment { return m.zone.at(m.wall + d) }

// after lets time pass (pendulum's add of seconds).
func (m moment) after(d int64) moment { return m.zone.in(m.instant() + d) }

// exists reports whether Python has such a year.
func (m moment) exists() bool { return firstMoment <= m.wall && m.wall <= lastMoment }
