package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what is printed at the end.
type report struct {
	record     *record
	violations []violation
	aimed      map[moment]int
	injected   []counted
	took       time.Duration
	machine    string
}

// print writes the figures as a table, and the violations below.
func (r report) print(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 8, 2, ' ', 0)
	row := func(what, figure string) { fmt.Fprintf(w, "%s\t%s\n", what, figure) }
	fmt.Fprintln(w)
	row("machine", r.machine)
	row("seed", fmt.Sprint(r.record.options.seed))
	row("duration", r.took.Round(time.Second).String())
	row("flow runs", fmt.Sprint(len(r.record.runs)))
	for _, c := range outcomes(r.record.runs) {
		row("  "+c.what, fmt.Sprint(c.count))
	}
	kills := 0
	for _, a := range r.record.agents {
		kills += a.kills
	}
	row("agents killed", fmt.Sprint(kills))
	for _, m := range slices.SortedFunc(maps.Keys(r.aimed), func(a, b moment) int { return cmp.Compare(a.String(), b.String()) }) {
		row("  "+m.String(), fmt.Sprint(r.aimed[m]))
	}
	row("engine restarts", fmt.Sprint(r.record.restarts))
	total := 0
	for _, c := range r.injected {
		total += c.count
	}
	row("faults", fmt.Sprint(total))
	for _, c := range r.injected {
		row("  "+c.what, fmt.Sprint(c.count))
	}
	row("from a crash to Failed", spread(tellTimes(r.record)))
	row("from Cancelling to the container's end", spread(stopTimes(r.record)))
	for _, a := range r.record.agents {
		row("agent "+a.name, fmt.Sprintf("goroutines %d -> %d, heap %s -> %s, resident %s -> %s, ended by itself %d times",
			a.idle.Goroutines, a.settled.Goroutines, megabytes(a.idle.HeapBytes), megabytes(a.settled.HeapBytes),
			megabytes(a.idle.RSS), megabytes(a.settled.RSS), len(a.ends)))
	}
	row("violations", fmt.Sprint(len(r.violations)))
	if err := w.Flush(); err != nil {
		return err
	}
	var b strings.Builder
	for _, v := range r.violations {
		fmt.Fprintf(&b, "VIOLATION %s: %s\n", v.promise, v.what)
	}
	_, err := io.WriteString(to, b.String())
	return err
}

// outcomes counts runs by script and final state.
func outcomes(runs []runRecord) []counted {
	counts := map[string]int{}
	for _, run := range runs {
		counts[string(run.script.Kind)+": "+run.state]++
	}
	var list []counted
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, counted{what, counts[what]})
	}
	return list
}

// tellTimes are how long it took from the death of a container to the state that tells it.
func tellTimes(r *record) []time.Duration {
	return spans(r, func(run runRecord) bool { return run.script.Expect().Crashed }, func(run runRecord, died time.Time) time.Duration {
		return run.first("Failed").Sub(died)
	})
}

// stopTimes are how long containers lived on after their run was cancelled.
func stopTimes(r *record) []time.Duration {
	return spans(r, func(run runRecord) bool { return run.script.IsCancelled() }, func(run runRecord, died time.Time) time.Duration {
		return died.Sub(run.first("Cancelling"))
	})
}

// first is when a run first had a state; zero if it never did.
func (r runRecord) first(kind string) time.Time {
	for _, s := range r.states {
		if s.kind == kind {
			return s.at
		}
	}
	return time.Time{}
}

// spans measures for each run of interest that ended, with the end of its last container.
func spans(r *record, wanted func(runRecord) bool, measure func(runRecord, time.Time) time.Duration) (list []time.Duration) {
	containers := r.byRun()
	for _, run := range r.runs {
		started := containers[run.id]
		if !wanted(run) || len(started) == 0 || !isFinished(run.state) {
			continue
		}
		if died := started[len(started)-1].finished; !died.IsZero() {
			list = append(list, measure(run, died))
		}
	}
	return list
}

// spread gives median, 95th percentile and maximum.
func spread(list []time.Duration) string {
	if len(list) == 0 {
		return "-"
	}
	slices.Sort(list)
	at := func(q float64) string {
		return list[min(int(q*float64(len(list))), len(list)-1)].Round(time.Millisecond).String()
	}
	return fmt.Sprintf("p50 %s, p95 %s, max %s (of %d)", at(0.5), at(0.95), at(1), len(list))
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }

// dossiers tells all about every run, to be searched for BROKEN.
func dossiers(to io.Writer, r *record, violations []violation) error {
	var b strings.Builder
	for _, run := range r.runs {
		var broken []string
		for _, v := range violations {
			if v.run == run.id {
				broken = append(broken, v.promise)
			}
		}
		fmt.Fprintf(&b, "run %s %q, script %+v\n", run.id, run.name, run.script)
		if broken != nil {
			fmt.Fprintf(&b, "  BROKEN: %s\n", strings.Join(broken, ", "))
		}
		for _, s := range run.states {
			fmt.Fprintf(&b, "  %s state %s: %s\n", clock(s.at), s.kind, s.message)
		}
		for _, l := range run.logs {
			fmt.Fprintf(&b, "  %s log %s %s: %s\n", clock(l.at), l.level, l.name, l.message)
		}
		for _, c := range r.containers {
			if c.run == run.id {
				fmt.Fprintf(&b, "  container %.12s %s of agent %s: started %s, finished %s with %d, last seen live %s\n",
					c.id, c.name, c.agent, clock(c.started), clock(c.finished), c.exitCode, clock(c.lastLive))
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(to, b.String())
	return err
}
