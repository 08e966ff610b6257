package main

import "sync"

// moment is one at which the death of an agent hurts: before or after the other side does what it asks for.
type moment struct {
	side  side
	op    string
	after bool // the other side has done it, and the agent does not learn of that
}

func (m moment) String() string {
	if m == (moment{}) {
		return "at once"
	}
	if m.after {
		return "after " + m.op
	}
	return "before " + m.op
}

// moments are those that kills wait for.
func moments() []moment {
	var list []moment
	for _, m := range []moment{
		{side: apiSide, op: opSubmitted},
		{side: apiSide, op: opSubmittedTask},
		{side: apiSide, op: opFailed},
		{side: apiSide, op: opLogs},
		{side: engineSide, op: opCreate},
		{side: engineSide, op: opStart},
		{side: engineSide, op: opInspect},
		{side: engineSide, op: opStop},
		{side: engineSide, op: opRemove},
	} {
		list = append(list, m)
		m.after = true
		list = append(list, m)
	}
	return list
}

// ambush waits for the moment of one agent. The proxies tell it what passes.
type ambush struct {
	mu    sync.Mutex
	waits *moment
	came  chan struct{}
	kill  func() // ends the agent before the request goes on
}

// set waits for a moment from now on; the channel is closed when it has come.
func (a *ambush) set(m moment) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waits, a.came = &m, make(chan struct{})
	return a.came
}

// lift gives up waiting.
func (a *ambush) lift() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waits = nil
}

// pass is called for every request, before and after it is done; it tells whether the agent was killed for it.
func (a *ambush) pass(m moment) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waits == nil || *a.waits != m {
		return false
	}
	a.waits = nil
	a.kill()
	close(a.came)
	return true
}
