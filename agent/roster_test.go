package agent

import (
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func testRoster() *roster {
	r := newRoster()
	r.belongTo(Owner{Identity: identity("tenant", "agent", nil)})
	return r
}

// A launch ends before or after the events that it causes: whichever comes first, the container counts as live
// from then on, and not after its end.
func TestALaunchAndItsEventsComeInAnyOrder(t *testing.T) {
	c := ourContainer("c", "a", stateRunning, 0).Container
	event := func(kind EventKind, state string) Event {
		told := c
		told.State = state
		return Event{Kind: kind, Container: told}
	}
	created, started, died := event(EventCreate, stateCreated), event(EventStart, stateRunning), event(EventDie, stateExited)
	for name, tc := range map[string]struct {
		do   func(*roster)
		live int
	}{
		"entered first":               {func(r *roster) { r.enter(c) }, 1},
		"entered after creation":      {func(r *roster) { r.take(created); r.enter(c) }, 1},
		"created after being entered": {func(r *roster) { r.enter(c); r.take(created) }, 1},
		"entered after the start":     {func(r *roster) { r.take(created); r.take(started); r.enter(c) }, 1},
		"entered after the end":       {func(r *roster) { r.take(created); r.take(started); r.take(died); r.enter(c) }, 0},
		"ended after being entered":   {func(r *roster) { r.enter(c); r.take(created); r.take(started); r.take(died) }, 0},
	} {
		r := testRoster()
		tc.do(r)
		assert.Equal(t, len(r.live(true)), tc.live, name)
	}
}

func TestAnEndIsToldOnce(t *testing.T) {
	r := testRoster()
	c := ourContainer("c", "a", stateExited, 1).Container
	assert.Assert(t, r.take(Event{Kind: EventDie, Container: c, ExitCode: 1}) != nil)
	assert.Assert(t, r.take(Event{Kind: EventDie, Container: c, ExitCode: 1}) == nil)
	assert.Equal(t, len(r.sync([]Container{c}, time.Now()).ended), 0)
	assert.Assert(t, r.take(Event{Kind: EventDestroy, Container: c}) == nil)

	running := c
	running.State = stateRunning
	r = testRoster()
	assert.Assert(t, r.take(Event{Kind: EventDie, Container: c, ExitCode: 1}) != nil)
	r.goesOn(running) // its restart policy
	assert.Equal(t, len(r.live(true)), 1)
	assert.Assert(t, r.take(Event{Kind: EventDie, Container: c, ExitCode: 1}) != nil, "this time for good")
}

// A list is older than what events and launches told while it was made.
func TestAListDoesNotUndoWhatCameAfterIt(t *testing.T) {
	r := testRoster()
	c := ourContainer("c", "a", stateRunning, 0).Container
	asked := time.Now().Add(-time.Second)
	r.enter(c)
	assert.Equal(t, len(r.sync(nil, asked).ended), 0, "it was started after the list was asked for")
	assert.Equal(t, len(r.live(true)), 1)
	unstarted := c
	unstarted.State = stateCreated
	r.sync([]Container{unstarted}, asked)
	assert.Equal(t, len(r.live(true)), 1, "it was started after the list was made")
	r.take(Event{Kind: EventDie, Container: c})
	r.sync([]Container{c}, asked)
	assert.Equal(t, len(r.live(true)), 0, "it ended after the list was asked for")
}
