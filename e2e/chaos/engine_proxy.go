package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// engineProxy stands between one agent and the engine.
type engineProxy struct {
	front
	agent   string
	client  http.Client
	faults  *injector
	ambush  *ambush
	journal *journal
	rates   rates
	stream  func() (time.Duration, bool) // how long an event stream lasts
	// starting is held while a container is being started, and for writing while the engine is killed. An engine
	// that dies in the middle of a start forgets a process that runs: no agent could keep that from running twice.
	starting *sync.RWMutex
}

func newEngineProxy(agent, socket, engine string, faults *injector, a *ambush, starting *sync.RWMutex, j *journal) *engineProxy {
	p := &engineProxy{
		front: front{network: "unix", address: socket}, agent: agent,
		client: http.Client{Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", engine)
			},
		}},
		faults: faults, ambush: a, journal: j, starting: starting, rates: engineRates,
		stream: func() (time.Duration, bool) { return faults.streamLength(agent) },
	}
	p.handler = p
	return p
}

func (p *engineProxy) url() string { return "unix://" + p.address }

// ServeHTTP passes a request on, unless something comes between.
func (p *engineProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body) // none is large: images are not built here
	if err != nil {
		drop()
	}
	op := engineOperation(r.Method, r.URL.Path)
	f, delay := p.faults.next(engineSide, p.agent, op, p.rates)
	if p.ambush.pass(moment{engineSide, op, false}) {
		p.journal.note(p.agent, engineSide, op, "agent killed before "+r.URL.Path)
		drop()
	}
	switch f {
	case cut:
		p.journal.note(p.agent, engineSide, op, string(f)+" "+r.URL.Path)
		drop()
	case delayed:
		if !sleep(r.Context(), delay) {
			drop()
		}
	}
	ctx, stop := p.context(r, op, f)
	defer stop()
	resp, err := p.forward(ctx, r, op, body)
	if err != nil {
		p.journal.note(p.agent, engineSide, op, r.URL.Path+" "+err.Error())
		drop()
	}
	defer resp.Body.Close()
	p.journal.note(p.agent, engineSide, op, string(f)+" "+r.URL.RequestURI()+" "+resp.Status)
	if p.ambush.pass(moment{engineSide, op, true}) {
		p.journal.note(p.agent, engineSide, op, "agent killed after "+r.URL.Path)
		drop()
	}
	if f == lost {
		drop()
	}
	if copyAnswer(w, resp) != nil && errors.Is(context.Cause(ctx), errStreamCut) {
		p.journal.note(p.agent, engineSide, op, string(eventsCut))
		p.faults.count(engineSide, string(eventsCut))
	}
	if ctx.Err() != nil {
		drop() // an end of the stream would be one of the engine
	}
}

// errStreamCut is the cause of the end of an event stream.
var errStreamCut = errors.New("cut")

// context is the request's. What the agent will not learn of is done to its end, and event streams are cut after a
// while.
func (p *engineProxy) context(r *http.Request, op string, f fault) (context.Context, context.CancelFunc) {
	if f == lost && op != opEvents {
		return context.WithTimeout(context.WithoutCancel(r.Context()), longestSilent)
	}
	if op == opEvents {
		if lasts, cut := p.stream(); cut {
			return context.WithTimeoutCause(r.Context(), lasts, errStreamCut)
		}
	}
	return context.WithCancel(r.Context())
}

func (p *engineProxy) forward(ctx context.Context, r *http.Request, op string, body []byte) (*http.Response, error) {
	if op == opStart {
		p.starting.RLock()
		defer p.starting.RUnlock()
		// Begun is begun, also when the agent dies meanwhile: it would die in its own start.
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(context.WithoutCancel(ctx), longestSilent)
		defer stop()
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, "http://engine"+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = r.Header.Clone()
	resp, err := p.client.Do(req)
	if err != nil || op != opStart {
		return resp, err
	}
	// The context of a start ends here, so the short answer is read here.
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(text))
	return resp, err
}

// copyAnswer copies an answer as it comes.
func copyAnswer(w http.ResponseWriter, resp *http.Response) error {
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	control := http.NewResponseController(w)
	_ = control.Flush() // the stream of events has a header long before its first event
	buffer := make([]byte, 32<<10)
	for {
		n, err := resp.Body.Read(buffer)
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return err
			}
			_ = control.Flush()
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// restarting lets no start begin, and waits for those that have begun, while do ends the engine.
func restarting(starting *sync.RWMutex, do func() error) error {
	starting.Lock()
	defer starting.Unlock()
	return do()
}
