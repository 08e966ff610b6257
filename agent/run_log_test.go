package agent

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
	"gotest.tools/v3/assert"
)

// batches counts the requests that log lines come in.
type batches struct {
	*fakeAPI
	sizes []int // bytes of the lines of each request
}

func (b *batches) WriteRunLogs(ctx context.Context, lines ...graphql.RunLog) error {
	size := 0
	for _, l := range lines {
		size += len(l.Message)
	}
	b.sizes = append(b.sizes, size)
	return b.fakeAPI.WriteRunLogs(ctx, lines...)
}

func TestOutputTravelsInRequestsThatTheAPITakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &batches{fakeAPI: newFakeAPI()}
		a, _ := newTestAgent(t, Config{}, api, &fakeLauncher{})
		w := a.newRunLogWriter(t.Context(), "r", time.Time{})
		for range 100 {
			_, err := fmt.Fprintln(w, strings.Repeat("x", 60_000))
			assert.NilError(t, err)
		}
		w.close()
		assert.Equal(t, len(api.messages("r")), 100)
		for _, size := range api.sizes {
			assert.Assert(t, size <= runLogBytes+maxLine, size)
		}
	})
}

func TestOutputIsNotHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI()
		a, _ := newTestAgent(t, Config{}, api, &fakeLauncher{})
		w := a.newRunLogWriter(t.Context(), "r", time.Time{})
		_, err := fmt.Fprint(w, "one\ntwo\nunfinis")
		assert.NilError(t, err)
		time.Sleep(runLogInterval)
		synctest.Wait()
		assert.DeepEqual(t, api.messages("r"), []string{"INFO: one", "INFO: two"})
		_, err = fmt.Fprint(w, "hed")
		assert.NilError(t, err)
		w.close()
		assert.DeepEqual(t, api.messages("r"), []string{"INFO: one", "INFO: two", "INFO: unfinished"})
	})
}

func TestOutputIsSentOnceThoughAnAnswerIsLost(t *testing.T) {
	for name, tc := range map[string]struct {
		taken bool
		sent  int
	}{"taken": {true, 1}, "not taken": {false, 2}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api := &batches{fakeAPI: newFakeAPI()}
				a, _ := newTestAgent(t, Config{}, api, &fakeLauncher{})
				api.logErrs = []error{&graphql.Error{Kind: graphql.ErrTemporary, MayApply: true}}
				printed := time.Now().Add(-time.Minute).Truncate(time.Microsecond)
				if tc.taken {
					api.lastLog = printed
				}
				w := a.newRunLogWriter(t.Context(), "r", time.Time{})
				_, err := fmt.Fprintf(w, "%s hello", printed.Format(time.RFC3339Nano))
				assert.NilError(t, err)
				w.close()
				assert.Equal(t, len(api.sizes), tc.sent)
			})
		})
	}
}

func TestOutputThatTheLogHasIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeAPI()
		a, _ := newTestAgent(t, Config{}, api, &fakeLauncher{})
		stored := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC) // the API keeps microseconds
		w := a.newRunLogWriter(t.Context(), "r", stored)
		_, err := fmt.Fprint(w, "2026-01-02T03:04:05.678901234Z old\n2026-01-02T03:04:05.678902Z new\n2026-01-02T03:04:06Z \n")
		assert.NilError(t, err)
		w.close()
		assert.DeepEqual(t, api.messages("r"), []string{"INFO: new", "INFO: "})
	})
}
