package main

import (
	"time"

	"github.com/docker-prefect/docker-prefect/e2e/chaos/script"
)

// record is all that was seen from outside the agents: what the invariants judge.
type record struct {
	options    options
	runs       []runRecord
	containers []containerRecord
	doubles    []doubleRecord
	crowds     []crowdRecord
	leftovers  []string // containers that were on the engine at the end
	agents     []agentRecord
	restarts   int // of the engine
}

// runRecord is a flow run as the backend's database has it.
type runRecord struct {
	id, name string
	script   script.Script
	state    string
	states   []stateRecord // in order
	logs     []logRecord
}

type stateRecord struct {
	at            time.Time
	kind, message string
}

type logRecord struct {
	at                   time.Time
	name, level, message string
}

// containerRecord is a container of a flow run as the engine showed it.
type containerRecord struct {
	id, name, run, agent string
	started              time.Time // zero: never
	finished             time.Time // zero: was not seen to end
	lastLive             time.Time // when it was last seen with a process
	exitCode             int       // of one that finished
}

// doubleRecord is a moment at which a run had two live containers.
type doubleRecord struct {
	at         time.Time
	run        string
	containers []string
}

// crowdRecord is a moment at which an agent had more live containers than its limit.
type crowdRecord struct {
	at    time.Time
	agent string
	live  int
}

// agentRecord is what became of an agent.
type agentRecord struct {
	name          string
	kills         int
	ends          []int // exit statuses of processes that ended by themselves
	idle, settled agentStatus
	drained       bool // ended in time after SIGTERM
	status        int  // with which it did
}
