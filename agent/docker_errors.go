package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/containerd/errdefs"
)

// engineError is a failed request to the engine: one line of text, and the kinds that callers branch on.
type engineError struct {
	text  string
	kinds []error
}

func (e *engineError) Error() string   { return e.text }
func (e *engineError) Unwrap() []error { return e.kinds }

// maxReason bounds what is repeated of an answer: a proxy's error page can be of any length.
const maxReason = 1000

// newEngineError says what was tried and why it failed. A request that got no whole answer is of kind
// errdefs.ErrUnavailable.
func newEngineError(action, address string, unreachable bool, err error) error {
	kinds := []error{err}
	reason := strings.TrimPrefix(err.Error(), "Error response from daemon: ")
	var broken *url.Error
	if errors.As(err, &broken) {
		// The client's own text repeats method and escaped URL.
		reason = "the connection to the engine at " + address + " failed: " + broken.Err.Error()
	}
	var cut *net.OpError
	if unreachable || broken != nil || errors.As(err, &cut) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		kinds = append(kinds, errdefs.ErrUnavailable)
	}
	reason = strings.Join(strings.FieldsFunc(reason, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "") + "…"
	}
	return &engineError{text: action + ": " + reason, kinds: kinds}
}

// do bounds a request by the timeout and puts its error into one line.
func (d *Docker) do(ctx context.Context, action string, request func(context.Context) error) error {
	return d.doWithin(ctx, d.opts.Timeout, action, request)
}

// doWithin is do for requests that take the engine longer than others.
func (d *Docker) doWithin(ctx context.Context, timeout time.Duration, action string, request func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := request(limited)
	if err != nil && strings.Contains(err.Error(), "is too new. Maximum supported API version") {
		// The answer was lost by which the client was to learn the engine's version. It asks again.
		err = request(limited)
	}
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return d.noAnswer(action, timeout)
	}
	return d.explain(ctx, action, err)
}

func (d *Docker) noAnswer(action string, timeout time.Duration) error {
	return &engineError{
		text:  fmt.Sprintf("%s: the engine at %s gave no answer within %v", action, d.opts.Address, timeout),
		kinds: []error{context.DeadlineExceeded, errdefs.ErrUnavailable},
	}
}
