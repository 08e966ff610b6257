package agent

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker-prefect/docker-prefect/graphql"
	"gotest.tools/v3/assert"
)

var unavailable = errdefs.ErrUnavailable

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(t.Context())
}

// unwilling is an engine that neither stops nor removes a container the first time.
type unwilling struct {
	*fakeLauncher
	asked    int
	toRemove int
}

func (u *unwilling) Remove(ctx context.Context, id string) error {
	if u.toRemove++; u.toRemove == 1 {
		return fmt.Errorf("remove container: %w", errdefs.ErrUnavailable)
	}
	return u.fakeLauncher.Remove(ctx, id)
}

func (u *unwilling) Stop(ctx context.Context, id string, grace time.Duration) error {
	if u.asked++; u.asked == 1 {
		return fmt.Errorf("stop container: %w", errdefs.ErrUnavailable)
	}
	return u.fakeLauncher.Stop(ctx, id, grace)
}

func TestADrainDeliversWhatIsToBeTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
		_, stop := running(t, Config{DrainTimeout: time.Minute}, api, launcher)
		api.become("a", "Running")
		api.mu.Lock()
		for range 5 {
			api.logErrs = append(api.logErrs, temporary(t))
		}
		api.mu.Unlock()
		launcher.die("c0ffee", 1)
		begin := time.Now()
		assert.NilError(t, stop())
		assert.Equal(t, api.current("a"), "Failed")
		assert.Assert(t, time.Since(begin) < time.Minute)
	})
}

func TestADrainLeavesContainersToTheNextProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
		log, stop := running(t, Config{DrainTimeout: time.Minute}, api, launcher)
		begin := time.Now()
		assert.NilError(t, stop())
		assert.Equal(t, time.Since(begin), time.Duration(0))
		assert.Equal(t, len(launcher.stops())+len(launcher.removals()), 0)
		assert.Equal(t, log.count("Flow containers go on"), 1)
	})
}

func TestAStopCanEndTheContainers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
		_, stop := running(t, Config{DrainTimeout: time.Minute, KillOnStop: true}, api, launcher)
		api.become("a", "Running")
		assert.NilError(t, stop())
		assert.DeepEqual(t, launcher.stops(), []string{"c0ffee"})
		assert.DeepEqual(t, launcher.removals(), []string{"c0ffee"})
		history := api.history("a")
		assert.Equal(t, history[len(history)-1], "Failed: The container exited with status 143 (stopped together with its agent: --on-stop kill).")
	})
}

func TestADrainEndsWithItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, launcher := newFakeAPI(scheduledRun("a", time.Time{})), &fakeLauncher{}
		launcher.launch = func(Spec) (string, error) { return "", fmt.Errorf("no answer: %w", errdefs.ErrUnavailable) }
		_, stop := running(t, Config{DrainTimeout: 7 * time.Second}, api, launcher)
		begin := time.Now()
		err := stop()
		assert.ErrorIs(t, err, ErrNotDrained)
		assert.Equal(t, time.Since(begin), 7*time.Second)
		assert.DeepEqual(t, api.history("a"), []string{submitted}) // the next process takes it up
	})
}

// stuckAPI has a call that heeds no deadline, as no call of ours should.
type stuckAPI struct {
	*fakeAPI
	release chan struct{}
}

func (s *stuckAPI) RunsInQueue(context.Context, time.Time, []string) ([]string, error) {
	<-s.release
	return nil, nil
}

func TestAPollLoopThatIsStuckEndsTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &stuckAPI{newFakeAPI(), make(chan struct{})}
		defer close(api.release)
		a, _ := newTestAgent(t, Config{MaxPolls: -1, StuckAfter: 2 * time.Minute}, api, &fakeLauncher{})
		begin := time.Now()
		assert.ErrorIs(t, a.Run(t.Context()), ErrStuck)
		assert.Assert(t, time.Since(begin) < 3*time.Minute, "took %v", time.Since(begin))
	})
}

func TestTheWatchdogIsPatientWithWhatHasBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI()
		// Both kinds of wait: what the API asks for, and an engine that is away.
		for range 10 {
			api.pollErrs = append(api.pollErrs, &graphql.Error{Kind: graphql.ErrTemporary, RetryAfter: maxAsked})
		}
		begin := time.Now()
		launcher := &fakeLauncher{checkErr: func() error {
			if since := time.Since(begin); since > 55*time.Minute && since < 59*time.Minute {
				return fmt.Errorf("away: %w", errdefs.ErrUnavailable)
			}
			return nil
		}}
		_, stop := running(t, Config{StuckAfter: 2 * time.Minute}, api, launcher)
		after(2 * time.Hour)
		assert.NilError(t, stop())
	})
}
