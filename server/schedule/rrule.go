package schedule

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// rruleClock ticks by recurrence rules of iCalendar (1.4.1 schedules/clocks.py RRuleClock). A rule comes with the offset of
// its start instead of a time zone, so clocks are never changed. A naive rule has no offset; it is compared with the wall
// clock of the time after which it is asked, and answers in UTC.
type rruleClock struct {
	rules, exceptRules []recurrence
	dates, exceptDates []moment
	naive              bool
	start, end         *moment
}

// recurrence is a rule and the zone of its times. Only the wall clock counts in the options, whose zone is UTC.
type recurrence struct {
	rrule.ROption
	zone  *zone
	never bool
}

// defaultRRuleStart is where Prefect begins a rule that has no start: 2018-06-20.
const defaultRRuleStart = "2018-06-20T00:00:00Z"

// ruleDoc is a serialised dateutil.rrule.rrule (1.4.1 serialization/schedule.py RRuleSchema).
type ruleDoc struct {
	Text  string          `json:"rr"`
	Start *string         `json:"_dtstart"`
	Until json.RawMessage `json:"_until"`
}

func parseRRuleClock(raw json.RawMessage, start, end *moment) (ticker, error) {
	var doc struct {
		Type string `json:"type"`
		ruleDoc
		Rules       []ruleDoc `json:"_rrule"`
		Dates       []string  `json:"_rdate"`
		ExceptRules []ruleDoc `json:"_exrule"`
		ExceptDates []string  `json:"_exdate"`
	}
	if isNull(raw) {
		return nil, errors.New("rrule_obj is missing")
	}
	if err := decode(raw, &doc); err != nil {
		return nil, fmt.Errorf("rrule_obj: %w", err)
	}
	switch doc.Type {
	case "rrule":
		doc.Rules, doc.Dates, doc.ExceptRules, doc.ExceptDates = []ruleDoc{doc.ruleDoc}, nil, nil, nil
	case "rruleset":
	default:
		return nil, fmt.Errorf("rrule_obj: type %q is no rrule or rruleset", doc.Type)
	}
	c := rruleClock{start: start, end: end}
	aware := false
	var err error
	for _, part := range []struct {
		from []ruleDoc
		to   *[]recurrence
	}{{doc.Rules, &c.rules}, {doc.ExceptRules, &c.exceptRules}} {
		for _, r := range part.from {
			rule, naive, err := r.recurrence()
			if err != nil {
				return nil, fmt.Errorf("rrule %q: %w", r.Text, err)
			}
			*part.to = append(*part.to, rule)
			c.naive, aware = c.naive || naive, aware || !naive
		}
	}
	for _, part := range []struct {
		from []string
		to   *[]moment
	}{{doc.Dates, &c.dates}, {doc.ExceptDates, &c.exceptDates}} {
		for _, text := range part.from {
			m, naive, wrong := parseDateTime(text, utc)
			if wrong != nil {
				return nil, fmt.Errorf("rrule_obj: %w", wrong)
			}
			*part.to = append(*part.to, m)
			c.naive, aware = c.naive || naive, aware || !naive
		}
	}
	if c.naive && aware {
		err = errors.New("rrule_obj: some dates have an offset from UTC and some have none")
	}
	return c, err
}

func (d ruleDoc) recurrence() (r recurrence, naive bool, err error) {
	text := defaultRRuleStart
	if d.Start != nil {
		text = *d.Start
	}
	start, naive, err := parseDateTime(text, utc)
	if err != nil {
		return r, false, fmt.Errorf("_dtstart: %w", err)
	}
	for line := range strings.SplitSeq(d.Text, "\n") {
		if rule, ok := strings.CutPrefix(strings.TrimSpace(line), "RRULE:"); ok {
			option, wrong := rrule.StrToROption(rule)
			if wrong != nil {
				return r, false, wrong
			}
			r.ROption = *option
			r.never = slices.Contains(strings.Split(rule, ";"), "COUNT=0")
		}
	}
	if r.ROption.Interval < 0 || strings.Count(d.Text, "RRULE:") != 1 {
		return r, false, errors.New("one RRULE with a positive INTERVAL is needed")
	}
	r.zone = start.zone
	r.Dtstart = start.clock().Truncate(time.Second)
	// What _until says replaces what the rule says, null as well.
	if len(d.Until) > 0 {
		r.Until = time.Time{}
	}
	if !isNull(d.Until) {
		var text string
		if err := json.Unmarshal(d.Until, &text); err != nil {
			return r, false, fmt.Errorf("_until %s is no string", d.Until)
		}
		until, untilNaive, err := parseDateTime(text, utc)
		if err != nil {
			return r, false, fmt.Errorf("_until: %w", err)
		}
		if untilNaive != naive {
			return r, false, errors.New("of _until and _dtstart one has no offset from UTC")
		}
		r.Until = time.UnixMicro(until.instant() + start.offset).UTC()
		if r.Until.Before(r.Dtstart) {
			r.never = true
		}
	}
	return r, naive, r.check()
}
