package server

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// maxState is the size of the largest state and artifact, in bytes of JSON.
const maxState = 1_000_000

// state is a state of a run as a client sent it, with the parts of it that the backend works with.
type state struct {
	kind    string          // name of its type, such as Running
	raw     json.RawMessage // what is stored
	message *string
	start   *string // start_time of a state that waits, as it is stored
	inputs  bool    // whether it has cached_inputs
}

// kinds lists all types of state that Prefect 1 knows.
func kinds() []string {
	return []string{
		"Pending", "Scheduled", "Paused", "Resume", "Retrying", "Submitted", "Queued", "ClientFailed",
		"Running", "Cancelling", "Finished", "Looped", "Success", "Cached", "Mapped", "Skipped",
		"Failed", "TimedOut", "TriggerFailed", "ValidationFailed", "Cancelled",
	}
}

func isRunning(kind string) bool { return kind == "Running" || kind == "Cancelling" }

func isFinished(kind string) bool {
	switch kind {
	case "Finished", "Looped", "Success", "Cached", "Mapped", "Skipped",
		"Failed", "TimedOut", "TriggerFailed", "ValidationFailed", "Cancelled":
		return true
	}
	return false
}

// ends says whether a state sets the end_time of its run. That is not every finished one (Server's database trigger).
func ends(kind string) bool {
	switch kind {
	case "Success", "Failed", "Cached", "TimedOut", "Looped", "Cancelled":
		return true
	}
	return false
}

// waits says whether a state has a start_time.
func waits(kind string) bool {
	switch kind {
	case "Scheduled", "Paused", "Resume", "Retrying", "Queued":
		return true
	}
	return false
}

// waitingKinds is the condition of the indexes flow_run_queue and task_run_queue, word for word.
const waitingKinds = "state IN ('Scheduled', 'Paused', 'Resume', 'Retrying', 'Queued')"

// parseState reads a state. A state that waits and does not say until when waits until now; only Paused may wait
// without end. Texts of errors are like those of Server's deserialiser.
func parseState(raw json.RawMessage, now time.Time) (*state, error) {
	if len(raw) > maxState {
		return nil, refuse("State payload is too large.")
	}
	var fields struct {
		Type      json.RawMessage `json:"type"`
		Message   json.RawMessage `json:"message"`
		StartTime json.RawMessage `json:"start_time"`
		Inputs    json.RawMessage `json:"cached_inputs"`
	}
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, refuse("{'_schema': ['Invalid input type.']}")
	}
	if isNull(fields.Type) {
		return nil, refuse("{'type': ['Missing data for required field.']}")
	}
	s := &state{raw: raw, inputs: !isEmpty(fields.Inputs)}
	if err := json.Unmarshal(fields.Type, &s.kind); err != nil || !slices.Contains(kinds(), s.kind) {
		return nil, refuse("{'type': ['Unsupported value: %s']}", s.kind)
	}
	if !isNull(fields.Message) {
		if err := json.Unmarshal(fields.Message, &s.message); err != nil {
			return nil, refuse("{'message': ['Not a valid string.']}")
		}
	}
	if !waits(s.kind) {
		return s, nil
	}
	return s, s.setStart(fields.StartTime, now)
}

// setStart takes over the start_time of a state that waits.
func (s *state) setStart(raw json.RawMessage, now time.Time) error {
	if !isNull(raw) {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return refuse("{'start_time': ['Not a valid datetime.']}")
		}
		t, err := parseTime(text)
		if err != nil {
			return refuse("{'start_time': ['Not a valid datetime.']}")
		}
		start := formatTime(t)
		s.start = &start
		return nil
	}
	if s.kind == "Paused" {
		return nil
	}
	start := formatTime(now)
	s.start = &start
	return s.set("start_time", quoteJSON(start))
}

// set changes a member of the stored JSON.
func (s *state) set(name string, value json.RawMessage) error {
	o, err := decodeObject(s.raw)
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	s.raw = o.with(name, value).encode()
	return nil
}

// newState makes a state of the server's own, in the shortest form that every client reads.
func newState(kind, message string) *state {
	raw := object{{"type", quoteJSON(kind)}, {"message", quoteJSON(message)}}.encode()
	return &state{kind: kind, raw: raw, message: &message}
}

// scheduledState makes a state that is due at start.
func scheduledState(message string, start time.Time) *state {
	s := newState("Scheduled", message)
	text := formatTime(start)
	s.start = &text
	s.raw = object{{"type", quoteJSON(s.kind)}, {"message", quoteJSON(message)}, {"start_time", quoteJSON(text)}}.encode()
	return s
}

// retryingState makes the state of a task run that is due again at start; count is the number of the retry, from 1.
func retryingState(message string, start time.Time, count int64) *state {
	s := newState("Retrying", message)
	text := formatTime(start)
	s.start = &text
	s.raw = object{
		{"type", quoteJSON(s.kind)},
		{"message", quoteJSON(message)},
		{"start_time", quoteJSON(text)},
		{"run_count", json.RawMessage(strconv.FormatInt(count, 10))},
	}.encode()
	return s
}

// isEmpty says whether JSON is what Python takes for false: null, false, a zero, or an empty string, list or object.
func isEmpty(raw json.RawMessage) bool {
	if isNull(raw) {
		return true
	}
	switch value := decodeJSON(string(raw)).(type) {
	case bool:
		return !value
	case string:
		return value == ""
	case json.Number:
		return normalNumber(value.String()) == "0" || normalNumber(value.String()) == "-0"
	case []any:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0
	}
	return false
}
