package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
	"gotest.tools/v3/assert"
)

// running runs an agent in virtual time until the returned function stops it.
func running(t *testing.T, cfg Config, api *fakeAPI, launcher *fakeLauncher) (log *testLog, stop func() error) {
	t.Helper()
	cfg.MaxPolls = -1
	a, log := newTestAgent(t, cfg, api, launcher)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	synctest.Wait()
	return log, func() error {
		cancel()
		return <-ended
	}
}

// after lets time pass and everything settle.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// ourLabels are those of a container that an earlier process of the test agent started.
func ourLabels(runID string) map[string]string {
	return map[string]string{
		labelFlowRunID: runID, labelAgent: identity("tenant", "agent", nil), labelTenant: "tenant", labelAgentID: "agent-id", labelAttempt: "1",
	}
}

func ourContainer(id, runID, state string, code int) ContainerDetails {
	return ContainerDetails{Container: Container{ID: id, Name: id, State: state, Labels: ourLabels(runID)}, ExitCode: code, Image: "flow", ImageID: "sha256:1"}
}

func TestACrashIsToldAtOnceWithItsEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{output: "one\nTraceback\n"}
		api.running = []graphql.TaskRun{{ID: "t"}}
		_, stop := running(t, Config{}, api, launcher)
		api.become("a", "Running")
		launcher.die("c0ffee", 139)
		begin := time.Now()
		synctest.Wait()
		assert.Assert(t, time.Since(begin) < 2*time.Second)
		const why = "The container exited with status 139 (SIGSEGV, a crash in native code)."
		assert.DeepEqual(t, api.history("a"), []string{submitted, "Running: by somebody else", "Failed: " + why})
		assert.DeepEqual(t, api.history("t"), []string{"Failed: " + why})
		assert.DeepEqual(t, api.messages("a")[1], "ERROR: "+why+"\nImage: flow (repo@sha256:1)\nThe end of its output:\none\nTraceback")
		assert.DeepEqual(t, launcher.removals(), []string{"c0ffee"})
		assert.NilError(t, stop())
	})
}

func TestAFinishedStateIsNeverOverwritten(t *testing.T) {
	for _, state := range []string{"Success", "Failed", "Cancelled", "Skipped", "TimedOut"} {
		synctest.Test(t, func(t *testing.T) {
			api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
			_, stop := running(t, Config{}, api, launcher)
			api.become("a", state)
			launcher.die("c0ffee", 1)
			after(time.Minute)
			assert.DeepEqual(t, api.history("a"), []string{submitted, state + ": by somebody else"})
			assert.DeepEqual(t, launcher.removals(), []string{"c0ffee"})
			assert.NilError(t, stop())
		})
	}
}

// A state that becomes final between the look and the report stays.
func TestTheLastLookComesRightBeforeTheReport(t *testing.T) {
	for _, meanwhile := range []string{"Cancelled", "Scheduled"} {
		synctest.Test(t, func(t *testing.T) {
			api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
			_, stop := running(t, Config{}, api, launcher)
			looks := 0
			api.status = func(string) graphql.RunStatus {
				if looks++; looks == 1 {
					return graphql.RunStatus{State: "Running", AgentID: "agent-id"}
				}
				return graphql.RunStatus{State: meanwhile, AgentID: "agent-id"}
			}
			launcher.die("c0ffee", 1)
			after(time.Minute)
			assert.DeepEqual(t, api.history("a"), []string{submitted})
			assert.NilError(t, stop())
		})
	}
}

func TestAProcessThatEndedWellIsGivenAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
		_, stop := running(t, Config{}, api, launcher)
		api.become("a", "Running")
		launcher.die("c0ffee", 0)
		after(secondLook / 2)
		api.become("a", "Success")
		after(time.Minute)
		assert.DeepEqual(t, api.history("a"), []string{submitted, "Running: by somebody else", "Success: by somebody else"})
		assert.Equal(t, len(api.messages("a")), 1, "nothing is said")
		assert.NilError(t, stop())
	})
}

func TestEndsThatNoEventToldAreFoundAfterAGap(t *testing.T) {
	for name, end := range map[string]func(*fakeLauncher){
		"while the stream was broken": func(l *fakeLauncher) { l.dieUnseen("c0ffee", 3); l.breakStreams() },
		"over a connection that is dead": func(l *fakeLauncher) {
			l.dieUnseen("c0ffee", 3)
			after(resyncInterval)
		},
		"removed by hand": func(l *fakeLauncher) { _ = l.Remove(context.Background(), "c0ffee"); l.breakStreams() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
				log, stop := running(t, Config{}, api, launcher)
				api.become("a", "Running")
				after(5 * time.Second)
				end(launcher)
				after(5 * time.Second)
				assert.Equal(t, api.current("a"), "Failed")
				assert.Equal(t, log.count("is unavailable"), 0, "a stream that breaks is nothing to speak of")
				assert.NilError(t, stop())
			})
		})
	}
}

func TestEndsAreToldWhenTheAPIIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
		_, stop := running(t, Config{}, api, launcher)
		api.become("a", "Running")
		begin := time.Now()
		api.mu.Lock()
		api.onState = func(string, graphql.State) error {
			if time.Since(begin) < time.Hour {
				return temporary(t)
			}
			return nil
		}
		api.mu.Unlock()
		launcher.die("c0ffee", 1)
		after(time.Hour - time.Second)
		assert.Equal(t, len(launcher.removals()), 0, "what is not told yet stays, for the next process to tell")
		after(time.Minute)
		assert.Equal(t, api.current("a"), "Failed")
		assert.DeepEqual(t, launcher.removals(), []string{"c0ffee"})
		assert.NilError(t, stop())
	})
}

func TestContainersOfAnEarlierProcessAreAdopted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(), &fakeLauncher{}
		launcher.put(ourContainer("alive", "r1", stateRunning, 0))
		launcher.put(ourContainer("crashed", "r2", stateExited, 1))
		launcher.put(ourContainer("done", "r3", stateExited, 0))
		launcher.put(ourContainer("unstarted", "r4", stateCreated, 0))
		for _, run := range []string{"r1", "r2"} {
			api.become(run, "Running")
		}
		api.become("r3", "Success")
		log, stop := running(t, Config{}, api, launcher)
		assert.Equal(t, log.count("Adopted the container of flow run r1"), 1)
		assert.Equal(t, api.current("r2"), "Failed", "it ended while nobody looked")
		assert.DeepEqual(t, api.history("r3"), []string{"Success: by somebody else"})
		launcher.die("alive", 1)
		after(3 * time.Minute)
		assert.Equal(t, api.current("r1"), "Failed")
		assert.DeepEqual(t, slices.Sorted(slices.Values(launcher.removals())), []string{"alive", "crashed", "done", "unstarted"})
		assert.NilError(t, stop())
	})
}

func TestContainersOfOthersAreNotTouched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(), &fakeLauncher{}
		for i, labels := range []map[string]string{
			{labelFlowRunID: "r0"}, // a Python agent's
			{labelFlowRunID: "r1", labelAgent: identity("tenant", "other", nil)},
			{labelFlowRunID: "r2", labelAgent: identity("tenant", "agent", []string{"x"})},
			{labelFlowRunID: "r3", labelAgent: identity("other", "agent", nil)},
		} {
			api.become(fmt.Sprint("r", i), "Cancelling")
			for _, state := range []string{stateRunning, stateExited, stateCreated} {
				launcher.put(ContainerDetails{Container: Container{ID: fmt.Sprint(state, i), State: state, Labels: labels}, ExitCode: 1})
			}
		}
		_, stop := running(t, Config{CancelPoll: time.Second, KillOnStop: true, Limit: 1}, api, launcher)
		launcher.die("running1", 1)
		after(10 * time.Minute)
		assert.NilError(t, stop())
		assert.Equal(t, len(launcher.removals())+len(launcher.stops()), 0)
		for i := range 4 {
			assert.Equal(t, len(api.history(fmt.Sprint("r", i))), 1)
		}
	})
}

func TestALiveContainerBlocksASecondLaunch(t *testing.T) {
	for name, labels := range map[string]map[string]string{
		"ours": ourLabels("a"), "another agent's": {labelFlowRunID: "a", labelAgent: "other"}, "a Python agent's": {labelFlowRunID: "a"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
				launcher.put(ContainerDetails{Container: Container{ID: "old", State: stateRunning, Labels: labels}})
				_, stop := running(t, Config{}, api, launcher)
				after(time.Minute)
				assert.Equal(t, launcher.starts(), 0)
				launcher.die("old", 0)
				after(11 * time.Second)
				assert.Equal(t, launcher.starts(), 1)
				assert.NilError(t, stop())
			})
		})
	}
}

// claimedRun is one that was claimed by the agent with this identity, for the first time.
func claimedRun(t *testing.T, runID, agent, engine string) graphql.FlowRun {
	t.Helper()
	run := scheduledRun(runID, time.Time{})
	original, err := graphql.ParseState(run.SerializedState)
	assert.NilError(t, err)
	run.State, run.Version = "Submitted", 2
	run.SerializedState, err = json.Marshal(graphql.Submitted(original, "", graphql.Claim{Agent: agent, Engine: engine, Attempt: "1"}))
	assert.NilError(t, err)
	return run
}

// A container may be told and removed while the claims are asked for: its run has been executed.
func TestWhatEndsWhileClaimsAreReadIsNotLaunchedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(), &fakeLauncher{}
		api.claimed = []graphql.FlowRun{claimedRun(t, "a", identity("tenant", "agent", nil), "ENGINE")}
		api.become("a", "Submitted")
		launcher.put(ourContainer("c", "a", stateRunning, 0))
		api.onClaimed = func() {
			launcher.die("c", 1)
			time.Sleep(time.Minute)
		}
		_, stop := running(t, Config{}, api, launcher)
		after(2 * time.Minute)
		assert.Equal(t, launcher.starts(), 0)
		assert.Equal(t, api.current("a"), "Failed")
		assert.NilError(t, stop())
	})
}

func TestClaimsAreAskedForUntilThereIsAnAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		errs   []error
		starts int
		log    string
	}{
		"outage":        {[]error{temporary(t), temporary(t), temporary(t)}, 1, "the Prefect API answers again"},
		"an old Server": {[]error{errors.New(`field "agent_id" not found`)}, 0, "could not be asked for"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api, launcher := newFakeAPI(), &fakeLauncher{}
				api.claimed = []graphql.FlowRun{claimedRun(t, "a", identity("tenant", "agent", nil), "ENGINE")}
				api.claimedErrs = tc.errs
				log, stop := running(t, Config{}, api, launcher)
				after(time.Minute)
				assert.Equal(t, launcher.starts(), tc.starts)
				assert.Equal(t, log.count(tc.log), 1)
				assert.Assert(t, len(api.polls) > 0, "the agent works")
				assert.NilError(t, stop())
			})
		})
	}
}

func TestTheOutputOfACommandThatEndedMeanwhileIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(), &fakeLauncher{output: "one\ntwo\n"}
		c := ourContainer("c", "a", stateExited, 0)
		c.Labels[labelCommand] = "true"
		launcher.put(c)
		api.become("a", "Running")
		_, stop := running(t, Config{}, api, launcher)
		assert.DeepEqual(t, api.messages("a"), []string{"INFO: one", "INFO: two", "INFO: The container exited with status 0."})
		assert.Equal(t, api.current("a"), "Success")
		assert.NilError(t, stop())
	})
}

func TestLaunchesThatWereLeftUnfinishedAreTakenUp(t *testing.T) {
	claimedBy := func(runID, agent, engine string) graphql.FlowRun { return claimedRun(t, runID, agent, engine) }
	me := identity("tenant", "agent", nil)
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(), &fakeLauncher{}
		unmarked := scheduledRun("unmarked", time.Time{})
		unmarked.SerializedState = json.RawMessage(`{"type": "Submitted"}`)
		api.claimed = []graphql.FlowRun{
			claimedBy("lost", me, "ENGINE"), claimedBy("launched", me, "ENGINE"), claimedBy("elsewhere", me, "OTHER"),
			claimedBy("others", "other", "ENGINE"), unmarked,
		}
		launcher.put(ourContainer("c1", "launched", stateRunning, 0))
		_, stop := running(t, Config{}, api, launcher)
		after(time.Minute)
		assert.NilError(t, stop())
		assert.Equal(t, launcher.starts(), 1)
		assert.Equal(t, launcher.specs[0].Labels[labelFlowRunID], "lost")
		assert.Equal(t, launcher.specs[0].Labels[labelAttempt], "1", "the same execution, not another")
		assert.Equal(t, len(api.history("lost")), 0, "it is claimed already")
	})
}

func TestALaunchThatTheEngineInterruptedIsTakenUpAgain(t *testing.T) {
	for name, tc := range map[string]struct{ reason, state string }{
		"engine away": {"no answer: %w", submitted},
		"disk full":   {"no space left on device", submitted},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api, tries := newFakeAPI(scheduledRun("a", time.Time{})), 0
				launcher := &fakeLauncher{launch: func(Spec) (string, error) {
					if tries++; tries <= 3 {
						if strings.Contains(tc.reason, "%w") {
							return "", fmt.Errorf(tc.reason, unavailable)
						}
						return "", errors.New(tc.reason)
					}
					return "", nil
				}}
				_, stop := running(t, Config{}, api, launcher)
				after(5 * time.Minute)
				assert.Equal(t, tries, 4)
				assert.DeepEqual(t, api.history("a"), []string{tc.state})
				assert.NilError(t, stop())
			})
		})
	}
}

func TestAFullDiskFailsARunInTheEndAndClaimsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(scheduledRun("a", time.Time{}), scheduledRun("b", time.Now().Add(5*time.Second)))
		launcher := &fakeLauncher{launch: func(Spec) (string, error) { return "", errors.New("no space left on device") }}
		log, stop := running(t, Config{}, api, launcher)
		after(20 * time.Second)
		assert.Equal(t, len(api.history("b")), 0, "it stays in the queue")
		after(30 * time.Minute)
		assert.Equal(t, api.current("a"), "Failed")
		assert.Equal(t, log.count("The disk of the container engine is full"), 1)
		assert.NilError(t, stop())
	})
}

func TestCrashesCanBeScheduledAgainOrIgnored(t *testing.T) {
	for _, tc := range []struct {
		onCrash OnCrash
		crashes int
		want    []string
	}{
		{CrashReschedules, 0, []string{"Scheduled: Rescheduled after a crash (1 of 3): The container exited with status 1."}},
		{CrashReschedules, 2, []string{"Scheduled: Rescheduled after a crash (3 of 3): The container exited with status 1."}},
		{CrashReschedules, 3, []string{"Failed: The container exited with status 1."}},
		{CrashIsIgnored, 0, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			api, launcher := newFakeAPI(), &fakeLauncher{}
			launcher.put(ourContainer("c", "a", stateExited, 1))
			api.status = func(string) graphql.RunStatus {
				return graphql.RunStatus{State: "Running", AgentID: "agent-id", Crashes: tc.crashes}
			}
			_, stop := running(t, Config{OnCrash: tc.onCrash}, api, launcher)
			assert.DeepEqual(t, api.history("a"), tc.want)
			assert.DeepEqual(t, launcher.removals(), []string{"c"})
			assert.NilError(t, stop())
		})
	}
}

// A report whose answer was lost is not repeated if it was applied.
func TestAReportIsNotRepeatedBlindly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
		_, stop := running(t, Config{}, api, launcher)
		api.become("a", "Running")
		api.mu.Lock()
		api.onState = func(id string, s graphql.State) error {
			api.states[id] = append(api.states[id], s.Type+": applied")
			return &graphql.Error{Message: "gateway timeout", Kind: graphql.ErrTemporary, MayApply: true}
		}
		api.mu.Unlock()
		launcher.die("c0ffee", 1)
		after(time.Hour)
		assert.DeepEqual(t, api.history("a"), []string{submitted, "Running: by somebody else", "Failed: applied"})
		assert.NilError(t, stop())
	})
}

func TestAFailureDoesNotOverwriteWhatCameMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(scheduledRun("a", time.Time{}))
		launcher := &fakeLauncher{launch: func(Spec) (string, error) {
			api.become("a", "Cancelled")
			return "", errors.New("no such image")
		}}
		_, stop := running(t, Config{}, api, launcher)
		after(time.Minute)
		assert.DeepEqual(t, api.history("a"), []string{submitted, "Cancelled: by somebody else"})
		assert.NilError(t, stop())
	})
}

func TestATwinIsNamedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
		log, stop := running(t, Config{}, api, launcher)
		for _, id := range []string{"x", "y"} {
			launcher.tell(Event{Kind: EventCreate, Container: Container{ID: id, State: stateCreated, Labels: ourLabels(id)}})
		}
		launcher.tell(Event{Kind: EventCreate, Container: Container{ID: "z", State: stateCreated, Labels: map[string]string{labelFlowRunID: "z"}}})
		synctest.Wait()
		assert.Equal(t, log.count("Another agent of this name"), 1)
		assert.NilError(t, stop())
	})
}

func TestACrashIsToldThoughTheLogWasAwaySinceTheLaunch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
		for range 1000 {
			api.logErrs = append(api.logErrs, temporary(t))
		}
		_, stop := running(t, Config{DrainTimeout: time.Minute}, api, launcher)
		api.become("a", "Running")
		after(10 * time.Second)
		launcher.die("c0ffee", 1)
		after(5 * time.Second)
		assert.Equal(t, api.current("a"), "Failed")
		assert.ErrorIs(t, stop(), ErrNotDrained)
	})
}

func TestTheEndOfACommandDoesNotWaitForItsLogForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := scheduledRun("a", time.Time{})
		run.RunConfig = json.RawMessage(`{"type": "DockerRun", "image": "busybox", "command": ["true"]}`)
		api, launcher := newFakeAPI(run), &fakeLauncher{output: "hi\n", exits: func(Spec) (int, once) { return 0, true }}
		for range 1000 {
			api.logErrs = append(api.logErrs, temporary(t))
		}
		_, stop := running(t, Config{DrainTimeout: time.Minute}, api, launcher)
		after(outputPatience + time.Minute)
		assert.Equal(t, api.current("a"), "Success")
		assert.ErrorIs(t, stop(), ErrNotDrained)
	})
}

// The log may be a service of its own at the API, which is away while states are taken.
func TestAStateDoesNotWaitForItsLog(t *testing.T) {
	for name, tc := range map[string]struct {
		err   error
		lines int
	}{"for a while": {temporary(t), 2}, "for good": {errors.New("no logs are kept here"), 1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
				_, stop := running(t, Config{}, api, launcher)
				api.become("a", "Running")
				api.mu.Lock()
				for range 10 {
					api.logErrs = append(api.logErrs, tc.err)
				}
				api.mu.Unlock()
				launcher.die("c0ffee", 1)
				after(5 * time.Second)
				assert.Equal(t, api.current("a"), "Failed")
				after(10 * time.Minute)
				assert.Equal(t, len(api.messages("a")), tc.lines)
				assert.DeepEqual(t, launcher.removals(), []string{"c0ffee"})
				assert.NilError(t, stop())
			})
		})
	}
}

func TestContainersAreKeptAsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(), &fakeLauncher{}
		for i := range 5 {
			id := fmt.Sprint("failed", i)
			api.become(id, "Running")
			launcher.put(ourContainer(id, id, stateRunning, 0))
			time.Sleep(time.Second)
		}
		kept := ourContainer("kept", "kept", stateRunning, 0)
		kept.Labels[labelKeep] = "true"
		launcher.put(kept)
		launcher.put(ourContainer("good", "good", stateRunning, 0))
		api.become("good", "Success")
		api.become("kept", "Success")
		_, stop := running(t, Config{KeepFailed: 2}, api, launcher)
		for _, id := range []string{"failed3", "failed0", "failed4", "failed1", "failed2", "kept", "good"} {
			launcher.die(id, map[bool]int{true: 1, false: 0}[strings.HasPrefix(id, "failed")])
			after(time.Second)
		}
		after(10 * time.Minute)
		assert.DeepEqual(t, slices.Sorted(slices.Values(launcher.removals())), []string{"failed0", "failed1", "failed2", "good"})
		assert.NilError(t, stop())
	})
}

func TestAnEngineThatShowsNoContainersIsAnErrorAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		launcher := &fakeLauncher{listErr: func() error { return errors.New("list the flow containers: 403 Forbidden") }}
		a, _ := newTestAgent(t, Config{MaxPolls: 1}, newFakeAPI(), launcher)
		assert.ErrorContains(t, a.Run(t.Context()), "403 Forbidden; an agent needs GET /events and GET /containers/json")
	})
}
