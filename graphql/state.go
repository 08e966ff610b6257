package graphql

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// State is the part of a serialised Prefect state that an agent acts on, with the whole document.
type State struct {
	Type      string
	Message   string
	StartTime time.Time // zero for types without a start time, and for one that is null
	raw       json.RawMessage
}

// stateTypes lists the state types that Prefect knows (1.4.1 engine/state.py).
var stateTypes = map[string]family{
	"Scheduled": scheduled, "Paused": scheduled, "Resume": scheduled, "Retrying": scheduled, "Queued": scheduled,
	"Pending": pending, "Submitted": pending, "ClientFailed": pending,
	"Running": running, "Cancelling": running,
	"Finished": finished, "Success": finished, "Cached": finished, "Mapped": finished, "Skipped": finished,
	"Looped": finished, "Failed": finished, "TriggerFailed": finished, "ValidationFailed": finished,
	"TimedOut": finished, "Cancelled": finished,
}

type family int

const (
	_ family = iota
	scheduled
	pending
	running
	finished
)

// successful holds the finished types that count as success; Finished itself and Looped say neither.
var successful = map[string]bool{"Success": true, "Cached": true, "Mapped": true, "Skipped": true}

// ParseState reads a serialised state (1.4.1 serialization/state.py). A start time that is absent or
// null means "now" and is returned as zero.
func ParseState(raw json.RawMessage) (State, error) {
	var doc struct {
		Type      *string         `json:"type"`
		Message   *string         `json:"message"`
		StartTime *string         `json:"start_time"`
		Result    json.RawMessage `json:"_result"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return State{}, fmt.Errorf("state is not a JSON object of the expected form: %w", err)
	}
	if doc.Type == nil {
		return State{}, errors.New("state has no type")
	}
	kind, known := stateTypes[*doc.Type]
	if !known {
		return State{}, fmt.Errorf("state has the unknown type %q", *doc.Type)
	}
	if string(doc.Result) == "null" {
		return State{}, fmt.Errorf("state of type %q has the _result null", *doc.Type)
	}
	s := State{Type: *doc.Type, raw: raw}
	if doc.Message != nil {
		s.Message = *doc.Message
	}
	if doc.StartTime != nil && kind == scheduled {
		t, err := ParseTimestamp(*doc.StartTime)
		if err != nil {
			return State{}, fmt.Errorf("start_time of the state: %w", err)
		}
		s.StartTime = t
	}
	return s, nil
}

// waitingTypes are the states that wait for an agent or a person.
var waitingTypes = []string{"Scheduled", "Paused", "Resume", "Retrying", "Queued"}

// IsScheduled reports whether the state waits for an agent: Scheduled, Paused, Resume, Retrying, Queued.
func (s State) IsScheduled() bool { return stateTypes[s.Type] == scheduled }

// IsFinished reports whether the state is final.
func (s State) IsFinished() bool { return stateTypes[s.Type] == finished }

// IsSuccessful reports whether the state is final and good.
func (s State) IsSuccessful() bool { return successful[s.Type] }

// newState is a state document as Prefect's client writes it (1.4.1 serialization/state.py).
type newState struct {
	Type         string          `json:"type"`
	Message      string          `json:"message"`
	State        json.RawMessage `json:"state,omitempty"`
	StartTime    string          `json:"start_time,omitempty"`
	Context      stateContext    `json:"context"`
	CachedInputs struct{}        `json:"cached_inputs"`
	Result       resultDoc       `json:"_result"`
	Version      string          `json:"__version__"`
}

// stateContext is a state's free-form member, which Prefect keeps as it is.
type stateContext struct {
	Claim *Claim `json:"docker_prefect,omitempty"`
}

// Claim is the mark that an agent leaves in a Submitted state: who claimed the run, for which engine, and
// which execution of it. By it an agent recognises its own claims, also those made before it was
// restarted.
type Claim struct {
	Agent   string `json:"agent"`   // identity of the agent
	Engine  string `json:"engine"`  // id of the engine
	Attempt string `json:"attempt"` // which of the run's executions was claimed
}

type resultDoc struct {
	Type    string `json:"type"`
	Version string `json:"__version__"`
}

// maxMessage bounds a state's message: the API refuses states of more than about 1 MB.
const maxMessage = 64 << 10

// NewState returns a state of the given type without data.
func NewState(stateType, message string) State {
	return buildState(newState{Type: stateType, Message: message})
}

// Scheduled returns a state that waits for an agent until the given time.
func Scheduled(message string, start time.Time) State {
	s := buildState(newState{Type: "Scheduled", Message: message, StartTime: FormatTimestamp(start)})
	s.StartTime = start
	return s
}

// Submitted wraps a scheduled state, which the flow's container will unwrap. The wrapped document
// stays as it was; of a meta state, what it wraps is kept (1.4.1 agent.py).
func Submitted(original State, message string, claim Claim) State {
	inner := original.raw
	var meta struct {
		State json.RawMessage `json:"state"`
	}
	if original.Type == "Queued" && json.Unmarshal(original.raw, &meta) == nil {
		if inner = meta.State; inner == nil {
			inner = json.RawMessage("null")
		}
	}
	return buildState(newState{Type: "Submitted", Message: message, State: inner, Context: stateContext{Claim: &claim}})
}

func buildState(doc newState) State {
	if len(doc.Message) > maxMessage {
		doc.Message = doc.Message[:maxMessage] + "… (cut)"
	}
	doc.Result, doc.Version = resultDoc{Type: "NoResultType", Version: coreVersion}, coreVersion
	raw, err := json.Marshal(doc)
	if err != nil { // only a wrapped document that is no JSON, which ParseState refuses
		doc.State = nil
		return buildState(doc)
	}
	return State{Type: doc.Type, Message: doc.Message, raw: raw}
}

// Claim returns the mark that one of our agents left in the state; false if there is none.
func (s State) Claim() (Claim, bool) {
	var doc struct {
		Context stateContext `json:"context"`
	}
	if json.Unmarshal(s.raw, &doc) != nil || doc.Context.Claim == nil {
		return Claim{}, false
	}
	return *doc.Context.Claim, true
}

// MarshalJSON returns the whole state document.
func (s State) MarshalJSON() ([]byte, error) { return s.raw, nil }
