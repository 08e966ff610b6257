package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	hookSenders = 8    // requests of cloud hooks at the same time
	hookQueue   = 1000 // requests that wait
	hookTimeout = 5 * time.Second
)

// hookSender posts what cloud hooks tell, in the background: whoever changes a state does not wait for other people's
// servers. A request is tried once, as by Server; what goes wrong is logged.
type hookSender struct {
	log     *slog.Logger
	client  *http.Client
	queue   chan hookRequest
	closing chan struct{}
	senders sync.WaitGroup
	cancel  context.CancelFunc
}

func newHookSender(log *slog.Logger) *hookSender {
	ctx, cancel := context.WithCancel(context.Background())
	s := &hookSender{
		log: log, client: &http.Client{Timeout: hookTimeout}, queue: make(chan hookRequest, hookQueue), closing: make(chan struct{}), cancel: cancel,
	}
	for range hookSenders {
		s.senders.Go(func() { s.run(ctx) })
	}
	return s
}

// run posts what is in the queue until the sender is closed and the queue empty.
func (s *hookSender) run(ctx context.Context) {
	for {
		select {
		case request := <-s.queue:
			s.postOrLog(ctx, request)
			continue
		case <-s.closing:
		}
		for {
			select {
			case request := <-s.queue:
				s.postOrLog(ctx, request)
				continue
			default:
			}
			return
		}
	}
}

// send puts a request into the queue. If that is full, it is dropped.
func (s *hookSender) send(request hookRequest) {
	select {
	case s.queue <- request:
	default:
		s.log.Warn("A cloud hook was not called: too many calls wait", "hook", request.hook)
	}
}

func (s *hookSender) postOrLog(ctx context.Context, request hookRequest) {
	if err := s.post(ctx, request); err != nil {
		s.log.Warn("A cloud hook failed", "hook", request.hook, "error", err)
	}
}

// post sends a request and waits for its answer. Errors do not name the URL, which may be a secret, as Slack's are.
func (s *hookSender) post(ctx context.Context, request hookRequest) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, request.url, bytes.NewReader(request.body))
	if err != nil {
		return errors.New("its URL cannot be read")
	}
	r.Header = request.header
	response, err := s.client.Do(r)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return fmt.Errorf("call hook: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing to be done
	const enough = 64 << 10     // for the connection to be used again
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, enough))
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("the hook was answered %s", response.Status)
	}
	return nil
}

// close sends what waits, for a few seconds at most.
func (s *hookSender) close() {
	const patience = 5 * time.Second
	close(s.closing)
	timer := time.AfterFunc(patience, s.cancel)
	s.senders.Wait()
	timer.Stop()
	s.cancel()
	s.client.CloseIdleConnections()
}
