"""Asks Prefect 1.4.1 for the events of many schedules, and prints one JSON case a line: events.py SEED COUNT

A case has the schedule as ScheduleSchema serialises it (or changed by hand), after, n, and the events of the deserialised
schedule: [UTC time, parameter_defaults, labels]. "refused" is set if the schedule cannot be deserialised, "raised" if
next() raises an exception or does not return; then the events are those that can be had before that.
"""

import json
import random
import signal
import sys
import warnings
from datetime import datetime, time, timedelta, timezone

import pendulum
from dateutil import rrule
from prefect.schedules import Schedule, adjustments, clocks, filters
from prefect.serialization.schedule import ScheduleSchema

warnings.simplefilter("ignore")  # dateutil on COUNT beside UNTIL

# Zones on whose rules the zone databases of pendulum (2020), pytz and Go agree in the years below.
ZONES = [
    "Europe/Berlin", "Europe/Berlin", "Europe/London", "Europe/Dublin", "America/New_York", "America/New_York",
    "America/St_Johns", "America/Havana", "Australia/Lord_Howe", "Australia/Lord_Howe", "Pacific/Auckland",
    "Pacific/Chatham", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tokyo", "Etc/GMT+5", "UTC", "utc", "Etc/UTC",
]
SECONDS = 2  # after which a computation is taken for an endless one
FIRST, LAST = datetime(2018, 1, 1), datetime(2035, 12, 31)

# Instants near which clocks are changed somewhere.
CHANGES = [
    "2022-03-27T01:00", "2022-10-30T01:00", "2023-03-12T07:00", "2023-11-05T06:00", "2023-03-12T05:30",
    "2023-11-05T04:30", "2024-04-06T15:00", "2024-10-05T15:30", "2023-04-01T14:00", "2023-09-23T14:00",
    "2023-03-12T05:00", "2023-11-05T05:00", "2024-03-31T01:00", "2024-10-27T01:00",
]


class Generator(random.Random):
    def some(self, *choices):
        return self.choice(choices)

    def moment(self):
        """A naive time: near a change of clocks, at the end of a month, in a leap year, or any."""
        kind = self.randrange(6)
        if kind < 3:
            t = datetime.fromisoformat(self.choice(CHANGES))
            t += timedelta(minutes=self.some(-1440, -180, -120, -60, -31, -30, -15, -1, 0, 1, 15, 30, 60, 90, 120))
        elif kind == 3:
            t = datetime(self.randint(2019, 2030), self.randint(1, 12), 1) - timedelta(minutes=self.randint(0, 3000))
        elif kind == 4:
            t = datetime(self.some(2020, 2024, 2028), self.some(2, 3), self.some(1, 27, 28), self.randrange(24))
        else:
            t = FIRST + (LAST - FIRST) * self.random()
        if self.random() < 0.5:
            t = t.replace(minute=self.some(0, 0, 15, 30, t.minute), second=0)
        return t.replace(microsecond=self.some(0, 0, 0, 0, 0, 1, 499999, 500000, 999999, self.randrange(1000000)))

    def after(self):
        return pendulum.instance(self.moment(), tz="UTC")

    def date(self, zone, near=None):
        t = self.moment()
        if near is not None and self.random() < 0.7:
            t = near.naive() + timedelta(minutes=self.some(-500000, -100000, -2000, -100, -60, 0, 30, 60, 700, 100000))
            if self.random() < 0.6:
                t = t.replace(second=0, microsecond=0)
        return pendulum.datetime(
            t.year, t.month, t.day, t.hour, t.minute, t.second, t.microsecond, tz=zone,
        )

    def clock(self, after):
        zone = self.choice(ZONES)
        common = dict(parameter_defaults=self.parameters(), labels=self.labels())
        if self.random() < 0.75:
            common["start_date"] = self.date(zone, after)
        if self.random() < 0.2:
            zone = self.choice(ZONES) if self.random() < 0.3 else zone
            common["end_date"] = self.date(zone, after).add(days=self.some(0, 1, 3, 40))
        kind = self.choices("ICDR", (35, 45, 6, 14))[0]
        if kind == "I":
            return clocks.IntervalClock(self.interval(), **common)
        if kind == "C":
            return clocks.CronClock(self.cron(), day_or=self.some(None, True, False), **common)
        if kind == "R":
            return clocks.RRuleClock(self.rrule_obj(after), **common)
        common.pop("start_date", None)
        common.pop("end_date", None)
        dates = [self.date(zone if self.random() < 0.8 else self.choice(ZONES), after) for _ in range(self.randint(1, 9))]
        if self.random() < 0.3:
            dates.append(self.choice(dates))
        return clocks.DatesClock(dates, **common)

    def parameters(self):
        return self.some(None, None, None, {}, {"x": 1}, {"x": 1.0}, {"x": [1, {"y": None}], "z": "ü"})

    def labels(self):
        return self.some(None, None, None, [], ["a"], ["b", "a"])

    def interval(self):
        return self.some(
            timedelta(minutes=1), timedelta(minutes=7), timedelta(minutes=15), timedelta(minutes=30),
            timedelta(hours=1), timedelta(hours=1), timedelta(hours=6), timedelta(hours=23, minutes=30),
            timedelta(days=1), timedelta(days=1), timedelta(days=1, hours=1), timedelta(days=7), timedelta(days=31),
            timedelta(seconds=60, microseconds=1), timedelta(hours=5, microseconds=333333),
            timedelta(days=self.randint(0, 3), seconds=self.randint(60, 90000), microseconds=self.randrange(1000000)),
        )

    def cron(self):
        if self.random() < 0.08:
            return self.some("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@Annually")
        fields = [
            self.values(0, 59, "*/15", "*/7", "0", "0", "30", "*", "*/30", "59/15", "5-55/10", "1,31", "50-10/7"),
            self.values(0, 23, "*", "*", "*", "2", "1-3", "0", "*/2", "9-17", "22-3", "2,3", "23/5", "1"),
            self.values(1, 31, *["*"] * 6, "1", "31", "30,31", "L", "l,15", "29", "15W", "w31", "1w", "*/10", "?", "25-L"),
            self.values(1, 12, *["*"] * 8, "2", "oct-mar", "MAR,Oct,nov", "*/5", "4/3", "apr-jan/3", "dec/2"),
            self.values(0, 7, *["*"] * 6, "mon-fri", "7", "0", "L5", "fri#2", "1#5,3#1", "sat-sun", "5-7", "mon-fri#1",
                        "?", "*/2", "6-1/2", "tue-tue", "L1,L7", "0-6", "0-7"),
        ]
        if self.random() < 0.15:
            fields.append(self.values(0, 59, "0", "30", "*/20", "15,45", "*", "7/50"))
            if self.random() < 0.3:
                fields.append(self.values(2018, 2030, "*", "2024", "2022-2030/2", "2020/4"))
        return " ".join(fields)

    def values(self, low, high, *usual):
        if self.random() < 0.8:
            return self.choice(usual)
        return ",".join(str(self.randint(low, high)) for _ in range(self.randint(1, 3)))

    def rrule_obj(self, after):
        zone = self.choice(ZONES) if self.random() < 0.7 else None
        if self.random() < 0.7:
            return self.rule(zone, after)
        rules = rrule.rruleset()
        date = lambda: self.rule_start(zone, after)
        for _ in range(self.randint(1, 2)):
            rules.rrule(self.rule(zone, after))
        for _ in range(self.randrange(3)):
            rules.rdate(date())
        if self.random() < 0.4:
            rules.exrule(self.rule(zone, after))
        rules.exdate(date())
        return rules

    def rule_start(self, zone, after):
        start = self.date(zone or "UTC", after)
        return start if zone else datetime.fromisoformat(start.naive().isoformat())

    def rule(self, zone, after):
        start = self.rule_start(zone, after)
        freq = self.choice(range(7))
        options = {"interval": self.some(1, 1, 1, 2, 3, 7)}
        if self.random() < 0.3:
            options["count"] = self.some(1, 5, 40, 2000)
        elif self.random() < 0.4:
            options["until"] = start + timedelta(days=self.some(0, 1, 30, 400))
        if self.random() < 0.3:
            options["wkst"] = self.some(rrule.SU, rrule.WE, 3)
        for name, choices in {
            "bymonth": [1, [2, 8], [3, 10, 11]],
            "bymonthday": [1, -1, [15, 31], [29]],
            "byyearday": [1, [100, -1], 366],
            "byweekno": [1, [20, 53], -1],
            "byweekday": [rrule.MO, [rrule.TU, rrule.FR], rrule.FR(2), rrule.SU(-1), [0, 1, 2, 3, 4]],
            "byhour": [9, [2, 3], [0, 12, 18]],
            "byminute": [0, [15, 45]],
            "bysecond": [0, [5, 55]],
            "byeaster": [0, [1, 49]],
        }.items():
            if self.random() < 0.13:
                options[name] = self.choice(choices)
        if len(options) > 3 and self.random() < 0.3:
            options["bysetpos"] = self.some(1, -1, [1, 3])
        # A search in vain through 8000 years takes dateutil half a minute.
        if len({"bymonth", "bymonthday", "byyearday", "byweekno", "byeaster"} & set(options)) > 1:
            options = {"interval": 1, "bymonth": 2, "bymonthday": -1}
        try:
            return rrule.rrule(freq, dtstart=start, **options)
        except ValueError:  # times of day that are never met
            return rrule.rrule(freq, dtstart=start)

    def filter(self, after):
        hours = lambda: time(self.randrange(24), self.some(0, 0, 30), 0, self.some(0, 0, 0, 1))
        near = lambda: self.date(self.choice(ZONES), after)
        return self.some(
            lambda: filters.is_weekday, lambda: filters.is_weekend, lambda: filters.is_month_end,
            lambda: filters.is_month_start, lambda: filters.is_day_of_week(self.randrange(7)),
            lambda: filters.on_date(self.randint(1, 12), self.randint(1, 31)),
            lambda: filters.between_dates(*(self.randint(1, 12), self.randint(1, 31)) * 2),
            lambda: filters.between_dates(self.randint(1, 12), self.randint(1, 31), self.randint(1, 12), self.randint(1, 31)),
            lambda: filters.at_time(hours()), lambda: filters.between_times(hours(), hours()),
            lambda: filters.between_times(hours(), hours()), lambda: filters.on_datetime(near()),
            lambda: filters.on_datetime(near().naive()), lambda: filters.between_datetimes(near(), near().add(years=1)),
        )()

    def schedule(self, after):
        pick = lambda chance, make: [make() for _ in range(self.randint(1, 2))] if self.random() < chance else None
        clock_list = [self.clock(after) for _ in range(self.choices((1, 2, 3, 5), (60, 25, 10, 5))[0])]
        # Clocks that meet: the same once more, with other labels or the same.
        if self.random() < 0.2:
            twin = ScheduleSchema().load(ScheduleSchema().dump(Schedule([self.choice(clock_list)]))).clocks[0]
            twin.labels = self.labels()
            clock_list.insert(self.randrange(len(clock_list) + 1), twin)
        return Schedule(
            clock_list,
            filters=pick(0.3, lambda: self.filter(after)),
            or_filters=pick(0.15, lambda: self.filter(after)),
            not_filters=pick(0.15, lambda: self.filter(after)),
            adjustments=pick(0.2, lambda: self.some(
                adjustments.next_weekday, adjustments.next_weekday, adjustments.add(timedelta(hours=1)),
                adjustments.add(timedelta(days=1, microseconds=1)), adjustments.add(timedelta(minutes=-30.5)),
            )),
        )


class Endless(Exception):
    pass


def interrupt(*_):
    raise Endless


def answer(doc, after, n):
    case = {"schedule": doc, "after": after.isoformat(), "n": n, "events": []}
    try:
        ScheduleSchema().load(json.loads(json.dumps(doc)))
    except Exception as error:
        case["refused"] = str(error).split("\n")[0][:80]
        return case

    def ask(n):
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            events = ScheduleSchema().load(json.loads(json.dumps(doc))).next(n, after=after, return_events=True)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        return [[e.start_time.in_tz("UTC").isoformat(), e.parameter_defaults, e.labels] for e in events]

    try:
        case["events"] = ask(n)
    except Exception as error:
        case["raised"] = type(error).__name__
        try:
            for k in range(1, n):
                case["events"] = ask(k)
        except Exception:
            pass
    return case


def emit(schedule, after, n=10):
    doc = schedule if isinstance(schedule, dict) else ScheduleSchema().dump(schedule)
    print(json.dumps(answer(doc, after, n), separators=(",", ":")), flush=True)


def table():
    """Every kind of clock, filter and adjustment by itself, and what is refused."""
    berlin = pendulum.datetime(2022, 1, 1, 9, tz="Europe/Berlin")
    summer = pendulum.datetime(2022, 7, 1, 9, tz="Europe/Berlin")
    hour = timedelta(hours=1)
    afters = [pendulum.parse(t) for t in (
        "2022-03-26T22:59:59.999999Z", "2022-10-29T22:30:00Z", "2023-12-31T22:00:00.000001Z", "2024-02-28T09:00:00Z")]
    for after in afters:
        for start in (None, berlin, summer):
            for minutes in (1, 15, 30, 60, 90, 1439, 1440, 1500, 10080):
                emit(Schedule([clocks.IntervalClock(timedelta(minutes=minutes), start_date=start)]), after)
            for cron in (
                "* * * * *", "*/15 * * * *", "*/20 * * * *", "*/30 * * * *", "0 * * * *", "30 2 * * *", "0 2,3 * * *",
                "30 1-4/2 * * *", "0 0 * * *", "0 0 L * *", "0 0 29 2 *", "0 12 * * 7", "0 0 13 * 5", "0 9 15W * *",
                "0 9 * * fri#3", "0 9 * * L1", "0 0 1 * mon#1", "*/10 * * * * 30", "0 0 1 1 * 0 2024", "@weekly",
                "0 0 31 4 1", "0 0 ? * ?", "0 0 31 2 *", "0 0 1-31 * 1", "0 0 * * 0-6", "1 1 1 1 1 1 2099",
            ):
                for day_or in (None, False):
                    emit(Schedule([clocks.CronClock(cron, start_date=start, day_or=day_or)]), after, 24)
        hourly = lambda **more: clocks.IntervalClock(hour, start_date=berlin, **more)
        for f in (
            filters.is_weekday, filters.is_weekend, filters.is_month_start, filters.is_month_end,
            filters.is_day_of_week(0), filters.is_day_of_week(6), filters.on_date(12, 31), filters.at_time(time(2)),
            filters.at_time(time(2, 0, tzinfo=timezone(hour))), filters.between_times(time(22), time(3)),
            filters.between_times(time(9, 30), time(17)), filters.between_dates(11, 15, 2, 3),
            filters.between_dates(3, 27, 3, 1), filters.between_dates(3, 1, 3, 27),
            filters.on_datetime(pendulum.datetime(2022, 3, 27, 3, tz="Europe/Berlin")),
            filters.on_datetime(datetime(2024, 2, 28, 10)),
            filters.between_datetimes(datetime(2022, 10, 30), pendulum.datetime(2023, 1, 1, tz="Asia/Tokyo")),
        ):
            for where in ("filters", "or_filters", "not_filters"):
                emit(Schedule([hourly()], **{where: [f, filters.is_weekday] if where == "or_filters" else [f]}), after, 30)
        for a in ([adjustments.next_weekday], [adjustments.add(hour)], [adjustments.add(-hour)],
                  [adjustments.add(timedelta(days=1)), adjustments.next_weekday]):
            emit(Schedule([hourly()], adjustments=a), after, 30)
            emit(Schedule([clocks.CronClock("0 9 * * *", start_date=berlin)], adjustments=a), after, 10)
        for other in (dict(), dict(labels=[]), dict(labels=["a"]), dict(parameter_defaults={"p": 1})):
            emit(Schedule([hourly(), hourly(**other)]), after)
            emit(Schedule([hourly(**other), clocks.CronClock("0 * * * *"), hourly()]), after)
        for hours in (10000, 10001):  # candidates
            emit(Schedule([clocks.IntervalClock(hour)], filters=[filters.on_datetime(after.start_of("hour").add(hours=hours))]),
                 after)
        emit(Schedule([clocks.CronClock("* * * * *")]), after, 1100)
        emit(Schedule([]), after)

    # The day before and the day of a change of clocks.
    for zone, days in (("Europe/Berlin", ("2022-03-26", "2022-03-27", "2022-10-29", "2022-10-30")),
                       ("Australia/Lord_Howe", ("2024-04-06", "2024-04-07", "2024-10-05", "2024-10-06"))):
        for start in (pendulum.parse(d + t, tz=zone) for d in days for t in ("T00:00", "T09:00:00.000001")):
            for minutes in (10, 30, 60, 1440):
                for end in (None, start.at(2, 15), start.add(days=2)):
                    clock = clocks.IntervalClock(timedelta(minutes=minutes), start_date=start, end_date=end)
                    emit(Schedule([clock]), start.in_tz("UTC").subtract(hours=2), 40)
            for cron in ("30 * * * *", "15 2 * * *", "*/20 * * * *", "10,50 1-3 * * *", "5 */2 * * *"):
                emit(Schedule([clocks.CronClock(cron, start_date=start, end_date=start.at(2, 40))]), afters[0], 40)
                emit(Schedule([clocks.CronClock(cron, start_date=start)]), start.in_tz("UTC").subtract(minutes=1), 40)

    # Within the hour that is shown twice, of which Dublin calls the second one daylight saving time.
    for zone in ("Europe/Dublin", "Europe/London", "Europe/Berlin"):
        for after in ("2022-10-29T23:45:00Z", "2022-10-30T00:20:00.5Z", "2022-10-30T00:30:00Z", "2022-10-30T01:10:00Z"):
            for cron in ("*/10 * * * *", "30 * * * *", "0 9 * * *"):
                start = pendulum.datetime(2022, 1, 1, tz=zone)
                emit(Schedule([clocks.CronClock(cron, start_date=start)]), pendulum.parse(after), 4)

    start = pendulum.datetime(2022, 3, 26, 9, 0, 0, 1, tz="Europe/Berlin")
    for freq in range(rrule.WEEKLY, rrule.SECONDLY + 1):
        for options in (dict(), dict(count=50000, interval=2), dict(byminute=0, bysecond=3)):
            for begin in (start, datetime(2022, 3, 1, 23, 59, 30)):
                rule = clocks.RRuleClock(rrule.rrule(freq, dtstart=begin, **options), start_date=start)
                for days in (-30, 0, 20):
                    emit(Schedule([rule]), start.in_tz("UTC").add(days=days), 5)

    good = ScheduleSchema().dump(Schedule(
        [clocks.CronClock("0 9 * * *", start_date=berlin)],
        filters=[filters.at_time(time(9))], adjustments=[adjustments.add(hour)]))
    for path, values in {
        "clocks.0.cron": [
            None, "", "* * * *", "60 * * * *", "* 24 * * *", "0 0 0 * *", "0 0 * 13 *", "0 0 * 0 *", "* * * * 8",
            "*/0 * * * *", "-1 * * * *", "1- * * * *", "a * * * *", "* * * foo *", "* * * * mon#6", "* * * * mon#0",
            "? * * * *", "* * 1,? * *", "* * 15W,1 * *", "* * 32W * *", "h * * * *", "@never", "* * * * * * * *",
            "* * * * 1,2#2", "1/2/3 * * * *", "* * L-3 * *", "*/5-3 * * * *", "1,,2 * * * *", "* * * * L", "* * * * L9",
            "0-0 * * * *", "* * 0-5 * *", "0 0 1 * 5-0", "0 0 * 5-0 *", "0 0 1 1 * 0 1969", "*,5 * * * *",
            "  0\t9 * * *  ", "0 9 * * mon,tue,WED", "00 09 * * *", "0 9 * * 1#1,1#3", "7-7 * * * *", "0 9 * * 7-7",
            "*/99999999999999999999 9 * * *", "99999999999999999999 * * * *", "0 9 L,30 * *", "0 9 * * 0,1,2,3,4,5,6",
        ],
        "clocks.0.type": ["", None, "Clock"],
        "clocks.0.day_or": [None, False, True],
        "clocks.0.start_date": [None, {}, {"dt": "2022-01-01T09:00:00"}, {"dt": "x", "tz": "UTC"},
                                {"dt": "2022-01-01T09:00:00", "tz": "Mars/Base"}, {"dt": "2022-01-01T09:00:00", "tz": ""},
                                {"dt": "2022-01-01T09:00:00+03:00", "tz": "Europe/Berlin"},
                                {"dt": "2022-13-01T09:00:00", "tz": "UTC"}, "2022-01-01T09:00:00"],
        "filters.0.fn": ["prefect.schedules.filters.no", "at_time", "os.system", "prefect.schedules.adjustments.add"],
        "filters.0.kwargs": [{"t": "//time:25:00"}, {"t": "//time:09:00", "u": 1}],
        "adjustments.0.fn": ["prefect.schedules.filters.is_weekday", ""],
        "clocks": [None, {}, [{}], [{"type": "IntervalClock", "interval": 59_999_999}], [{"type": "IntervalClock"}],
                   [{"type": "IntervalClock", "interval": 60_000_000}], [{"type": "DatesClock", "dates": []}],
                   [{"type": "RRuleClock", "rrule_obj": {"type": "rrule", "rr": "FREQ"}}],
                   [{"type": "RRuleClock", "rrule_obj": {"type": "x"}}]],
        "type": ["Schedule"],
        "filters": [[]],
    }.items():
        for value in values:
            doc = json.loads(json.dumps(good))
            *way, last = [int(p) if p.isdigit() else p for p in path.split(".")]
            place = doc
            for p in way:
                place = place[p]
            place[last] = value
            emit(doc, afters[0])
    emit({"type": "Schedule", "clocks": good["clocks"]}, afters[0])
    emit({}, afters[0])


def main(seed, count):
    signal.signal(signal.SIGVTALRM, interrupt)
    if seed == 0:
        table()
    g = Generator(seed)
    for _ in range(count):
        after = g.after()
        emit(g.schedule(after), after, g.choice((1, 10, 10, 10, 60)))


main(int(sys.argv[1]), int(sys.argv[2]))
