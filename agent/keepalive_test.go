package agent

import (
	"testing"
	"testing/synctest"
	"time"

	"gotest.tools/v3/assert"

	"github.com/docker-prefect/docker-prefect/graphql"
)

func TestRunsWithACommandAreKeptAliveWhileTheirContainerLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(), &fakeLauncher{}
		command := ourContainer("command", "a", stateRunning, 0)
		command.Labels[labelCommand] = "true"
		launcher.put(command)
		launcher.put(ourContainer("flow", "b", stateRunning, 0))
		api.become("a", "Running")
		api.become("b", "Running")
		_, stop := running(t, Config{}, api, launcher)
		after(5*time.Minute + time.Second)
		assert.Equal(t, api.beats["a"], 10)
		assert.Equal(t, api.beats["b"], 0, "Prefect's own process does that")
		launcher.die("command", 0)
		after(5 * time.Minute)
		assert.Equal(t, api.beats["a"], 10)
		assert.Equal(t, api.current("a"), "Success")
		assert.NilError(t, stop())
	})
}

// The agent itself may have said that a run lives shortly after its container ended, before it knew.
func TestTheEndOfACommandIsToldThoughTheRunWasKeptAlive(t *testing.T) {
	c := ourContainer("c", "a", stateExited, 2).Container
	ended := time.Now()
	run := graphql.RunStatus{State: "Running", Heartbeat: ended.Add(clockSkew + time.Second)}
	assert.Equal(t, judge(c, exit{known: true, code: 2, finished: ended}, run, false).state, "")
	c.Labels[labelCommand] = "true"
	assert.Equal(t, judge(c, exit{known: true, code: 2, finished: ended}, run, false).state, "Failed")
}

func TestARunIsKeptAliveWhileItsImageIsPulled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pulled := make(chan struct{})
		launcher := &fakeLauncher{launch: func(Spec) (string, error) {
			<-pulled
			return "", nil
		}}
		api := newFakeAPI(scheduledRun("a", time.Time{}))
		_, stop := running(t, Config{}, api, launcher)
		after(10*time.Minute + time.Second)
		assert.Equal(t, api.beats["a"], 20)
		close(pulled)
		after(10 * time.Minute)
		assert.Equal(t, api.beats["a"], 20)
		assert.NilError(t, stop())
	})
}
