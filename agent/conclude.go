package agent

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/containerd/errdefs"

	"github.com/docker-prefect/docker-prefect/graphql"
)

const (
	// secondLook is how long a process that ended well may be ahead of what the API knows.
	secondLook = time.Second
	// maxCrashes is how often a run is scheduled again after a crash, as Prefect's Lazarus does.
	maxCrashes = 3
	// crashPause is how long it waits then: no agent gets it before Server's lock of the last claim is over.
	crashPause = 30 * time.Second
	// tailLines and tailBytes bound what is shown of a crashed container's output.
	tailLines = 50
	tailBytes = 16 << 10
)

// concludeLater tells the end of a container in the background.
func (a *Agent) concludeLater(ctx context.Context, m *tracked) {
	a.Poke() // there may be room for another
	a.reports.Go(func() {
		// The launch has the first word in the run's log, and the output comes before the end.
		if !a.inFlight.wait(ctx, m.runID()) || m.isCommand() && !a.finishOutput(ctx, m.Container) {
			return
		}
		select {
		case a.telling <- struct{}{}:
			defer func() { <-a.telling }()
		case <-ctx.Done():
			return
		}
		a.conclude(ctx, m)
	})
}

// outputPatience is how long the end of a command run waits for a log that does not take its output.
const outputPatience = 5 * time.Minute

// finishOutput sees to it that all output of a command run is in its log, also when it ended while no process of
// this agent was there. It reports false if ctx ended first.
func (a *Agent) finishOutput(ctx context.Context, c Container) bool {
	if !a.followers.had(c.ID) {
		a.follow(c.ID, func(ctx context.Context) { a.supervise(ctx, c, true) })
	}
	patient, cancel := context.WithTimeout(ctx, outputPatience)
	defer cancel()
	if !a.followers.wait(patient, c.ID) && ctx.Err() == nil {
		a.log.Warn("The output of flow run "+c.runID()+" is not in its log yet; its end is told without", "container", short(c.ID))
	}
	return ctx.Err() == nil
}

// conclude tells the API how a container ended, if its run does not know, and removes it.
func (a *Agent) conclude(ctx context.Context, m *tracked) {
	details, e, ended := a.lookAtEnd(ctx, m)
	if !ended {
		return
	}
	run, err := a.judgeTwice(ctx, details.Container, e)
	if err != nil {
		if ctx.Err() == nil {
			a.log.Error("How the container of flow run "+m.runID()+" ended could not be told", "reason", err)
		}
		return // the container stays: its end is told by the next process of this agent
	}
	failed := isFailure(run.status.State)
	switch {
	case run.state == "":
		a.log.Debug("The container of flow run "+m.runID()+" ended", "exit", e.code, "container", short(m.ID), "left_alone", run.reason)
	case run.crash:
		failed = true
		err = a.tellCrash(ctx, details, e, run)
	default:
		failed = isFailure(run.state)
		err = a.tellEnd(ctx, details, e, run)
	}
	if err != nil {
		if ctx.Err() == nil {
			a.log.Error("Flow run "+m.runID()+" could not be told how its container ended", "reason", err)
		}
		return
	}
	a.tidy(ctx, details.Container, failed)
}

// lookAtEnd inspects a container that is said to have ended. It reports false if that is not so, or could not
// be found out before ctx ended.
func (a *Agent) lookAtEnd(ctx context.Context, m *tracked) (ContainerDetails, exit, bool) {
	pause := newBackOff()
	for {
		details, err := a.launcher.Inspect(ctx, m.ID)
		switch {
		case err == nil && details.isLive():
			a.roster.goesOn(details.Container)
			return details, exit{}, false
		case err == nil:
			return details, exit{
				known: true, code: details.ExitCode, oom: details.OOMKilled || m.oom, memory: details.Memory,
				finished: details.FinishedAt, stopped: a.roster.whyStopped(m.ID),
			}, true
		case errdefs.IsNotFound(err):
			e := exit{oom: m.oom, stopped: m.stopped}
			if m.exit != nil {
				e.known, e.code = true, *m.exit
			}
			return ContainerDetails{Container: m.Container}, e, true
		}
		a.log.Debug("A container that ended could not be looked at", "container", short(m.ID), "reason", err)
		if !sleep(ctx, pause.next(err)) || errdefs.IsUnavailable(err) && !a.gate.wait(ctx) {
			return details, exit{}, false
		}
	}
}

// judged is a verdict with what it rests on.
type judged struct {
	verdict
	status graphql.RunStatus
}

// judgeTwice gives a process that ended well, and whose run seems not to have, a moment: its last word may
// still be on its way.
func (a *Agent) judgeTwice(ctx context.Context, c Container, e exit) (judged, error) {
	for look := 1; ; look++ {
		var status graphql.RunStatus
		err := a.retry(ctx, func() (err error) {
			status, err = a.api.FlowRunStatus(ctx, c.runID())
			return err
		})
		if err != nil {
			return judged{}, err
		}
		v := judge(c, e, status, a.roster.superseded(c))
		if !v.crash || e.code != 0 || look == 2 {
			return judged{v, status}, nil
		}
		if !sleep(ctx, secondLook) {
			return judged{}, context.Cause(ctx)
		}
	}
}

// tellCrash writes down what is known of a crash, and gives the run the state that follows.
func (a *Agent) tellCrash(ctx context.Context, d ContainerDetails, e exit, run judged) error {
	runID, message := d.runID(), e.String()
	if e.known && e.code == 0 {
		message = fmt.Sprintf("The container exited with status 0, but the flow run was still %s.", run.status.State)
	}
	a.log.Error("The container of flow run "+runID+" ended before the run did", "container", short(d.ID), "reason", message)
	if a.cfg.OnCrash == CrashIsIgnored {
		return nil
	}
	next, tasks := graphql.NewState("Failed", message), graphql.NewState("Failed", message)
	if a.cfg.OnCrash == CrashReschedules && run.status.Crashes < maxCrashes {
		next = graphql.Scheduled(fmt.Sprintf("%s (%d of %d): %s", graphql.CrashMessage, run.status.Crashes+1, maxCrashes, message), time.Now().Add(crashPause))
		tasks = graphql.NewState("Pending", message)
	}
	return a.explain(ctx, runID, graphql.LevelError, message+a.evidence(ctx, d), func() error {
		return a.tellStates(ctx, d, e, tasks, next)
	})
}

// tellStates sets the state of the task runs that were running in the container, then the flow run's. A run
// that moved on since it was judged is left alone.
func (a *Agent) tellStates(ctx context.Context, d ContainerDetails, e exit, tasks, next graphql.State) error {
	runID := d.runID()
	err := a.retry(ctx, func() error {
		running, err := a.api.RunningTaskRuns(ctx, runID)
		if err != nil {
			return err
		}
		for _, t := range running {
			if err := a.api.SetTaskRunState(ctx, t.ID, t.Version, tasks); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && passes(err) {
		return err
	}
	err = a.finish(ctx, runID, next, func(s graphql.RunStatus) bool {
		return judge(d.Container, e, s, a.roster.superseded(d.Container)).crash
	})
	if err == nil {
		a.log.Info("Flow run "+runID+" is "+next.Type, "reason", next.Message)
	}
	return err
}

// tellEnd reports the end of a run that was cancelled, or that speaks no Prefect.
func (a *Agent) tellEnd(ctx context.Context, d ContainerDetails, e exit, run judged) error {
	level := graphql.LevelInfo
	if isFailure(run.state) {
		level = graphql.LevelError
	}
	end := graphql.NewState(run.state, e.String())
	err := a.explain(ctx, d.runID(), level, e.String(), func() error {
		if d.isCommand() {
			if err := a.setTaskRuns(ctx, d.runID(), end); err != nil {
				a.log.Warn("The task runs of flow run "+d.runID()+" could not be marked as "+end.Type, "reason", err)
			}
		}
		return a.finish(ctx, d.runID(), end, func(s graphql.RunStatus) bool {
			return judge(d.Container, e, s, a.roster.superseded(d.Container)).state != ""
		})
	})
	if err == nil {
		a.log.Info("Flow run "+d.runID()+" ended", "state", run.state)
	}
	return err
}

// evidence is what helps to find the cause of a crash: the image that ran, and the end of the output.
func (a *Agent) evidence(ctx context.Context, d ContainerDetails) string {
	var text bytes.Buffer
	if d.ImageID != "" {
		digest, err := a.launcher.ImageDigest(ctx, d.ImageID)
		if err != nil {
			digest = d.ImageID
		}
		fmt.Fprintf(&text, "\nImage: %s (%s)", d.Image, digest)
	}
	var output tailBuffer
	err := copyLines(ctx, a.launcher, d.ID, LogsOptions{Tail: tailLines}, &output)
	switch {
	case err != nil && !errdefs.IsNotFound(err):
		fmt.Fprintf(&text, "\nIts output could not be read: %s", oneLine(err))
	case err == nil && output.Len() == 0:
		text.WriteString("\nIt printed nothing.")
	case err == nil:
		fmt.Fprintf(&text, "\nThe end of its output:\n%s", bytes.TrimSuffix(output.Bytes(), []byte{'\n'}))
	}
	return text.String()
}

// tailBuffer keeps the end of what is written to it, in whole lines, since each Write is one.
type tailBuffer struct{ bytes.Buffer }

func (t *tailBuffer) Write(line []byte) (int, error) {
	n, err := t.Buffer.Write(line)
	for t.Len() > tailBytes {
		if _, err := t.ReadBytes('\n'); err != nil {
			break
		}
	}
	return n, err
}

// isFailure tells the final states after which people look for a cause.
func isFailure(stateType string) bool {
	s := graphql.NewState(stateType, "")
	return s.IsFinished() && !s.IsSuccessful() && stateType != "Cancelled"
}
