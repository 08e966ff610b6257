package stub

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
)

type container struct {
	id      string
	name    string
	config  map[string]any // the body of the request that created it
	started bool
	ended   chan struct{}
}

// Containers counts the containers that were started and not removed.
func (e *Engine) Containers() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, c := range e.containers {
		if c.started {
			n++
		}
	}
	return n
}

// containerID is that of the nth container; the same in every engine, so that records can be compared.
func containerID(n int) string {
	sum := sha256.Sum256(fmt.Append(nil, n))
	return hex.EncodeToString(sum[:])
}

func (e *Engine) serveContainers(w http.ResponseWriter, r *http.Request, req Request) bool {
	switch {
	case req.Path == "/containers/create":
		e.create(w, req)
		return true
	case req.Path == "/containers/json":
		e.list(w)
		return true
	case !strings.HasPrefix(req.Path, "/containers/"):
		return false
	}
	id, action, _ := strings.Cut(strings.TrimPrefix(req.Path, "/containers/"), "/")
	ctr := e.container(id)
	if ctr == nil {
		message(w, http.StatusNotFound, "No such container: "+id)
		return true
	}
	switch {
	case req.Method == http.MethodDelete:
		e.remove(ctr)
		w.WriteHeader(http.StatusNoContent)
	case action == "start":
		e.mu.Lock()
		ctr.started = true
		e.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	case action == "kill", action == "stop":
		e.remove(ctr)
		w.WriteHeader(http.StatusNoContent)
	case action == "wait":
		w.Header().Set("Content-Type", "application/json")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-ctr.ended:
			reply(w, http.StatusOK, map[string]any{"StatusCode": 0})
		case <-r.Context().Done():
		}
	case action == "logs":
		_ = http.NewResponseController(w).Flush()
		select {
		case <-ctr.ended:
		case <-r.Context().Done():
		}
	case action == "json":
		reply(w, http.StatusOK, map[string]any{
			"Id": ctr.id, "Name": "/" + ctr.name, "Config": ctr.config, "State": map[string]any{"Status": "running", "Running": true},
		})
	default:
		return false
	}
	return true
}

func (e *Engine) create(w http.ResponseWriter, req Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	name := req.Query.Get("name")
	if owner, taken := e.names[name]; taken && name != "" {
		message(w, http.StatusConflict, fmt.Sprintf(`Conflict. The container name "/%s" is already in use by container "%s". `+
			`You have to remove (or rename) that container to be able to reuse that name.`, name, owner))
		return
	}
	if e.containers == nil {
		e.containers, e.names = map[string]*container{}, map[string]string{}
	}
	e.count++
	ctr := &container{id: containerID(e.count), name: name, config: req.Body, ended: make(chan struct{})}
	e.containers[ctr.id] = ctr
	e.names[name] = ctr.id
	reply(w, http.StatusCreated, map[string]any{"Id": ctr.id, "Warnings": []string{}})
}

func (e *Engine) list(w http.ResponseWriter) {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := []any{}
	for _, c := range e.containers {
		list = append(list, map[string]any{
			"Id": c.id, "Names": []string{"/" + c.name}, "State": "running", "Labels": c.config["Labels"], "Image": c.config["Image"],
		})
	}
	reply(w, http.StatusOK, list)
}

// container finds a container by id or name.
func (e *Engine) container(id string) *container {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.containers[id]; c != nil {
		return c
	}
	return e.containers[e.names[id]]
}

// remove ends a container; agents create theirs so that the engine removes them when they end.
func (e *Engine) remove(ctr *container) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.containers[ctr.id] == nil {
		return
	}
	delete(e.containers, ctr.id)
	delete(e.names, ctr.name)
	close(ctr.ended)
}
