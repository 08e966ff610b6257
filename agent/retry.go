package agent

import (
	"context"
	"errors"
	"math"
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

// passes reports whether the same request may succeed later. Rejected credentials and answers that are no
// API's count, since gateways give both during incidents; whether they last is for the poll loop to find out.
func passes(err error) bool {
	return errors.Is(err, graphql.ErrTemporary) || errors.Is(err, graphql.ErrUnauthorized) || errors.Is(err, graphql.ErrNotPrefect)
}

// retry repeats a call until it is answered: what it reports must not be lost. It gives up on errors that do
// not pass, and when ctx ends. The first repetition is immediate.
func (a *Agent) retry(ctx context.Context, call func() error) error {
	return a.retryTimes(ctx, math.MaxInt, call)
}

// retryTimes is retry with a bound on the attempts.
func (a *Agent) retryTimes(ctx context.Context, times int, call func() error) error {
	wait := newBackOff()
	for attempt := 1; ; attempt++ {
		err := call()
		if err == nil || !passes(err) || attempt == times {
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
