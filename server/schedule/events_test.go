package schedule

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// pythonCase is a line of testdata/events.py.
type pythonCase struct {
	Schedule json.RawMessage     `json:"schedule"`
	After    time.Time           `json:"after"`
	N        int                 `json:"n"`
	Events   [][]json.RawMessage `json:"events"`
	Refused  string              `json:"refused"`
	Raised   string              `json:"raised"`
}

// accepted are schedules that Prefect serialises and then does not deserialise, and that we take.
var accepted = map[string]bool{
	`Invalid timezone "+05:30"`: true, // the name that pendulum gives a fixed offset
}

// endOfZones is when the tables of pytz end; of some zones, Chatham's, pendulum knows no summers from then on.
var endOfZones = time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC)

// The recording is what Prefect 1.4.1 answered; testdata/events.py made it:
//
//	$DOCKER_PREFECT_PYTHON/bin/python testdata/events.py 0 500 | gzip -9n >testdata/events.jsonl.gz
func TestEventsAreThoseThatPythonComputes(t *testing.T) {
	compareWithPython(t, recording(t))
}

func recording(t testing.TB) io.Reader {
	t.Helper()
	packed, err := os.ReadFile("testdata/events.jsonl.gz")
	assert.NilError(t, err)
	cases, err := gzip.NewReader(bytes.NewReader(packed))
	assert.NilError(t, err)
	return cases
}

func compareWithPython(t *testing.T, cases io.Reader) {
	t.Helper()
	n, different := 0, 0
	lines := bufio.NewScanner(cases)
	lines.Buffer(nil, 1<<20)
	for ; lines.Scan(); n++ {
		var c pythonCase
		assert.NilError(t, json.Unmarshal(lines.Bytes(), &c))
		if !c.compare(t) {
			if different++; different == 20 {
				t.Fatal("and so on")
			}
		}
	}
	assert.NilError(t, lines.Err())
	assert.Check(t, n >= 50, "only %d cases", n)
	t.Logf("%d cases", n)
}

func (c pythonCase) compare(t *testing.T) bool {
	t.Helper()
	s, err := Parse(c.Schedule)
	if c.Refused != "" && !accepted[c.Refused] {
		return assert.Check(t, err != nil, "Python refuses (%s)\n%s", c.Refused, c.Schedule)
	}
	if !assert.Check(t, err == nil, "%v\n%s", err, c.Schedule) {
		return false
	}
	if c.Refused != "" {
		return true
	}
	events := s.Next(c.After, c.N)
	if c.Raised != "" {
		// Where Python knows no further, we may.
		events = events[:min(len(events), len(c.Events))]
	}
	type event struct{ Time, Parameters, Labels string }
	got, want := []event{}, []event{}
	for _, e := range events {
		if e.Time.After(endOfZones) {
			break
		}
		parameters := e.Parameters
		if parameters == nil {
			parameters = json.RawMessage("{}")
		}
		labels, err := json.Marshal(e.Labels)
		assert.NilError(t, err)
		got = append(got, event{e.Time.Format(time.RFC3339Nano), string(parameters), string(labels)})
	}
	for _, e := range c.Events {
		var at time.Time
		assert.NilError(t, json.Unmarshal(e[0], &at))
		if at.After(endOfZones) {
			break
		}
		want = append(want, event{at.UTC().Format(time.RFC3339Nano), string(e[1]), string(e[2])})
	}
	return assert.Check(t, slices.Equal(got, want), "%s\nafter %s %s\ngot  %v\nwant %v",
		c.Schedule, c.After.Format(time.RFC3339Nano), c.Raised, got, want)
}

func BenchmarkNext(b *testing.B) {
	s, err := Parse([]byte(`{"clocks": [{"type": "CronClock", "cron": "*/15 9-17 * * mon-fri",
		"start_date": {"dt": "2022-01-01T09:00:00", "tz": "Europe/Berlin"}}]}`))
	assert.NilError(b, err)
	after := time.Date(2024, 5, 5, 5, 5, 5, 5000, time.UTC)
	for b.Loop() {
		assert.Assert(b, len(s.Next(after, 10)) == 10)
	}
}
