package agent

import (
	"testing"
	"testing/synctest"
	"time"

	"gotest.tools/v3/assert"
)

func TestCancelledRunsHaveTheirContainersStoppedAfterAGraceTime(t *testing.T) {
	cfg := Config{CancelPoll: 5 * time.Second, CancelGrace: 30 * time.Second}
	for state, end := range map[string]string{"Cancelling": "Cancelled", "Cancelled": "Cancelled"} {
		t.Run(state, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
				_, stop := running(t, cfg, api, launcher)
				api.become("a", "Running")
				after(time.Minute)
				assert.Equal(t, len(launcher.stops()), 0)
				api.become("a", state)
				after(29 * time.Second)
				assert.Equal(t, len(launcher.stops()), 0, "Prefect's own cancellation comes first")
				after(10 * time.Second)
				assert.DeepEqual(t, launcher.stops(), []string{"c0ffee"})
				assert.Equal(t, api.current("a"), end)
				assert.DeepEqual(t, launcher.removals(), []string{"c0ffee"})
				assert.NilError(t, stop())
			})
		})
	}
}

func TestDeletedRunsAreStoppedIfTheyStayAway(t *testing.T) {
	live := []Container{{ID: "c", Labels: ourLabels("a")}}
	begin, grace := time.Now(), 30*time.Second
	seen := cancellations{}
	assert.Equal(t, len(seen.due(live, nil, begin, grace)), 0)
	assert.Equal(t, len(seen.due(live, map[string]string{"a": "Running"}, begin.Add(20*time.Second), grace)), 0, "one odd answer")
	assert.Equal(t, len(seen.due(live, nil, begin.Add(31*time.Second), grace)), 0, "the time begins anew")
	doomed := seen.due(live, nil, begin.Add(62*time.Second), grace)
	assert.Equal(t, len(doomed), 1)
	assert.Equal(t, doomed[0].reason, stoppedDeleted)

	seen = cancellations{}
	assert.Equal(t, len(seen.due(live, nil, begin, 0)), 0, "one odd answer, and no grace time")
	assert.Equal(t, len(seen.due(live, map[string]string{"a": "Cancelled"}, begin, 0)), 1)
}

func TestRunsThatDoNotListenGetNoGraceTime(t *testing.T) {
	labels := ourLabels("a")
	labels[labelCommand] = "true"
	doomed := cancellations{}.due([]Container{{ID: "c", Labels: labels}}, map[string]string{"a": "Cancelled"}, time.Now(), time.Hour)
	assert.Equal(t, len(doomed), 1)
}

func TestARemovalThatFailedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(), &unwilling{fakeLauncher: &fakeLauncher{}}
		launcher.put(ourContainer("c", "a", stateExited, 0))
		api.become("a", "Success")
		a, _ := newTestAgent(t, Config{MaxPolls: -1}, api, launcher)
		ctx, cancel := contextWithCancel(t)
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		after(10 * time.Second)
		assert.DeepEqual(t, launcher.removals(), []string{"c"})
		cancel()
		assert.NilError(t, <-ended)
	})
}

func TestAStopThatFailedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(), &unwilling{fakeLauncher: &fakeLauncher{}}
		launcher.put(ourContainer("c", "a", stateRunning, 0))
		api.become("a", "Cancelling")
		a, _ := newTestAgent(t, Config{MaxPolls: -1, CancelPoll: time.Second}, api, launcher)
		ctx, cancel := contextWithCancel(t)
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		after(10 * time.Second)
		assert.DeepEqual(t, launcher.stops(), []string{"c"})
		assert.Equal(t, api.current("a"), "Cancelled")
		cancel()
		assert.NilError(t, <-ended)
	})
}
