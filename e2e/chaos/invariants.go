package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker-prefect/docker-prefect/e2e/chaos/script"
)

// violation is a promise that was broken.
type violation struct {
	promise string
	run     string // id, where it is about one
	what    string
}

// invariant judges what was seen.
type invariant struct {
	name  string
	judge func(*record) []violation
}

func invariants() []invariant {
	return []invariant{
		{"final state", ofRuns(finalState)},
		{"finished once", ofRuns(finishedOnce)},
		{"ran as often as its script", ofRuns(executions)},
		{"crash told truly", ofRuns(crashTold)},
		{"missing image told", ofRuns(missingTold)},
		{"never two live containers", neverTwoAlive},
		{"no more containers than runs need", containersStarted},
		{"exit codes as seen by the engine", engineAgrees},
		{"limit", withinLimit},
		{"nothing left on the engine", nothingLeft},
		{"drained", drained},
		{"ended only when killed", endedByItself},
		{"memory and goroutines came back", cameBack},
		{"chaos happened", chaosHappened},
	}
}

// judge returns every violation.
func judge(r *record) []violation {
	var all []violation
	for _, i := range invariants() {
		for _, v := range i.judge(r) {
			v.promise = i.name
			all = append(all, v)
		}
	}
	return all
}

// ofRuns judges every run by itself; the text is empty when it is as it should be.
func ofRuns(judge func(runRecord, script.Expectation) string) func(*record) []violation {
	return func(r *record) (found []violation) {
		for _, run := range r.runs {
			if what := judge(run, run.script.Expect()); what != "" {
				found = append(found, violation{run: run.id, what: fmt.Sprintf("run %s (%s): %s", run.id, run.script.Kind, what)})
			}
		}
		return found
	}
}

func (r runRecord) last() stateRecord {
	if len(r.states) == 0 {
		return stateRecord{}
	}
	return r.states[len(r.states)-1]
}

// finalState: every run reached exactly the state that its script calls for.
func finalState(run runRecord, want script.Expectation) string {
	last := run.last()
	switch {
	case run.state != want.State:
		return fmt.Sprintf("is %s, not %s: %s", run.state, want.State, run.path())
	case last.kind != run.state:
		return fmt.Sprintf("is %s, but its last state is %s", run.state, last.kind)
	case want.Message != "" && last.message != want.Message:
		return fmt.Sprintf("ended with %q, not %q", last.message, want.Message)
	}
	return ""
}

// path is the run's history in short.
func (r runRecord) path() string {
	names := make([]string, 0, len(r.states))
	for _, s := range r.states {
		names = append(names, s.kind)
	}
	return strings.Join(names, " > ")
}

// finishedOnce: a finished state is never overwritten. The same again is no harm: reports are repeated when their
// answer is lost.
func finishedOnce(run runRecord, _ script.Expectation) string {
	i := slices.IndexFunc(run.states, func(s stateRecord) bool { return isFinished(s.kind) })
	if i < 0 {
		return ""
	}
	for _, s := range run.states[i+1:] {
		if s.kind != run.states[i].kind {
			return "went on after its end: " + run.path()
		}
	}
	return ""
}

// isFinished knows the final states that occur here.
func isFinished(kind string) bool {
	return kind == "Success" || kind == "Failed" || kind == "Cancelled"
}

// executions: none ran twice in one attempt, and none was forgotten. Every execution names itself in the run log.
func executions(run runRecord, want script.Expectation) string {
	seen := map[string]string{} // container by execution: the line itself may be there twice
	for _, l := range run.logs {
		if execution, container, ok := script.ParseExecutionLine(l.message); ok {
			seen[execution] = container
		}
	}
	if len(seen) == want.Executions {
		return ""
	}
	return fmt.Sprintf("ran %d times, not %d: %v", len(seen), want.Executions, seen)
}

// statusMessage is how an agent tells that a container crashed.
var statusMessage = regexp.MustCompile(`^The container exited with status (\d+)\b`)

// crashTold: a crash is reported with its exit code, in the state and in the log; what is no crash is not called one.
func crashTold(run runRecord, want script.Expectation) string {
	said := statusMessage.FindStringSubmatch(run.last().message)
	if !want.Crashed {
		if said != nil && run.state == "Failed" {
			return "was reported as a crash: " + run.last().message
		}
		return ""
	}
	code := strconv.Itoa(want.ExitCode)
	if said == nil || said[1] != code {
		return fmt.Sprintf("exited with %s, but its state says %q", code, run.last().message)
	}
	told := slices.ContainsFunc(run.logs, func(l logRecord) bool {
		return l.level == "ERROR" && regexp.MustCompile(`\bstatus `+code+`\b`).MatchString(l.message)
	})
	if !told {
		return fmt.Sprintf("exited with %s, but no line of its log at ERROR says so", code)
	}
	return ""
}

// missingTold: a run whose image does not exist says so.
func missingTold(run runRecord, _ script.Expectation) string {
	if run.script.Kind != script.Missing {
		return ""
	}
	if !slices.ContainsFunc(run.logs, func(l logRecord) bool {
		return l.level == "ERROR" && strings.Contains(l.message, missingImage)
	}) {
		return "no line of its log at ERROR names the image"
	}
	return ""
}

// neverTwoAlive: no run had two live containers at any time, by what was listed and by when containers lived.
func neverTwoAlive(r *record) (found []violation) {
	said := map[string]bool{}
	for _, d := range r.doubles {
		if !said[d.run] {
			said[d.run] = true
			found = append(found, violation{run: d.run, what: fmt.Sprintf("run %s had %d live containers at %s: %v", d.run, len(d.containers), clock(d.at), d.containers)})
		}
	}
	for run, containers := range r.byRun() {
		for i := 1; i < len(containers); i++ {
			before, after := containers[i-1], containers[i]
			if end := before.end(); !said[run] && after.started.Before(end) {
				said[run] = true
				found = append(found, violation{run: run, what: fmt.Sprintf("run %s: container %s started at %s, while %s lived until %s",
					run, after.name, clock(after.started), before.name, clock(end))})
			}
		}
	}
	return found
}

// end is when a container's process had certainly not ended before.
func (c containerRecord) end() time.Time {
	if c.finished.IsZero() {
		return c.lastLive
	}
	return c.finished
}

// byRun gives the containers that were started, by run and in the order of their starts.
func (r *record) byRun() map[string][]containerRecord {
	byRun := map[string][]containerRecord{}
	for _, c := range r.containers {
		if !c.started.IsZero() {
			byRun[c.run] = append(byRun[c.run], c)
		}
	}
	for _, list := range byRun {
		slices.SortFunc(list, func(a, b containerRecord) int { return a.started.Compare(b.started) })
	}
	return byRun
}

// containersStarted: the engine saw no more containers start than the script has executions, also when one of them
// died too early to say a word.
func containersStarted(r *record) (found []violation) {
	started := r.byRun()
	for _, run := range r.runs {
		if n, want := len(started[run.id]), run.script.Expect().Executions; n > want {
			found = append(found, violation{run: run.id, what: fmt.Sprintf("run %s (%s): %d containers started, not %d", run.id, run.script.Kind, n, want)})
		}
	}
	return found
}

// engineAgrees: what the script says about a crash is what the engine saw; otherwise the judgement is worth nothing.
func engineAgrees(r *record) (found []violation) {
	started := r.byRun()
	for _, run := range r.runs {
		want := run.script.Expect()
		for _, c := range started[run.id] {
			if want.Crashed && !c.finished.IsZero() && c.exitCode != want.ExitCode {
				found = append(found, violation{run: run.id, what: fmt.Sprintf("run %s (%s): the engine saw status %d, not %d", run.id, run.script.Kind, c.exitCode, want.ExitCode)})
			}
		}
	}
	return found
}

// withinLimit: no agent had more live containers than its limit.
func withinLimit(r *record) (found []violation) {
	for _, c := range r.crowds {
		found = append(found, violation{what: fmt.Sprintf("agent %s had %d live containers at %s", c.agent, c.live, clock(c.at))})
	}
	return found
}

// nothingLeft: when all is over, the engine has no containers of flow runs.
func nothingLeft(r *record) (found []violation) {
	for _, c := range r.leftovers {
		found = append(found, violation{what: "left on the engine: " + c})
	}
	return found
}

// drained: agents end with status 0 when they are told to.
func drained(r *record) (found []violation) {
	for _, a := range r.agents {
		if !a.drained || a.status != 0 {
			found = append(found, violation{what: fmt.Sprintf("agent %s: status %d after SIGTERM, in time: %t", a.name, a.status, a.drained)})
		}
	}
	return found
}

// endedByItself: agents live on. One that finds no engine when it starts may end, with status 1.
func endedByItself(r *record) (found []violation) {
	for _, a := range r.agents {
		for _, status := range a.ends {
			if status != 1 {
				found = append(found, violation{what: fmt.Sprintf("agent %s ended by itself with status %d", a.name, status)})
			}
		}
	}
	return found
}

// How much more than in the beginning an agent may use after the load: what its caches and pools keep.
const (
	moreGoroutines = 10
	moreHeap       = 10 << 20
	moreRSS        = 24 << 20
)

// cameBack: an agent with nothing to do needs what it needed in the beginning.
func cameBack(r *record) (found []violation) {
	for _, a := range r.agents {
		for _, c := range []struct {
			what              string
			idle, now, margin int64
		}{
			{"goroutines", int64(a.idle.Goroutines), int64(a.settled.Goroutines), moreGoroutines},
			{"bytes of heap", a.idle.HeapBytes, a.settled.HeapBytes, moreHeap},
			{"bytes resident", a.idle.RSS, a.settled.RSS, moreRSS},
			{"live containers", 0, int64(a.settled.Live), 0},
		} {
			if c.now > c.idle+c.margin {
				found = append(found, violation{what: fmt.Sprintf("agent %s: %d %s, %d in the beginning", a.name, c.now, c.what, c.idle)})
			}
		}
		if a.idle.Goroutines == 0 || a.settled.Goroutines == 0 {
			found = append(found, violation{what: fmt.Sprintf("agent %s told nothing about itself", a.name)})
		}
	}
	return found
}

// chaosHappened: what was asked for was done; without it, the rest says nothing.
func chaosHappened(r *record) (found []violation) {
	kills := 0
	for _, a := range r.agents {
		kills += a.kills
	}
	for _, c := range []struct {
		what      string
		got, want int
	}{
		{"flow runs", len(r.runs), r.options.runs},
		{"kills", kills, r.options.kills},
		{"engine restarts", r.restarts, r.options.engineRestarts},
	} {
		if c.got < c.want {
			found = append(found, violation{what: fmt.Sprintf("%d %s of %d", c.got, c.what, c.want)})
		}
	}
	return found
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }
