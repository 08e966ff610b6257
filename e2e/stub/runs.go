package stub

import (
	"fmt"
	"slices"
	"time"
)

// FlowRun is a flow run as the API stores it. Documents are the API's own JSON.
type FlowRun struct {
	ID              string
	Name            string
	Version         int
	State           string
	SerializedState map[string]any
	RunConfig       map[string]any
	Parameters      map[string]any
	ScheduledStart  time.Time
	AgentID         *string
	Flow            Flow
	TaskRuns        []TaskRun
	Heartbeat       *string

	Labels []string

	// States are all since the run was added, its first one left out.
	States []StateChange

	// Taken makes another agent's claim come first: the run is in the queue, Submitted is refused.
	Taken bool

	due time.Time // when its state lets it start
}

// StateChange is a state in the history of a flow run.
type StateChange struct {
	Version int
	At      time.Time
	State   string
	Message string
}

// Flow is what a flow run tells about its flow.
type Flow struct {
	ID          string
	Name        string
	Environment map[string]any
	Storage     map[string]any
	Version     int
	CoreVersion *string
}

// TaskRun is a task run that waits to be taken up again.
type TaskRun struct {
	ID              string
	Version         int
	TaskID          string
	SerializedState map[string]any
}

// ScheduledState is the state of a run that is due at the given time.
func ScheduledState(start time.Time) map[string]any {
	return map[string]any{
		"type": "Scheduled", "message": "Flow run scheduled.", "start_time": start.UTC().Format(timeFormat),
		"context": map[string]any{}, "cached_inputs": map[string]any{}, "__version__": "1.4.1",
		"_result": map[string]any{"type": "NoResultType", "__version__": "1.4.1"},
	}
}

// timeFormat is the API's way to write times.
const timeFormat = "2006-01-02T15:04:05.000000-07:00"

// Add puts runs into the queue, whatever their labels. They are handed out by start time, then in the
// order added.
func (a *API) Add(runs ...FlowRun) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.runs == nil {
		a.runs = map[string]*FlowRun{}
	}
	ids := make([]string, 0, len(runs))
	for _, run := range runs {
		run.due = run.ScheduledStart
		a.runs[run.ID] = &run
		ids = append(ids, run.ID)
	}
	a.enqueue(ids...)
}

func (a *API) enqueue(ids ...string) {
	a.queue = append(a.queue, ids...)
	slices.SortStableFunc(a.queue, func(x, y string) int {
		return a.runs[x].due.Compare(a.runs[y].due)
	})
}

// SetState sets a run's state as its container or its user does. A Scheduled run is in the queue again.
func (a *API) SetState(id, state, message string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	run := a.runs[id]
	if run == nil {
		return
	}
	document := ScheduledState(run.ScheduledStart)
	if state != "Scheduled" {
		delete(document, "start_time")
	}
	document["type"], document["message"] = state, message
	a.setState(run, document)
}

// setState is for who holds the lock.
func (a *API) setState(run *FlowRun, document map[string]any) {
	run.State, _ = document["type"].(string)
	run.SerializedState = document
	run.Version++
	text, _ := document["message"].(string)
	run.States = append(run.States, StateChange{run.Version, time.Now(), run.State, text})
	a.leaveQueue(run.ID)
	if run.State == "Scheduled" {
		if start, err := time.Parse(time.RFC3339, fmt.Sprint(document["start_time"])); err == nil {
			run.due = start
		}
		a.enqueue(run.ID)
	}
}

// Run is a run as it is now.
func (a *API) Run(id string) (FlowRun, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	run := a.runs[id]
	if run == nil {
		return FlowRun{}, false
	}
	return *run, true
}

// Forget deletes runs.
func (a *API) Forget(ids ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range ids {
		delete(a.runs, id)
		a.leaveQueue(id)
	}
}

// States counts the runs by state.
func (a *API) States() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	states := map[string]int{}
	for _, run := range a.runs {
		states[run.State]++
	}
	return states
}
