package stub

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"sync"
)

// Request is what a client asked of the engine.
type Request struct {
	Method string
	Path   string // without the API version, such as "/containers/create"
	Query  url.Values
	Header http.Header
	Body   map[string]any // nil without a JSON object
}

// Changes reports whether the request asks for more than information.
func (r Request) Changes() bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// Refusal makes the engine answer a request with an error.
type Refusal struct {
	Status  int
	Message string
}

// Engine is a Docker Engine 20.10 that does at once what it is asked. The zero value serves; set fields
// before the first request.
type Engine struct {
	OnRequest func(Request)          // is told of each request before it is answered; may be nil
	Refuse    func(Request) *Refusal // may be nil, and may return nil
	PullError string                 // ends every pull's progress, behind status 200

	// Life tells how a container goes, each time it is started; config is the request that created it.
	// nil: all run until they are ended.
	Life func(name string, config map[string]any) Life

	mu         sync.Mutex
	containers map[string]*container // by id
	names      map[string]string     // name to id
	volumes    map[string]bool
	count      int
	recent     []event // what since can replay
	streams    map[*stream]bool
}

// Listen serves on a unix socket until the listener is closed.
func (e *Engine) Listen(socket string) (net.Listener, error) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", socket, err)
	}
	go func() { _ = http.Serve(l, e) }() // ends with the listener's error
	return l, nil
}

var versionPrefix = regexp.MustCompile(`^/v1\.\d+/`)

// ServeHTTP speaks Docker's API, version 1.41.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Header: r.Header}
	if prefix := versionPrefix.FindString(req.Path); prefix != "" {
		req.Path = req.Path[len(prefix)-1:]
	}
	if text, err := io.ReadAll(r.Body); err == nil && len(text) > 0 {
		_ = json.Unmarshal(text, &req.Body) // what is no object stays out of the record
	}
	if e.OnRequest != nil {
		e.OnRequest(req)
	}
	if e.Refuse != nil {
		if refusal := e.Refuse(req); refusal != nil {
			message(w, refusal.Status, refusal.Message)
			return
		}
	}
	w.Header().Set("Api-Version", "1.41")
	w.Header().Set("Ostype", "linux")
	switch {
	case e.serveInfo(w, req), e.serveImages(w, req), e.serveContainers(w, r, req), e.serveEvents(w, r, req), e.serveNetworks(w, req), e.serveVolumes(w, req):
	default:
		message(w, http.StatusNotFound, "page not found")
	}
}

func message(w http.ResponseWriter, status int, text string) {
	reply(w, status, map[string]string{"message": text})
}
