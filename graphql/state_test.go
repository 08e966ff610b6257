package graphql

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func TestParseStateFollowsPrefectsRules(t *testing.T) {
	for _, tc := range []struct {
		name, doc, want, err string
		start                time.Time
		scheduled, finished  bool
	}{
		{name: "scheduled", doc: `{"type": "Scheduled", "start_time": "2021-03-04T06:06:07.5+01:00"}`, want: "Scheduled", scheduled: true, start: time.Date(2021, 3, 4, 5, 6, 7, 5e8, time.UTC)},
		{name: "Z", doc: `{"type": "Retrying", "start_time": "2021-03-04T05:06:07Z"}`, want: "Retrying", scheduled: true, start: time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)},
		{name: "no zone is UTC", doc: `{"type": "Resume", "start_time": "2021-03-04T05:06:07"}`, want: "Resume", scheduled: true, start: time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)},
		{name: "null start", doc: `{"type": "Scheduled", "start_time": null}`, want: "Scheduled", scheduled: true},
		{name: "queued", doc: `{"type": "Queued"}`, want: "Queued", scheduled: true},
		{name: "paused", doc: `{"type": "Paused"}`, want: "Paused", scheduled: true},
		{name: "pending is not scheduled", doc: `{"type": "Pending"}`, want: "Pending"},
		{name: "submitted is not scheduled", doc: `{"type": "Submitted"}`, want: "Submitted"},
		{name: "running", doc: `{"type": "Running", "start_time": 5}`, err: "expected form"},
		{name: "finished", doc: `{"type": "TriggerFailed"}`, want: "TriggerFailed", finished: true},
		{name: "no type", doc: `{"message": "x"}`, err: "no type"},
		{name: "unknown type", doc: `{"type": "Sleeping"}`, err: `unknown type "Sleeping"`},
		{name: "null result", doc: `{"type": "Scheduled", "_result": null}`, err: "_result"},
		{name: "bad time", doc: `{"type": "Scheduled", "start_time": "soon"}`, err: `"soon"`},
		{name: "no object", doc: `7`, err: "expected form"},
		{name: "nothing", doc: ``, err: "expected form"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := ParseState(json.RawMessage(tc.doc))
			if tc.err != "" {
				assert.ErrorContains(t, err, tc.err)
				return
			}
			assert.NilError(t, err)
			assert.Equal(t, s.Type, tc.want)
			assert.Assert(t, s.StartTime.Equal(tc.start), s.StartTime)
			assert.Equal(t, s.IsScheduled(), tc.scheduled)
			assert.Equal(t, s.IsFinished(), tc.finished)
		})
	}
}

func TestSubmittedKeepsWhatItWraps(t *testing.T) {
	for _, tc := range []struct{ name, original, inner string }{
		{"scheduled", `{"type": "Scheduled", "context": {"tags": ["a"]}, "big": 12345678901234567890}`, `{"type":"Scheduled","context":{"tags":["a"]},"big":12345678901234567890}`},
		{"queued is unwrapped", `{"type": "Queued", "state": {"type": "Running"}}`, `{"type":"Running"}`},
		{"queued without a state", `{"type": "Queued"}`, `null`},
		{"queued around null", `{"type": "Queued", "state": null}`, `null`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			original, err := ParseState(json.RawMessage(tc.original))
			assert.NilError(t, err)
			text, err := json.Marshal(Submitted(original, "Submitted for execution", Claim{Agent: "a", Engine: "e", Attempt: "3"}))
			assert.NilError(t, err)
			want := `{"type":"Submitted","message":"Submitted for execution","state":` + tc.inner +
				`,"context":{"docker_prefect":{"agent":"a","engine":"e","attempt":"3"}},"cached_inputs":{},"_result":{"type":"NoResultType","__version__":"1.4.1"},"__version__":"1.4.1"}`
			assert.Equal(t, string(text), want)
			read, err := ParseState(text)
			assert.NilError(t, err)
			claim, ok := read.Claim()
			assert.Assert(t, ok)
			assert.Equal(t, claim, Claim{Agent: "a", Engine: "e", Attempt: "3"})
		})
	}
}

func TestNewStateHasTheDocumentedForm(t *testing.T) {
	text, err := json.Marshal(NewState("Failed", `it "broke"`))
	assert.NilError(t, err)
	assert.Equal(t, string(text), `{"type":"Failed","message":"it \"broke\"","context":{},"cached_inputs":{},`+
		`"_result":{"type":"NoResultType","__version__":"1.4.1"},"__version__":"1.4.1"}`)
}

func TestOnlyStatesWithAMarkAreClaims(t *testing.T) {
	for _, doc := range []string{`{"type": "Submitted"}`, `{"type": "Submitted", "context": null}`, `{"type": "Submitted", "context": {"docker_prefect": 3}}`, `{"type": "Submitted", "context": []}`} {
		s, err := ParseState(json.RawMessage(doc))
		assert.NilError(t, err)
		_, ok := s.Claim()
		assert.Assert(t, !ok, doc)
	}
}

func TestAScheduledStateSaysWhen(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	text, err := json.Marshal(Scheduled("again", start))
	assert.NilError(t, err)
	read, err := ParseState(text)
	assert.NilError(t, err)
	assert.Assert(t, read.IsScheduled())
	assert.Assert(t, read.StartTime.Equal(start), read.StartTime)
}

func TestLongMessagesAreCut(t *testing.T) {
	text, err := json.Marshal(NewState("Failed", strings.Repeat("é", 2<<20)))
	assert.NilError(t, err)
	assert.Assert(t, len(text) < 100_000)
	assert.Assert(t, json.Valid(text))
}

func TestFormatTimestampWritesAsPythonDoes(t *testing.T) {
	zone := time.FixedZone("", 3600)
	assert.Equal(t, FormatTimestamp(time.Date(2021, 3, 4, 6, 6, 7, 123456789, zone)), "2021-03-04T05:06:07.123456+00:00")
	assert.Equal(t, FormatTimestamp(time.Date(2021, 3, 4, 6, 6, 7, 0, zone)), "2021-03-04T05:06:07+00:00")
}

func FuzzParseState(f *testing.F) {
	f.Add(`{"type": "Queued", "state": {"type": "Running"}, "start_time": "2021-03-04"}`)
	f.Add(`{"type": "Scheduled", "_result": null}`)
	f.Fuzz(func(t *testing.T, doc string) {
		state, err := ParseState(json.RawMessage(doc))
		if err != nil {
			return
		}
		text, err := json.Marshal(Submitted(state, "m", Claim{}))
		assert.NilError(t, err)
		assert.Assert(t, json.Valid(text))
	})
}
