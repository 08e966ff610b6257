package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/docker-prefect/docker-prefect/e2e/stub"
)

// fate is what becomes of a flow run.
type fate int

const (
	succeeds  fate = iota
	fails          // as Prefect inside the container says
	crashes        // without a word to the API
	cancelled      // by somebody, while it runs
	refused        // by the engine
)

func (f fate) String() string {
	return [...]string{"success", "failure", "crash", "cancelled", "refused"}[f]
}

// shares are in percent.
var shares = [...]int{succeeds: 68, fails: 5, crashes: 15, cancelled: 10, refused: 2}

func pickFate(random *rand.Rand) fate {
	n := random.IntN(100)
	for f, share := range shares {
		if n -= share; n < 0 {
			return fate(f)
		}
	}
	return succeeds
}

// exitCodes are those of crashes.
var exitCodes = []int{1, 2, 125, 126, 127, 137, 139, 143, 255}

// flowRun is a run until it is settled. What it is to be is fixed before the API knows it.
type flowRun struct {
	id       string
	fate     fate
	lasts    time.Duration
	exitCode int
	silent   bool // crashes before it is Running

	starts int       // guarded by the world
	since  time.Time // when it was seen finished; of the goroutine that settles
}

func (r *flowRun) prepare(random *rand.Rand) {
	r.lasts = 20*time.Millisecond + time.Duration(random.Int64N(int64(2*time.Second)))
	switch r.fate {
	case fails:
		r.exitCode = 1
	case crashes:
		r.exitCode = exitCodes[random.IntN(len(exitCodes))]
		r.silent = random.IntN(3) == 0
	}
}

// What Prefect and the engine say. A full disk would not do for the latter: the agent waits for room.
const (
	failedByItself = "Some reference tasks failed."
	tooManyCPUs    = "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"
)

// begin plays Prefect inside the container, which has just been started.
func (r *flowRun) begin(api *stub.API) stub.Life {
	if !r.silent {
		api.SetState(r.id, "Running", "Running flow.")
	}
	life := stub.Life{
		For: r.lasts, ExitCode: r.exitCode, OOMKilled: r.exitCode == 137,
		Output: strings.Repeat("Task 'extract': handling state change from Pending to Running\n", 20),
	}
	switch r.fate {
	case succeeds:
		life.Ending = func() { api.SetState(r.id, "Success", "All reference tasks succeeded.") }
	case fails:
		life.Ending = func() { api.SetState(r.id, "Failed", failedByItself) }
	case cancelled:
		life.For = 0
		time.AfterFunc(r.lasts, func() { api.SetState(r.id, "Cancelling", "Cancelling flow run") })
	}
	return life
}

func finished(state string) bool {
	return slices.Contains([]string{"Success", "Failed", "Cancelled"}, state)
}

// verdict says what is wrong about a run that is over, whose container was started so often; empty: nothing.
func (r *flowRun) verdict(stored stub.FlowRun, starts int) string {
	want, says := "Success", ""
	switch r.fate {
	case fails:
		want, says = "Failed", failedByItself
	case crashes:
		want, says = "Failed", fmt.Sprintf("exited with status %d", r.exitCode)
	case cancelled:
		want = "Cancelled"
	case refused:
		want, says = "Failed", tooManyCPUs
	}
	message, _ := stored.SerializedState["message"].(string)
	once := 1
	if r.fate == refused {
		once = 0
	}
	switch {
	case stored.State != want, !strings.Contains(message, says):
		return fmt.Sprintf("a %s ended as %s: %q", r.fate, stored.State, message)
	case starts != once:
		return fmt.Sprintf("a %s was started %d times", r.fate, starts)
	}
	return ""
}
