package stub

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// replayable is how many past events the engine keeps.
const replayable = 256

// event is a line of /events.
type event struct {
	Status   string `json:"status"`
	ID       string `json:"id"`
	From     string `json:"from"`
	Type     string `json:"Type"`
	Action   string `json:"Action"`
	Actor    actor  `json:"Actor"`
	Scope    string `json:"scope"`
	Time     int64  `json:"time"`
	TimeNano int64  `json:"timeNano"`
}

type actor struct {
	ID         string            `json:"ID"`
	Attributes map[string]string `json:"Attributes"`
}

// stream is a client that reads events; what has not been sent waits in the queue.
type stream struct {
	queue []event
	wake  chan struct{}
	cut   chan struct{}
}

// emit records what happened to a container and tells it to all streams. The engine's lock is held.
func (e *Engine) emit(ctr *container, action string, more map[string]string) {
	attributes := ctr.labels()
	attributes["image"], attributes["name"] = ctr.image(), ctr.name
	maps.Copy(attributes, more)
	now := time.Now()
	ev := event{
		Status: action, ID: ctr.id, From: ctr.image(), Type: "container", Action: action,
		Actor: actor{ID: ctr.id, Attributes: attributes}, Scope: "local", Time: now.Unix(), TimeNano: now.UnixNano(),
	}
	e.recent = append(e.recent, ev)
	e.recent = slices.Delete(e.recent, 0, max(len(e.recent)-replayable, 0))
	for s := range e.streams {
		s.queue = append(s.queue, ev)
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// CutEvents ends all streams of events, as a restart of the engine would.
func (e *Engine) CutEvents() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for s := range e.streams {
		close(s.cut)
		delete(e.streams, s)
	}
}

func (e *Engine) serveEvents(w http.ResponseWriter, r *http.Request, req Request) bool {
	if req.Path != "/events" {
		return false
	}
	wanted, err := readFilters(req.Query, "container", "event", "image", "label", "type")
	if err != nil {
		message(w, http.StatusBadRequest, err.Error())
		return true
	}
	since, err1 := eventTime(req.Query.Get("since"))
	until, err2 := eventTime(req.Query.Get("until"))
	if err1 != nil || err2 != nil {
		message(w, http.StatusBadRequest, "since and until are seconds since 1970")
		return true
	}
	var over <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		over = timer.C
	}
	w.Header().Set("Content-Type", "application/json")
	s := e.subscribe(since)
	defer e.unsubscribe(s)
	lines := json.NewEncoder(w)
	for {
		for _, ev := range e.take(s) {
			if wanted.event(ev) && (until.IsZero() || ev.TimeNano <= until.UnixNano()) && lines.Encode(ev) != nil {
				return true
			}
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-s.wake:
		case <-s.cut:
			return true
		case <-over:
			return true
		case <-r.Context().Done():
			return true
		}
	}
}

func (f filterSet) event(ev event) bool {
	return f.labels(ev.Actor.Attributes) &&
		f.any("type", func(want string) bool { return want == ev.Type }) &&
		f.any("event", func(want string) bool { return want == ev.Action }) &&
		f.any("image", func(want string) bool { return want == ev.From }) &&
		f.any("container", func(want string) bool { return strings.HasPrefix(ev.ID, want) || want == ev.Actor.Attributes["name"] })
}

// subscribe queues what happened since then, unless that is zero.
func (e *Engine) subscribe(since time.Time) *stream {
	s := &stream{wake: make(chan struct{}, 1), cut: make(chan struct{})}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range e.recent {
		if !since.IsZero() && ev.TimeNano >= since.UnixNano() {
			s.queue = append(s.queue, ev)
		}
	}
	if e.streams == nil {
		e.streams = map[*stream]bool{}
	}
	e.streams[s] = true
	return s
}

func (e *Engine) unsubscribe(s *stream) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.streams, s)
}

func (e *Engine) take(s *stream) []event {
	e.mu.Lock()
	defer e.mu.Unlock()
	events := s.queue
	s.queue = nil
	return events
}

// eventTime reads SECONDS[.NANOSECONDS] as clients write it, with nine digits.
func eventTime(text string) (time.Time, error) {
	if text == "" || text == "0" {
		return time.Time{}, nil
	}
	whole, fraction, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	nanos, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	return time.Unix(seconds, nanos), err
}
