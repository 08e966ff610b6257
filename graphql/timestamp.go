package graphql

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// timestampLayouts are the spellings that Prefect's clients and servers use; one without a zone
// means UTC. Fractions of any length parse with all of them.
var timestampLayouts = []string{
	time.RFC3339,
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02 15:04:05",
	"2006-01-02T15:04:05Z0700",
	"2006-01-02T15:04Z07:00",
	"2006-01-02",
}

// ParseTimestamp reads an ISO 8601 time as Prefect writes it.
func ParseTimestamp(s string) (time.Time, error) {
	for _, layout := range timestampLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not an ISO 8601 time", s)
}

// FormatTimestamp writes a time as Python's isoformat does for a UTC time: microseconds unless they
// are zero, and a numeric offset.
func FormatTimestamp(t time.Time) string {
	t = t.UTC().Truncate(time.Microsecond)
	if t.Nanosecond() == 0 {
		return t.Format("2006-01-02T15:04:05+00:00")
	}
	return t.Format("2006-01-02T15:04:05.000000+00:00")
}

func marshalTimestamp(t *time.Time) ([]byte, error) {
	if t == nil || t.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(FormatTimestamp(*t))
}

func unmarshalTimestamp(b []byte, t *time.Time) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("time %s is not a string", strings.TrimSpace(string(b)))
	}
	parsed, err := ParseTimestamp(s)
	if err != nil {
		return err
	}
	*t = parsed
	return nil
}
