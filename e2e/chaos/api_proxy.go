package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// apiProxy stands between one agent and the backend.
type apiProxy struct {
	front
	agent   string
	backend string // URL
	client  http.Client
	faults  *injector
	ambush  *ambush
	journal *journal
	rates   rates
	outage  atomic.Value // outage; how the API is away while it can be reached
}

func newAPIProxy(agent, backend string, faults *injector, a *ambush, j *journal) *apiProxy {
	p := &apiProxy{
		front: front{network: "tcp", address: "127.0.0.1:0"}, agent: agent, backend: backend,
		// A connection of its own per request: one that was cut must not spoil others.
		client: http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: longestSilent},
		faults: faults, ambush: a, journal: j, rates: apiRates,
	}
	p.outage.Store(outage(""))
	p.handler = p
	return p
}

func (p *apiProxy) url() string { return "http://" + p.address }

// ServeHTTP passes a request on, unless something comes between.
func (p *apiProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		drop()
	}
	op := apiOperation(body)
	switch p.outage.Load() {
	case unavailable:
		p.journal.note(p.agent, apiSide, op, "outage: 503")
		text(w, http.StatusServiceUnavailable, "upstream is away\n")
		return
	case silent:
		p.journal.note(p.agent, apiSide, op, "outage: silence")
		wait(r.Context())
	}
	f, delay := p.faults.next(apiSide, p.agent, op, p.rates)
	if p.ambush.pass(moment{apiSide, op, false}) {
		p.journal.note(p.agent, apiSide, op, "agent killed before")
		drop()
	}
	p.before(w, r, op, f, delay)
	if answersItself(f) {
		return
	}
	answer := p.forward(r, body)
	if p.ambush.pass(moment{apiSide, op, true}) {
		p.journal.note(p.agent, apiSide, op, "agent killed after")
		drop()
	}
	p.journal.note(p.agent, apiSide, op, string(f)+" "+answer.outcome())
	p.after(w, r, f, answer)
}

// answersItself tells whether a request with the fault never reaches the backend.
func answersItself(f fault) bool {
	switch f {
	case internal, badGate, noService, tooMany, tooManyIn, html:
		return true
	}
	return false
}

// before plays the faults that need no answer of the backend.
func (p *apiProxy) before(w http.ResponseWriter, r *http.Request, op string, f fault, delay time.Duration) {
	if answersItself(f) || f == cut || f == mute {
		p.journal.note(p.agent, apiSide, op, string(f))
	}
	switch f {
	case cut:
		drop()
	case mute:
		wait(r.Context())
	case delayed:
		sleep(r.Context(), delay)
	case internal:
		text(w, http.StatusInternalServerError, "Internal Server Error\n")
	case badGate:
		text(w, http.StatusBadGateway, page)
	case noService:
		text(w, http.StatusServiceUnavailable, page)
	case tooManyIn:
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
		text(w, http.StatusTooManyRequests, "slow down\n")
	case tooMany:
		text(w, http.StatusTooManyRequests, "slow down\n")
	case html:
		text(w, http.StatusOK, page)
	}
}

// after plays those that spoil the backend's answer, and otherwise passes it on.
func (p *apiProxy) after(w http.ResponseWriter, r *http.Request, f fault, answer *answer) {
	switch f {
	case lost:
		drop()
	case muteAfter:
		wait(r.Context())
	case timeout:
		text(w, http.StatusGatewayTimeout, page)
	case htmlAfter:
		text(w, http.StatusOK, page)
	case truncated:
		answer.body = answer.body[:len(answer.body)/2]
		answer.write(w)
	default:
		answer.write(w)
	}
}

// answer is one of the backend.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// outcome is a short form for the journal.
func (a *answer) outcome() string {
	const most = 200
	return fmt.Sprintf("%d %s", a.status, bytes.TrimSpace(a.body[:min(len(a.body), most)]))
}

func (a *answer) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", a.header.Get("Content-Type"))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // an agent that went away asks again
}

// forward asks the backend. It goes on when the agent dies meanwhile: what was sent was sent.
func (p *apiProxy) forward(r *http.Request, body []byte) *answer {
	req, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, p.backend+r.URL.Path, bytes.NewReader(body))
	if err != nil {
		drop()
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Accept-Encoding") // bodies are cut and noted here
	resp, err := p.client.Do(req)
	if err != nil {
		drop()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		drop()
	}
	return &answer{resp.StatusCode, resp.Header, text}
}

// page is what a gateway says in place of the API.
const page = "<!doctype html><html><head><title>Please wait</title></head><body><h1>Please wait</h1></body></html>\n"

func text(w http.ResponseWriter, status int, body string) {
	kind := "text/plain"
	if body == page {
		kind = "text/html"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// wait does not answer until the client gives up.
func wait(ctx context.Context) {
	sleep(ctx, longestSilent)
	drop()
}

// sleep tells whether it slept to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
