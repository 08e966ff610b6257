package stub

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
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

// Engine is a Docker Engine 20.10 that does at once what it is asked. Containers run until they are
// killed or removed. The zero value serves; set fields before the first request.
type Engine struct {
	OnRequest func(Request)          // is told of each request before it is answered; may be nil
	Refuse    func(Request) *Refusal // may be nil, and may return nil
	PullError string                 // ends every pull's progress, behind status 200

	mu         sync.Mutex
	containers map[string]*container // by id
	names      map[string]string     // name to id
	volumes    map[string]bool
	count      int
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
	case e.serveInfo(w, req), e.serveImages(w, req), e.serveContainers(w, r, req), e.serveNetworks(w, req), e.serveVolumes(w, req):
	case req.Path == "/events":
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	default:
		message(w, http.StatusNotFound, "page not found")
	}
}

func message(w http.ResponseWriter, status int, text string) {
	reply(w, status, map[string]string{"message": text})
}

func (e *Engine) serveInfo(w http.ResponseWriter, r Request) bool {
	switch r.Path {
	case "/_ping":
		_, _ = io.WriteString(w, "OK")
	case "/version":
		reply(w, http.StatusOK, map[string]any{
			"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12", "Os": "linux", "Arch": "amd64",
			"Platform": map[string]string{"Name": ""}, "Components": []any{},
		})
	case "/info":
		reply(w, http.StatusOK, map[string]any{
			"ID": "STUB", "Name": "stub", "ServerVersion": "20.10.24", "OSType": "linux", "Architecture": "x86_64", "NCPU": 2,
		})
	default:
		return false
	}
	return true
}

func (e *Engine) serveImages(w http.ResponseWriter, r Request) bool {
	switch {
	case r.Path == "/images/create":
		_, _ = io.WriteString(w, `{"status":"Pulling from `+r.Query.Get("fromImage")+`"}`+"\r\n")
		_ = http.NewResponseController(w).Flush() // docker-py takes only a chunked answer for a stream
		if e.PullError != "" {
			_ = json.NewEncoder(w).Encode(map[string]any{"error": e.PullError, "errorDetail": map[string]string{"message": e.PullError}})
			return true
		}
		_, _ = io.WriteString(w, `{"status":"Status: Image is up to date"}`+"\r\n")
	case r.Path == "/images/json":
		reply(w, http.StatusOK, []any{})
	case strings.HasPrefix(r.Path, "/images/") && strings.HasSuffix(r.Path, "/json"):
		reply(w, http.StatusOK, map[string]any{"Id": "sha256:" + strings.Repeat("1", 64), "RepoTags": []string{}})
	default:
		return false
	}
	return true
}

func (e *Engine) serveNetworks(w http.ResponseWriter, r Request) bool {
	switch {
	case r.Path == "/networks":
		reply(w, http.StatusOK, []any{})
	case strings.HasPrefix(r.Path, "/networks/") && strings.HasSuffix(r.Path, "/connect"):
		w.WriteHeader(http.StatusOK)
	case strings.HasPrefix(r.Path, "/networks/"):
		name := strings.TrimPrefix(r.Path, "/networks/")
		reply(w, http.StatusOK, map[string]any{
			"Name": name, "Id": strings.Repeat("2", 64), "Driver": "bridge",
			"IPAM": map[string]any{"Config": []any{map[string]string{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}}},
		})
	default:
		return false
	}
	return true
}

func (e *Engine) serveVolumes(w http.ResponseWriter, r Request) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case r.Path == "/volumes/create":
		name, _ := r.Body["Name"].(string)
		if e.volumes == nil {
			e.volumes = map[string]bool{}
		}
		e.volumes[name] = true
		reply(w, http.StatusCreated, map[string]any{"Name": name, "Driver": "local", "Mountpoint": "/var/lib/docker/volumes/" + name})
	case strings.HasPrefix(r.Path, "/volumes/"):
		name := strings.TrimPrefix(r.Path, "/volumes/")
		if !e.volumes[name] {
			message(w, http.StatusNotFound, "get "+name+": no such volume")
			return true
		}
		reply(w, http.StatusOK, map[string]any{"Name": name, "Driver": "local"})
	default:
		return false
	}
	return true
}
