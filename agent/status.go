package agent

import (
	"runtime"
	"time"
)

// Status is what the agent is doing, as /api/status tells it.
type Status struct {
	Live       int       `json:"live_containers"`    // of this agent
	Limit      int       `json:"limit"`              // of live containers; 0: none
	InFlight   int       `json:"in_flight"`          // runs on their way to a container
	LastPoll   time.Time `json:"last_poll,omitzero"` // when the API was last asked for runs
	Goroutines int       `json:"goroutines"`         // of this process
	HeapBytes  uint64    `json:"heap_bytes"`         // in use
}

// Status looks at the agent at this moment.
func (a *Agent) Status() Status {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	s := Status{
		Live: len(a.roster.live(true)), Limit: a.cfg.Limit, InFlight: a.inFlight.count(),
		Goroutines: runtime.NumGoroutine(), HeapBytes: memory.HeapAlloc,
	}
	if last := a.lastPoll.Load(); last != nil {
		s.LastPoll = *last
	}
	return s
}
