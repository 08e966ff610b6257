package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
	"gotest.tools/v3/assert"
)

// temporary is an error of the kind that passes.
func temporary(t *testing.T) error {
	t.Helper()
	return fmt.Errorf("cannot reach it: %w", graphql.ErrTemporary)
}

// runPolls runs an agent in virtual time until its polls are used up.
func runPolls(t *testing.T, api *fakeAPI, launcher *fakeLauncher, polls int) (*testLog, error) {
	t.Helper()
	a, log := newTestAgent(t, Config{MaxPolls: polls}, api, launcher)
	return log, a.Run(t.Context())
}

// gaps are the waits between the polls that the API saw.
func gaps(api *fakeAPI) []time.Duration {
	var out []time.Duration
	for i := 1; i < len(api.polls); i++ {
		out = append(out, api.polls[i].Sub(api.polls[i-1]))
	}
	return out
}

func TestIdlePollsFollowPrefectsIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI()
		_, err := runPolls(t, api, &fakeLauncher{}, 9)
		assert.NilError(t, err)
		s := time.Second
		assert.DeepEqual(t, gaps(api), []time.Duration{s / 2, s, 2 * s, 4 * s, 8 * s, 10 * s, 10 * s, 10 * s})
	})
}

func TestAHitIsFollowedByAPollAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(scheduledRun("a", time.Time{}))
		_, err := runPolls(t, api, &fakeLauncher{}, 3)
		assert.NilError(t, err)
		assert.DeepEqual(t, gaps(api), []time.Duration{0, time.Second / 2})
	})
}

func TestRunsOfOneSecondAllStartThenThoughTheQueueNamesFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var runs []graphql.FlowRun
		for i := range 60 { // the fake names 25
			runs = append(runs, scheduledRun(fmt.Sprint("r", i), begin.Add(9*time.Second)))
		}
		var mu sync.Mutex
		var late []time.Duration
		launcher := &fakeLauncher{launch: func(Spec) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			if at := time.Since(begin); at != 9*time.Second {
				late = append(late, at)
			}
			return "", nil
		}}
		a, _ := newTestAgent(t, Config{MaxPolls: 9}, newFakeAPI(runs...), launcher)
		assert.NilError(t, a.Run(t.Context()))
		assert.Equal(t, len(launcher.specs), 60)
		assert.Assert(t, late == nil, late)
	})
}

func TestAHitThatCannotBeClaimedDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(scheduledRun("a", time.Time{}))
		api.onState = func(string, graphql.State) error { return errors.New("State payload is too large.") }
		_, err := runPolls(t, api, &fakeLauncher{}, 4)
		assert.NilError(t, err)
		for _, gap := range gaps(api) {
			assert.Assert(t, gap >= 250*time.Millisecond, gap)
		}
	})
}

func TestMaxPollsZeroNeverAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(scheduledRun("a", time.Time{}))
		_, err := runPolls(t, api, &fakeLauncher{}, 0)
		assert.NilError(t, err)
		assert.Equal(t, len(api.polls), 0)
	})
}

func TestMaxPollsFinishesWhatWasFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().Add(7 * time.Second)
		api, launcher := newFakeAPI(scheduledRun("a", start)), &fakeLauncher{}
		_, err := runPolls(t, api, launcher, 1)
		assert.NilError(t, err)
		assert.Equal(t, len(launcher.specs), 1)
		assert.Assert(t, launcher.started[0].Equal(start), "started at %s", launcher.started[0])
	})
}

func TestAPokeEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI()
		a, _ := newTestAgent(t, Config{MaxPolls: 2}, api, &fakeLauncher{})
		go func() {
			synctest.Wait()
			a.Poke()
			a.Poke() // two are one
		}()
		assert.NilError(t, a.Run(t.Context()))
		assert.DeepEqual(t, gaps(api), []time.Duration{0})
	})
}

func TestRunsInFlightAreNotTakenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(scheduledRun("a", time.Now().Add(9*time.Second))), &fakeLauncher{}
		_, err := runPolls(t, api, launcher, 8)
		assert.NilError(t, err)
		assert.Equal(t, len(launcher.specs), 1)
		assert.DeepEqual(t, api.states["a"], []string{"Submitted: Submitted for execution"})
	})
}

func TestARunThatEndedCanBeTakenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
		launcher.exits = func(Spec) (int, once) { return 0, true }
		launcher.launch = func(Spec) (string, error) {
			if launcher.starts() == 1 { // as a reschedule by the server would
				api.become("a", "Scheduled")
				api.mu.Lock()
				api.taken["a"] = false
				api.mu.Unlock()
			}
			return "", nil
		}
		_, err := runPolls(t, api, launcher, 6)
		assert.NilError(t, err)
		assert.Equal(t, len(launcher.specs), 2)
	})
}

func TestDueRunsDoNotWaitBehindRunsThatSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var runs []graphql.FlowRun
		for i := range 24 {
			runs = append(runs, scheduledRun(fmt.Sprint("later", i), begin.Add(8*time.Second)))
		}
		runs = append(runs, scheduledRun("now", time.Time{}))
		var mu sync.Mutex
		startedAt := map[string]time.Duration{}
		launcher := &fakeLauncher{launch: func(s Spec) (string, error) {
			mu.Lock()
			defer mu.Unlock()
			startedAt[s.Labels[labelFlowRunID]] = time.Since(begin)
			return "", nil
		}}
		a, _ := newTestAgent(t, Config{MaxPolls: 1}, newFakeAPI(runs...), launcher)
		a.slots = make(chan struct{}, 2) // far fewer slots than sleepers
		assert.NilError(t, a.Run(t.Context()))
		assert.Equal(t, startedAt["now"], time.Duration(0))
		assert.Equal(t, startedAt["later0"], 8*time.Second)
	})
}

func TestLaunchesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs []graphql.FlowRun
		for i := range 10 {
			runs = append(runs, scheduledRun(fmt.Sprint("r", i), time.Time{}))
		}
		var mu sync.Mutex
		now, most := 0, 0
		launcher := &fakeLauncher{launch: func(Spec) (string, error) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			now--
			mu.Unlock()
			return "", nil
		}}
		a, _ := newTestAgent(t, Config{MaxPolls: 1}, newFakeAPI(runs...), launcher)
		a.slots = make(chan struct{}, 3)
		assert.NilError(t, a.Run(t.Context()))
		assert.Equal(t, most, 3)
	})
}

func TestAnOutageIsSaidOnceAndItsEndOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI()
		for range 12 {
			api.pollErrs = append(api.pollErrs, temporary(t))
		}
		log, err := runPolls(t, api, &fakeLauncher{}, 14)
		assert.NilError(t, err)
		assert.Equal(t, log.count("the Prefect API is unavailable"), 1)
		assert.Equal(t, log.count("the Prefect API answers again"), 1)
		for i, gap := range gaps(api)[:12] {
			assert.Assert(t, gap >= firstWait/2 && gap <= lastWait, "wait %d: %s", i, gap)
		}
		assert.Assert(t, gaps(api)[11] >= lastWait/2, "the waits grow")
	})
}

func TestRejectedCredentialsEndTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI()
		for range maxRejections {
			api.pollErrs = append(api.pollErrs, graphql.ErrUnauthorized)
		}
		_, err := runPolls(t, api, &fakeLauncher{}, 100)
		assert.ErrorIs(t, err, graphql.ErrUnauthorized)
		assert.Equal(t, len(api.polls), maxRejections)
	})
}

func TestASingleRejectionDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI()
		api.pollErrs = []error{graphql.ErrUnauthorized, graphql.ErrUnauthorized, nil, graphql.ErrUnauthorized}
		_, err := runPolls(t, api, &fakeLauncher{}, 6)
		assert.NilError(t, err)
	})
}

func TestTheAPIIsWaitedForAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI()
		api.connErrs = []error{temporary(t), temporary(t), temporary(t)}
		log, err := runPolls(t, api, &fakeLauncher{}, 1)
		assert.NilError(t, err)
		assert.Equal(t, log.count("the Prefect API is unavailable"), 1)
		assert.Equal(t, log.count("the Prefect API answers again"), 1)
	})
}

func TestAWrongKeyEndsTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI()
		api.connErrs = []error{graphql.ErrUnauthorized}
		_, err := runPolls(t, api, &fakeLauncher{}, 1)
		assert.ErrorIs(t, err, graphql.ErrUnauthorized)
	})
}

func TestADeadEngineEndsTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		launcher := &fakeLauncher{checkErr: func() error { return errors.New("connection refused") }}
		_, err := runPolls(t, newFakeAPI(), launcher, 1)
		assert.ErrorContains(t, err, "is it running?")
	})
}

func TestAnEngineThatStaysAwayEndsTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		launcher := &fakeLauncher{checkErr: func() error {
			if time.Since(begin) > time.Minute {
				return errors.New("connection refused")
			}
			return nil
		}}
		a, _ := newTestAgent(t, Config{MaxPolls: -1}, newFakeAPI(), launcher)
		err := a.Run(t.Context())
		assert.ErrorContains(t, err, "connection refused")
		assert.Assert(t, time.Since(begin) < 10*time.Minute)
	})
}

func TestStoppingFinishesLaunchesAndLeavesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(scheduledRun("busy", time.Time{}), scheduledRun("later", time.Now().Add(9*time.Second)))
		launcher := &fakeLauncher{launch: func(Spec) (string, error) {
			time.Sleep(5 * time.Second)
			return "", nil
		}}
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { stop(errors.New("received a signal")) })
		a, _ := newTestAgent(t, Config{MaxPolls: -1}, api, launcher)
		begin := time.Now()
		assert.NilError(t, a.Run(ctx))
		assert.Equal(t, time.Since(begin), 5*time.Second)
		assert.DeepEqual(t, api.messages("busy"), []string{"INFO: Submitted for execution: Container ID: c0ffee"})
		assert.Equal(t, len(api.history("later")), 0, "it stays Scheduled for another agent")
	})
}

func TestNothingIsClaimedWhileTheEngineIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		gone, back := begin.Add(4*time.Second), begin.Add(40*time.Second)
		api := newFakeAPI(scheduledRun("waits", begin.Add(6*time.Second)), scheduledRun("later", begin.Add(20*time.Second)))
		launcher := &fakeLauncher{checkErr: func() error {
			if now := time.Now(); now.After(gone) && now.Before(back) {
				return errors.New("connection refused")
			}
			return nil
		}}
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(2*time.Minute, stop)
		a, log := newTestAgent(t, Config{MaxPolls: -1}, api, launcher)
		assert.NilError(t, a.Run(ctx))
		assert.Equal(t, len(launcher.started), 2)
		for i, at := range launcher.started {
			assert.Assert(t, !at.Before(back), "run %d was launched %s before the engine was back", i, back.Sub(at))
		}
		for _, at := range api.polls {
			assert.Assert(t, !at.After(gone.Add(gateInterval)) || !at.Before(back), "asked %s before the engine was back", back.Sub(at))
		}
		assert.DeepEqual(t, api.states["waits"], []string{"Submitted: Submitted for execution"})
		assert.Equal(t, log.count("the container engine is unavailable"), 1)
		assert.Equal(t, log.count("the container engine answers again"), 1)
	})
}

func TestOverdueRunsStartInTheOrderOfTheirStartTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs []graphql.FlowRun
		var want []string
		for i := range 20 {
			name := fmt.Sprint("r", i)
			runs = append([]graphql.FlowRun{scheduledRun(name, time.Now().Add(time.Duration(i-30)*time.Minute))}, runs...)
			want = append(want, name)
		}
		launcher := &fakeLauncher{launch: func(Spec) (string, error) {
			time.Sleep(time.Second)
			return "", nil
		}}
		a, _ := newTestAgent(t, Config{MaxPolls: 1}, newFakeAPI(runs...), launcher)
		a.slots = make(chan struct{}, 1)
		assert.NilError(t, a.Run(t.Context()))
		var got []string
		for _, s := range launcher.specs {
			got = append(got, s.Labels[labelFlowRunID])
		}
		assert.DeepEqual(t, got, want)
	})
}

func TestRunsThatWaitForASlotAreLeftWhenTheAgentStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(scheduledRun("a", time.Time{}), scheduledRun("b", time.Time{}), scheduledRun("c", time.Time{}))
		launcher := &fakeLauncher{launch: func(Spec) (string, error) {
			time.Sleep(5 * time.Second)
			return "", nil
		}}
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		a, _ := newTestAgent(t, Config{MaxPolls: -1}, api, launcher)
		a.slots = make(chan struct{}, 1)
		assert.NilError(t, a.Run(ctx))
		assert.Equal(t, len(launcher.specs), 1)
		assert.Equal(t, len(api.states), 1)
	})
}

// An API that is away must not hold up a stop for as long as it may hold up work.
func TestAStopDoesNotWaitLongForAnAPIThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI(scheduledRun("a", time.Time{}))
		for range 1000 {
			api.logErrs = append(api.logErrs, temporary(t))
		}
		begin := time.Now()
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		a, _ := newTestAgent(t, Config{MaxPolls: -1, DrainTimeout: 30 * time.Second}, api, &fakeLauncher{})
		assert.ErrorIs(t, a.Run(ctx), ErrNotDrained)
		assert.Assert(t, time.Since(begin) <= 32*time.Second, "took %s", time.Since(begin))
	})
}

func TestTaskRunsMustBeDueForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		api := newFakeAPI(scheduledRun("a", time.Time{}))
		_, err := runPolls(t, api, &fakeLauncher{}, 1)
		assert.NilError(t, err)
		assert.Equal(t, begin.Sub(api.due[0]), 3*time.Second)
	})
}

func TestRetryAfterIsHeeded(t *testing.T) {
	asked := &graphql.Error{Kind: graphql.ErrTemporary, RetryAfter: 45 * time.Second}
	assert.Equal(t, newBackOff().next(asked), 45*time.Second)
	asked.RetryAfter = time.Hour
	assert.Equal(t, newBackOff().next(asked), maxAsked)
}

func TestAHungEngineIsNotAskedByEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks := 0
		g := newGate(func(ctx context.Context) error {
			checks++
			<-ctx.Done()
			return ctx.Err()
		}, slog.New(slog.DiscardHandler))
		begin := time.Now()
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() { assert.Check(t, g.open(t.Context()) != nil) })
		}
		wg.Wait()
		assert.Equal(t, checks, 1)
		assert.Equal(t, time.Since(begin), gateTimeout)
	})
}

func TestAnAgentAddressInUseIsAnErrorBeforeRegistration(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NilError(t, err)
	defer func() { assert.NilError(t, taken.Close()) }()
	api := newFakeAPI()
	a, log := newTestAgent(t, Config{MaxPolls: 0, AgentAddress: "http://" + taken.Addr().String()}, api, &fakeLauncher{})
	assert.ErrorContains(t, a.Run(t.Context()), "choose another with --agent-address")
	assert.Equal(t, log.count("Registering agent"), 0)
}

func TestARefusalIsNotCalledAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI()
		api.pollErrs = []error{errors.New("Invalid tenant ID"), errors.New("Invalid tenant ID")}
		log, err := runPolls(t, api, &fakeLauncher{}, 3)
		assert.NilError(t, err)
		assert.Equal(t, log.count("the Prefect API refuses the request"), 1)
		assert.Equal(t, log.count("is unavailable"), 0)
	})
}
