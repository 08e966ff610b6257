package main

import (
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"github.com/docker-prefect/docker-prefect/e2e/chaos/script"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// history makes states, each a second after the other.
func history(run *runRecord, last string, kinds ...string) {
	run.states = nil
	for i, kind := range kinds {
		run.states = append(run.states, stateRecord{at(i), kind, ""})
	}
	run.states[len(kinds)-1].message = last
	run.state = kinds[len(kinds)-1]
}

func (r *runRecord) ran(execution string) {
	r.logs = append(r.logs, logRecord{at(2), "prefect.chaos", "INFO", script.ExecutionLine(execution, "c"+r.id)})
}

// good is what is seen when all goes well: one run of each kind, by kind.
func good() (*record, map[script.Kind]*runRecord) {
	o, _ := parseOptions([]string{"-runs", "9", "-kills", "2", "-engine-restarts", "1"})
	r := &record{options: o, restarts: 1, agents: []agentRecord{{
		name: "a", kills: 2, ends: []int{1}, drained: true,
		idle:    agentStatus{Goroutines: 20, HeapBytes: 3 << 20, RSS: 30 << 20},
		settled: agentStatus{Goroutines: 22, HeapBytes: 5 << 20, RSS: 40 << 20},
	}}}
	for _, kind := range script.Kinds() {
		r.runs = append(r.runs, runRecord{id: string(kind), name: string(kind), script: script.Script{Kind: kind, Code: 42}})
	}
	of := map[script.Kind]*runRecord{}
	for i := range r.runs {
		run := &r.runs[i]
		of[run.script.Kind] = run
		want := run.script.Expect()
		message := want.Message
		if want.Crashed {
			message = "The container exited with status 42: see its output."
			if run.script.Kind == script.OOM {
				message = "The container exited with status 137, probably out of memory."
			}
			run.logs = append(run.logs, logRecord{at(9), "agent", "ERROR", message})
		}
		history(run, message, "Scheduled", "Submitted", "Running", want.State)
		for n := range want.Executions {
			run.ran(strings.Repeat("x", n+1))
			run.ran(strings.Repeat("x", n+1)) // the answer to the line was lost once
			r.containers = append(r.containers, containerRecord{
				id: run.id, name: run.id, run: run.id, started: at(10 * n), finished: at(10*n + 5), lastLive: at(10*n + 4), exitCode: want.ExitCode,
			})
		}
	}
	of[script.Failed].states = append(of[script.Failed].states, of[script.Failed].last()) // repeated
	of[script.Missing].logs = append(of[script.Missing].logs, logRecord{at(3), "agent", "ERROR", "No such image: " + missingImage + ":latest"})
	return r, of
}

func TestGoodRecordsPass(t *testing.T) {
	r, _ := good()
	for _, v := range judge(r) {
		t.Errorf("%s: %s", v.promise, v.what)
	}
}

func TestEveryInvariantFailsOnBadRecords(t *testing.T) {
	container := func(r *record, kind script.Kind) *containerRecord {
		for i := range r.containers {
			if r.containers[i].run == string(kind) {
				return &r.containers[i]
			}
		}
		return nil
	}
	type runs = map[script.Kind]*runRecord
	tested := map[string]bool{}
	for _, tc := range []struct {
		name, broken string
		change       func(*record, runs)
	}{
		{"stuck in Submitted", "final state", func(_ *record, of runs) { history(of[script.Success], "", "Scheduled", "Submitted") }},
		{"failed for nothing", "final state", func(_ *record, of runs) { history(of[script.Success], "", "Scheduled", "Submitted", "Failed") }},
		{"failed by the wrong one", "final state", func(_ *record, of runs) { history(of[script.Failed], "lost", "Scheduled", "Failed") }},
		{"succeeded although cancelled", "final state", func(_ *record, of runs) { history(of[script.Hang], "", "Cancelling", "Success") }},
		{"state and history differ", "final state", func(_ *record, of runs) { of[script.Success].states = of[script.Success].states[:2] }},
		{"no state at all", "final state", func(_ *record, of runs) { of[script.Success].states, of[script.Success].state = nil, "" }},
		{"overwritten", "finished once", func(_ *record, of runs) {
			history(of[script.Success], script.SuccessMessage, "Running", "Failed", "Success")
		}},
		{"running after its end", "finished once", func(_ *record, of runs) {
			history(of[script.Success], script.SuccessMessage, "Success", "Running", "Success")
		}},
		{"ran twice", "ran as often as its script", func(_ *record, of runs) { of[script.Success].ran("another") }},
		{"never ran", "ran as often as its script", func(_ *record, of runs) { of[script.Success].logs = nil }},
		{"retried once only", "ran as often as its script", func(_ *record, of runs) { of[script.Retry].logs = of[script.Retry].logs[:2] }},
		{"missing image ran", "ran as often as its script", func(_ *record, of runs) { of[script.Missing].ran("how") }},
		{"wrong code", "crash told truly", func(_ *record, of runs) {
			history(of[script.OOM], "The container exited with status 1.", "Running", "Failed")
		}},
		{"longer code", "crash told truly", func(_ *record, of runs) {
			history(of[script.Crash], "The container exited with status 421.", "Running", "Failed")
		}},
		{"no code", "crash told truly", func(_ *record, of runs) { history(of[script.Early], "The container is gone.", "Failed") }},
		{"no log", "crash told truly", func(_ *record, of runs) { of[script.Crash].logs = of[script.Crash].logs[1:] }},
		{"no crash, but told", "crash told truly", func(_ *record, of runs) {
			history(of[script.Missing], "The container exited with status 0.", "Failed")
		}},
		{"silent about the image", "missing image told", func(_ *record, of runs) { of[script.Missing].logs = nil }},
		{"two listed", "never two live containers", func(r *record, _ runs) {
			r.doubles = append(r.doubles, doubleRecord{noon, "success", []string{"a", "b"}})
		}},
		{"two overlap", "never two live containers", func(r *record, _ runs) {
			container(r, script.Retry).finished = at(11)
		}},
		{"two overlap, as last seen", "never two live containers", func(r *record, _ runs) {
			c := container(r, script.Retry)
			c.finished, c.lastLive = time.Time{}, at(11)
		}},
		{"a second container that said nothing", "no more containers than runs need", func(r *record, _ runs) {
			r.containers = append(r.containers, containerRecord{id: "second", run: "crash", started: at(20), finished: at(21), exitCode: 42})
		}},
		{"the engine saw another code", "exit codes as seen by the engine", func(r *record, _ runs) {
			container(r, script.Crash).exitCode = 43
		}},
		{"a crowd", "limit", func(r *record, _ runs) { r.crowds = append(r.crowds, crowdRecord{noon, "a", 9}) }},
		{"a container is left", "nothing left on the engine", func(r *record, _ runs) { r.leftovers = []string{"c"} }},
		{"drain failed", "drained", func(r *record, _ runs) { r.agents[0].status = 6 }},
		{"drain hung", "drained", func(r *record, _ runs) { r.agents[0].drained = false }},
		{"panic", "ended only when killed", func(r *record, _ runs) { r.agents[0].ends = []int{1, 2} }},
		{"goroutines leak", "memory and goroutines came back", func(r *record, _ runs) { r.agents[0].settled.Goroutines = 31 }},
		{"heap leaks", "memory and goroutines came back", func(r *record, _ runs) { r.agents[0].settled.HeapBytes = 14 << 20 }},
		{"memory leaks", "memory and goroutines came back", func(r *record, _ runs) { r.agents[0].settled.RSS = 60 << 20 }},
		{"thinks something lives", "memory and goroutines came back", func(r *record, _ runs) { r.agents[0].settled.Live = 1 }},
		{"no status", "memory and goroutines came back", func(r *record, _ runs) { r.agents[0].settled = agentStatus{} }},
		{"runs are missing", "chaos happened", func(r *record, _ runs) { r.runs = r.runs[1:] }},
		{"kills are missing", "chaos happened", func(r *record, _ runs) { r.agents[0].kills = 1 }},
		{"restarts are missing", "chaos happened", func(r *record, _ runs) { r.restarts = 0 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, of := good()
			tc.change(r, of)
			broken := map[string]bool{}
			for _, v := range judge(r) {
				broken[v.promise] = true
			}
			assert.Assert(t, broken[tc.broken], "%v", broken)
		})
		tested[tc.broken] = true
	}
	for _, i := range invariants() {
		assert.Assert(t, tested[i.name], "no bad record for %q", i.name)
	}
}
