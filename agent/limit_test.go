package agent

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
	"gotest.tools/v3/assert"
)

func TestTheLimitCountsLiveContainersAlsoOfAnEarlierProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs []graphql.FlowRun
		for i := range 6 {
			runs = append(runs, scheduledRun(fmt.Sprint("r", i), time.Time{}))
		}
		api, launcher := newFakeAPI(runs...), &fakeLauncher{}
		launcher.put(ourContainer("old", "old", stateRunning, 0))
		launcher.put(ourContainer("ended", "ended", stateExited, 0))
		api.become("ended", "Success")
		api.become("old", "Success")
		log, stop := running(t, Config{Limit: 3}, api, launcher)
		after(time.Minute)
		assert.Equal(t, launcher.starts(), 2)
		assert.Equal(t, log.count("The limit is reached: 3 of 3"), 1)
		assert.Equal(t, len(api.history("r2")), 0, "what is not taken stays Scheduled")
		for n, id := range []string{"old", "c0ffee", "c0ffee2"} {
			if n > 0 {
				api.become(fmt.Sprint("r", n-1), "Success")
			}
			launcher.die(id, 0)
			synctest.Wait()
			assert.Equal(t, launcher.starts(), 3+n, "room is used at once")
		}
		api.become("r2", "Success")
		launcher.die("c0ffee3", 0)
		after(10 * time.Second)
		assert.Equal(t, launcher.starts(), 6)
		assert.Equal(t, log.count("The limit is reached"), 1)
		assert.NilError(t, stop())
	})
}

func TestRunsOnTheirWayCountAgainstTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs []graphql.FlowRun
		for i := range 5 {
			runs = append(runs, scheduledRun(fmt.Sprint("r", i), time.Now().Add(8*time.Second)))
		}
		api, launcher := newFakeAPI(runs...), &fakeLauncher{}
		_, stop := running(t, Config{Limit: 2}, api, launcher)
		after(time.Minute)
		assert.Equal(t, launcher.starts(), 2)
		assert.NilError(t, stop())
	})
}

func TestStarvationIsSaidOnceAndItsEndOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI()
		for i := range 80 {
			api.queue = append(api.queue, graphql.QueuedRun{ID: fmt.Sprint(i), Labels: []string{"nobody"}})
		}
		api.queue = append(api.queue, graphql.QueuedRun{ID: "mine", Labels: []string{"gpu"}})
		log, stop := running(t, Config{Labels: []string{"gpu", "linux"}}, api, &fakeLauncher{})
		after(10 * time.Minute)
		assert.Equal(t, log.count("wait behind the tenant's 75 oldest"), 1)
		assert.Equal(t, log.count(`waiting=1 labels_nobody_serves=[nobody]`), 1)
		api.mu.Lock()
		api.queue = nil
		api.mu.Unlock()
		after(10 * time.Minute)
		assert.Equal(t, log.count("Flow runs reach this agent again"), 1)
		assert.NilError(t, stop())
	})
}

func TestAQueueThatIsServedStarvesNobody(t *testing.T) {
	var queue []graphql.QueuedRun
	for range 74 {
		queue = append(queue, graphql.QueuedRun{Labels: []string{"nobody"}})
	}
	mine := graphql.QueuedRun{Labels: []string{"gpu"}}
	starving, _ := behindWindow(append(queue, mine, mine), []string{"gpu"})
	assert.Equal(t, starving, 0, "the 75th is handed out")
	starving, _ = behindWindow(append(queue, graphql.QueuedRun{Labels: []string{"nobody"}}, mine, graphql.QueuedRun{}), []string{"gpu"})
	assert.Equal(t, starving, 1, "runs without labels are for agents without labels")
	starving, _ = behindWindow(append(queue, queue[0], graphql.QueuedRun{}), nil)
	assert.Equal(t, starving, 1)
}
