package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
	"gotest.tools/v3/assert"
)

const submitted = "Submitted: Submitted for execution"

// deployOne lets an agent find and deploy what the API has, in virtual time.
func deployOne(t *testing.T, api *fakeAPI, launcher *fakeLauncher) *testLog {
	t.Helper()
	log, err := runPolls(t, api, launcher, 1)
	assert.NilError(t, err)
	return log
}

func TestSuccessIsReportedAsPythonDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(scheduledRun("a", time.Time{}))
		deployOne(t, api, &fakeLauncher{})
		assert.DeepEqual(t, api.states["a"], []string{submitted})
		assert.DeepEqual(t, api.logs, []graphql.RunLog{{
			FlowRunID: "a", Name: "agent", Level: "INFO", Message: "Submitted for execution: Container ID: c0ffee",
		}})
	})
}

func TestALaunchThatFailsFailsItsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(scheduledRun("a", time.Time{}), scheduledRun("b", time.Time{}))
		launcher := &fakeLauncher{launch: func(s Spec) (string, error) {
			if s.Labels[labelFlowRunID] == "a" {
				return "", errors.New("create container: no such image: flow")
			}
			return "", nil
		}}
		deployOne(t, api, launcher)
		assert.DeepEqual(t, api.states["a"], []string{submitted, "Failed: create container: no such image: flow"})
		assert.DeepEqual(t, api.messages("a"), []string{"ERROR: create container: no such image: flow"})
		assert.DeepEqual(t, api.states["b"], []string{submitted})
	})
}

func TestABrokenDocumentFailsItsRunAlone(t *testing.T) {
	for _, tc := range []struct {
		name    string
		corrupt func(*graphql.FlowRun)
		states  int
		reason  string
	}{
		{"state", func(r *graphql.FlowRun) { r.SerializedState = json.RawMessage(`{"type": "Odd"}`) }, 1, `serialized_state of the flow run: state has the unknown type "Odd"`},
		{"run config", func(r *graphql.FlowRun) { r.RunConfig = json.RawMessage(`{"type": "DockerRun", "ports": 5}`) }, 2, "ports"},
		{"storage", func(r *graphql.FlowRun) { r.Flow.Storage = json.RawMessage(`{"type": "Docker", "image_name": null}`) }, 2, "image_name"},
		{"task run", func(r *graphql.FlowRun) {
			r.TaskRuns = []graphql.TaskRun{{ID: "t", SerializedState: json.RawMessage(`[]`)}}
		}, 2, "serialized_state of task run t"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				broken := scheduledRun("broken", time.Time{})
				tc.corrupt(&broken)
				api, launcher := newFakeAPI(broken, scheduledRun("good", time.Time{})), &fakeLauncher{}
				deployOne(t, api, launcher)
				history := api.states["broken"]
				assert.Equal(t, len(history), tc.states, "%v", history)
				assert.ErrorContains(t, errors.New(history[tc.states-1]), "Failed: ")
				assert.ErrorContains(t, errors.New(history[tc.states-1]), tc.reason)
				assert.ErrorContains(t, errors.New(api.messages("broken")[0]), tc.reason)
				assert.DeepEqual(t, api.states["good"], []string{submitted})
			})
		})
	}
}

func TestALostRaceIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
		api.onState = func(string, graphql.State) error {
			return fmt.Errorf("State update failed: %w", graphql.ErrClaimed)
		}
		log := deployOne(t, api, launcher)
		assert.Equal(t, len(launcher.specs)+len(api.logs)+len(api.states), 0)
		assert.Equal(t, log.count("level=ERROR")+log.count("level=WARN"), 0)
	})
}

// A mutation whose answer is lost is repeated, and the repetition looks like somebody else's claim.
func TestAClaimWhoseAnswerWasLostIsOursIfTheAPISaysSo(t *testing.T) {
	for _, tc := range []struct {
		holder   string
		launches int
	}{{"agent-id", 1}, {"another", 0}} {
		t.Run(tc.holder, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
				answers := []error{&graphql.Error{Message: "gateway timeout", Kind: graphql.ErrTemporary, MayApply: true}, fmt.Errorf("State update failed: %w", graphql.ErrClaimed)}
				api.onState = func(string, graphql.State) error { return next(&answers) }
				api.status = func(string) graphql.RunStatus { return graphql.RunStatus{State: "Submitted", AgentID: tc.holder} }
				deployOne(t, api, launcher)
				assert.Equal(t, len(launcher.specs), tc.launches)
			})
		})
	}
}

// Agents of one name share their id at the API; the mark tells them apart.
func TestAClaimOfAReplicaOnAnotherEngineIsNotOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
		answers := []error{&graphql.Error{Message: "gateway timeout", Kind: graphql.ErrTemporary, MayApply: true}}
		api.onState = func(string, graphql.State) error { return next(&answers) }
		mark := graphql.Claim{Agent: identity("tenant", "agent", nil), Engine: "ANOTHER", Attempt: "1"}
		api.status = func(string) graphql.RunStatus {
			return graphql.RunStatus{State: "Submitted", Version: 2, AgentID: "agent-id", Claim: &mark}
		}
		deployOne(t, api, launcher)
		assert.Equal(t, launcher.starts(), 0)
		mark.Engine = "ENGINE"
		answers = []error{&graphql.Error{Message: "gateway timeout", Kind: graphql.ErrTemporary, MayApply: true}}
		deployOne(t, api, launcher)
		assert.Equal(t, launcher.starts(), 1)
	})
}

func TestARefusedClaimIsNotRepeatedAtEveryPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, claims := newFakeAPI(scheduledRun("a", time.Time{})), 0
		api.onState = func(string, graphql.State) error {
			claims++
			return fmt.Errorf("State update failed: %w", graphql.ErrClaimed)
		}
		_, stop := running(t, Config{}, api, &fakeLauncher{})
		after(30 * time.Second)
		assert.NilError(t, stop())
		assert.Assert(t, claims >= 3 && claims <= 11, claims)
	})
}

// A run that waits long for a slot may be cancelled meanwhile.
func TestARunIsLookedAtAgainWhenItsTurnComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(scheduledRun("slow", time.Now().Add(-time.Hour)), scheduledRun("a", time.Time{}))
		launcher := &fakeLauncher{launch: func(Spec) (string, error) {
			time.Sleep(time.Minute)
			return "", nil
		}}
		a, _ := newTestAgent(t, Config{MaxPolls: 1}, api, launcher)
		a.slots = make(chan struct{}, 1)
		time.AfterFunc(30*time.Second, func() {
			api.mu.Lock()
			defer api.mu.Unlock()
			for id := range map[string]bool{"slow": true, "a": true} {
				if len(api.states[id]) == 0 {
					api.taken[id] = true // cancelled
				}
			}
		})
		assert.NilError(t, a.Run(t.Context()))
		assert.Equal(t, launcher.starts(), 1)
		assert.Equal(t, len(api.states), 1)
	})
}

func TestAClaimIsRepeatedWhileTheAPIIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
		answers := []error{temporary(t), temporary(t), temporary(t)}
		api.onState = func(string, graphql.State) error { return next(&answers) }
		deployOne(t, api, launcher)
		assert.DeepEqual(t, api.states["a"], []string{submitted})
		assert.Equal(t, len(launcher.specs), 1)
	})
}

// retryRun is a Running run with a task run whose retry is due.
func retryRun() graphql.FlowRun {
	run := scheduledRun("a", time.Time{})
	run.State, run.SerializedState = "Running", json.RawMessage(`{"type": "Running"}`)
	run.TaskRuns = []graphql.TaskRun{
		{ID: "t1", SerializedState: json.RawMessage(`{"type": "Retrying", "start_time": "2020-01-01T00:00:00Z"}`)},
		{ID: "t2", SerializedState: json.RawMessage(`{"type": "Success"}`)},
	}
	return run
}

func TestDueTaskRunsAreClaimedAsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(retryRun()), &fakeLauncher{}
		launcher.reserve = func(Spec) (Container, error) {
			assert.Check(t, len(api.history("t1")) == 0, "the engine is the lock of a retry: the container comes first")
			return Container{}, nil
		}
		deployOne(t, api, launcher)
		assert.Equal(t, len(api.states["a"]), 0, "a Running flow run keeps its state")
		assert.DeepEqual(t, api.states["t1"], []string{"Submitted: Submitted for execution."})
		assert.Equal(t, len(api.states["t2"]), 0)
		assert.Equal(t, len(launcher.specs), 1)
		assert.Assert(t, !launcher.specs[0].Pull, "it was pulled for the reservation")
	})
}

// No API refuses the second claim of a task run.
func TestARetryThatAnotherAgentHasIsNeitherClaimedNorLaunched(t *testing.T) {
	for name, tc := range map[string]struct {
		reserve func(Spec) (Container, error)
		onDue   func(*fakeAPI)
		removed int
	}{
		"it has the container":   {func(Spec) (Container, error) { return Container{}, ErrElsewhere }, func(*fakeAPI) {}, 0},
		"it was through with it": {nil, func(api *fakeAPI) { api.taken["a"] = true }, 1},
		"another retry is due":   {nil, func(api *fakeAPI) { api.runs[0].TaskRuns[0].Version++ }, 1},
		"the run began anew":     {nil, func(api *fakeAPI) { api.runs[0].Version++ }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api, launcher := newFakeAPI(retryRun()), &fakeLauncher{reserve: tc.reserve}
				api.onDue = func(times int) {
					if times == 2 { // after the container was made
						tc.onDue(api)
					}
				}
				deployOne(t, api, launcher)
				assert.Equal(t, len(api.states), 0)
				assert.Equal(t, launcher.starts(), 0)
				assert.Equal(t, len(launcher.removals()), tc.removed)
			})
		})
	}
}

// Server refuses a claim for 30 s after another, no longer.
func TestALateClaimLooksWhetherTheRunStillWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
		attempts := 0
		api.onState = func(string, graphql.State) error {
			if attempts++; attempts == 1 {
				return temporary(t)
			}
			return nil
		}
		api.status = func(string) graphql.RunStatus {
			return graphql.RunStatus{State: "Success", Version: 4, AgentID: "another"}
		}
		log := deployOne(t, api, launcher)
		assert.Equal(t, attempts, 1)
		assert.Equal(t, len(api.states)+launcher.starts(), 0)
		assert.Equal(t, log.count("level=ERROR"), 0)
	})
}

func TestALogThatCannotBeWrittenDoesNotFailARunningRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(scheduledRun("a", time.Time{}))
		api.logErrs = []error{errors.New("no")}
		deployOne(t, api, &fakeLauncher{})
		assert.DeepEqual(t, api.states["a"], []string{submitted})
	})
}

// Python leaves a run in Submitted whose error could not be logged.
func TestALogThatCannotBeWrittenDoesNotHideAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(scheduledRun("a", time.Time{}))
		api.logErrs = []error{errors.New("no")}
		deployOne(t, api, &fakeLauncher{launch: func(Spec) (string, error) { return "", errors.New("boom") }})
		assert.DeepEqual(t, api.states["a"], []string{submitted, "Failed: boom"})
	})
}

func TestAPanicFailsItsRunAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(scheduledRun("a", time.Time{}))
		a, _ := newTestAgent(t, Config{MaxPolls: 1}, api, &fakeLauncher{launch: func(Spec) (string, error) { panic("bug") }})
		assert.NilError(t, a.Run(t.Context()))
		assert.DeepEqual(t, api.states["a"], []string{submitted, "Failed: internal error of the agent: bug"})
		assert.Equal(t, len(a.slots), 0, "its slot is free again")
	})
}

func TestErrorsOfSeveralLinesBecomeOne(t *testing.T) {
	assert.Equal(t, oneLine(errors.Join(errors.New("a"), errors.New("b"))), "a; b")
}

func TestACommandRunIsReportedByTheAgent(t *testing.T) {
	for code, tc := range map[int]struct{ state, line string }{
		0: {"Success: The container exited with status 0.", "INFO: The container exited with status 0."},
		3: {"Failed: The container exited with status 3.", "ERROR: The container exited with status 3."},
	} {
		t.Run(tc.state, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				run := scheduledRun("a", time.Time{})
				run.RunConfig = json.RawMessage(`{"type": "DockerRun", "image": "busybox", "command": ["echo", "hi"]}`)
				api := newFakeAPI(run)
				api.tasks["a"] = []graphql.TaskRun{{ID: "t"}}
				launcher := &fakeLauncher{output: "hi\nthere", exits: func(Spec) (int, once) { return code, true }}
				a, _ := newTestAgent(t, Config{MaxPolls: 2}, api, launcher)
				assert.NilError(t, a.Run(t.Context()))
				assert.DeepEqual(t, api.states["a"], []string{submitted, "Running: Running flow.", tc.state})
				assert.DeepEqual(t, api.states["t"], []string{"Running: Running flow.", tc.state})
				want := []string{"INFO: Submitted for execution: Container ID: c0ffee", "INFO: hi", "INFO: there", tc.line}
				assert.DeepEqual(t, api.messages("a"), want)
				assert.DeepEqual(t, launcher.removals(), []string{"c0ffee"})
			})
		})
	}
}

// The API lets any state overwrite any other: whoever comes last must look.
func TestACommandRunThatWasCancelledStaysCancelled(t *testing.T) {
	for held, want := range map[string][]string{
		"Cancelled":  {submitted},
		"Success":    {submitted},
		"Cancelling": {submitted, "Cancelled: The container exited with status 0."},
	} {
		t.Run(held, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				run := scheduledRun("a", time.Time{})
				run.RunConfig = json.RawMessage(`{"type": "DockerRun", "image": "busybox", "command": ["true"]}`)
				api := newFakeAPI(run)
				api.status = func(string) graphql.RunStatus { return graphql.RunStatus{State: held, AgentID: "agent-id"} }
				deployOne(t, api, &fakeLauncher{exits: func(Spec) (int, once) { return 0, true }})
				assert.DeepEqual(t, api.states["a"], want)
			})
		})
	}
}

func TestTaskRunsFinishBeforeTheirFlowRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := scheduledRun("flow", time.Time{})
		run.RunConfig = json.RawMessage(`{"type": "DockerRun", "image": "busybox", "command": ["true"]}`)
		api := newFakeAPI(run)
		api.tasks["flow"] = []graphql.TaskRun{{ID: "task"}, {ID: "done", SerializedState: json.RawMessage(`{"type": "Failed"}`)}}
		var order []string
		api.onState = func(id string, s graphql.State) error {
			order = append(order, id+" "+s.Type)
			return nil
		}
		deployOne(t, api, &fakeLauncher{exits: func(Spec) (int, once) { return 0, true }})
		assert.DeepEqual(t, order, []string{"flow Submitted", "flow Running", "task Running", "task Success", "flow Success"})
	})
}

// A claim that never reached the API leaves the run in the queue: it is neither failed nor forgotten.
func TestARunThatCouldNotBeClaimedStaysInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
		var answers []error
		for range claimAttempts {
			answers = append(answers, temporary(t))
		}
		api.onState = func(string, graphql.State) error { return next(&answers) }
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Minute, stop)
		a, _ := newTestAgent(t, Config{MaxPolls: -1}, api, launcher)
		assert.NilError(t, a.Run(ctx))
		assert.DeepEqual(t, api.states["a"], []string{submitted})
		assert.Equal(t, len(launcher.specs), 1)
	})
}
