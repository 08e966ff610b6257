package server

import (
	"fmt"
	"strings"
	"time"
)

// timeLayout is how times are stored and sent: UTC, always with microseconds and a numeric offset. The width is
// fixed, so text order is time order, here and in Prefect's client, which compares some times as text.
const timeLayout = "2006-01-02T15:04:05.000000-07:00"

// formatTime gives t as it is stored and sent.
func formatTime(t time.Time) string {
	return t.UTC().Truncate(time.Microsecond).Format(timeLayout)
}

// parseTime reads the ISO 8601 spellings that clients send: with any offset or with none, which means UTC; with up
// to nine fraction digits; with "T" or a space; or a date alone.
func parseTime(text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	if len(text) > 10 && text[10] == ' ' {
		text = text[:10] + "T" + text[11:]
	}
	for _, layout := range []string{
		"2006-01-02T15:04:05Z07:00",
		"2006-01-02T15:04:05",
		"2006-01-02T15:04:05-0700",
		"2006-01-02T15:04:05-07",
		"2006-01-02T15:04Z07:00",
		"2006-01-02T15:04",
		"2006-01-02",
	} {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if year := t.UTC().Year(); year >= 1 && year <= 9999 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not an ISO 8601 time", text)
}
