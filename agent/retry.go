package agent

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// Waits between attempts while the API is away: short enough that a restart of the server is not felt,
// long enough that a fleet of agents does not hinder one.
const (
	firstWait = 500 * time.Millisecond
	lastWait  = 30 * time.Second
	maxAsked  = 5 * time.Minute // of a Retry-After that is obeyed
)

// backOff doubles the wait up to lastWait, with jitter over the upper half.
type backOff struct{ wait time.Duration }

func newBackOff() *backOff { return &backOff{wait: firstWait} }

// next returns how long to wait after err, at least as long as the API asked for.
func (b *backOff) next(err error) time.Duration {
	d := b.wait/2 + rand.N(b.wait/2+1)
	b.wait = min(2*b.wait, lastWait)
	return max(d, askedFor(err))
}

// lingerTime is how long an agent that was told to stop goes on telling the API what it must know.
const lingerTime = 30 * time.Second

// lingering returns a context that ends lingerTime after ctx.
func lingering(ctx context.Context) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if sleep(work, lingerTime) {
			cancel()
		}
	})
	return work, func() {
		stop()
		cancel()
	}
}

// maxAttempts with the waits of backOff spans about a minute and a half, a little more than Prefect's
// client allows for one request (1.4.1 client.py).
const maxAttempts = 8

// retry repeats a call that failed for reasons that pass. The first repetition is immediate.
func (a *Agent) retry(ctx context.Context, call func() error) error {
	wait := newBackOff()
	for attempt := 1; ; attempt++ {
		err := call()
		if err == nil || !errors.Is(err, graphql.ErrTemporary) || attempt == maxAttempts {
			return err
		}
		pause := wait.next(err)
		if attempt == 1 {
			pause = askedFor(err)
		}
		a.log.Debug("API request failed; trying again", "in", pause.Round(time.Millisecond), "reason", err)
		if !sleep(ctx, pause) {
			return err
		}
	}
}

// askedFor is the wait that the API asked for, if it did.
func askedFor(err error) time.Duration {
	var apiErr *graphql.Error
	if errors.As(err, &apiErr) {
		return min(apiErr.RetryAfter, maxAsked)
	}
	return 0
}
