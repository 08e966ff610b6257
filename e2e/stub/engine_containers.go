package stub

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

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
		e.list(w, req)
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
		accept(w, e.remove(ctr, isTrue(req.Query.Get("force"))))
	case action == "start":
		status := http.StatusNoContent
		if !e.start(ctr) {
			status = http.StatusNotModified
		}
		w.WriteHeader(status)
	case action == "kill":
		accept(w, e.kill(ctr, req.Query.Get("signal")))
	case action == "stop":
		w.WriteHeader(e.stop(ctr))
	case action == "wait":
		e.wait(w, r, ctr)
	case action == "logs":
		e.logs(w, r, ctr)
	case action == "json":
		reply(w, http.StatusOK, e.inspect(ctr))
	default:
		return false
	}
	return true
}

// accept answers with 204 unless there is a refusal.
func accept(w http.ResponseWriter, refusal *Refusal) {
	if refusal != nil {
		message(w, refusal.Status, refusal.Message)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// isTrue reads a parameter as the engine does.
func isTrue(value string) bool {
	return !slices.Contains([]string{"", "0", "no", "false", "none"}, strings.ToLower(strings.TrimSpace(value)))
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
	ctr := &container{
		id: containerID(e.count), name: name, config: req.Body, status: created, createdAt: time.Now(),
		ended: make(chan struct{}), removed: make(chan struct{}),
	}
	if name == "" {
		ctr.name = fmt.Sprintf("unnamed-%d", e.count)
	}
	e.containers[ctr.id] = ctr
	e.names[ctr.name] = ctr.id
	e.emit(ctr, "create", nil)
	reply(w, http.StatusCreated, map[string]any{"Id": ctr.id, "Warnings": []string{}})
}

// container finds a container by id, the beginning of its id, or name.
func (e *Engine) container(id string) *container {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.containers[id]; c != nil {
		return c
	}
	if c := e.containers[e.names[strings.TrimPrefix(id, "/")]]; c != nil {
		return c
	}
	var found *container
	for full, c := range e.containers {
		if strings.HasPrefix(full, id) {
			if found != nil {
				return nil
			}
			found = c
		}
	}
	return found
}

// wait answers when the container has ended, or was removed.
func (e *Engine) wait(w http.ResponseWriter, r *http.Request, ctr *container) {
	condition := r.URL.Query().Get("condition")
	e.mu.Lock()
	ended, removed, over := ctr.ended, ctr.removed, ctr.status != running
	e.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = http.NewResponseController(w).Flush()
	switch {
	case condition == "removed":
		ended = nil
	case condition != "next-exit" && over:
		closed := make(chan struct{})
		close(closed)
		ended = closed
	}
	select {
	case <-ended:
	case <-removed:
	case <-r.Context().Done():
		return
	}
	e.mu.Lock()
	code := ctr.exitCode
	e.mu.Unlock()
	_ = json.NewEncoder(w).Encode(map[string]any{"Error": nil, "StatusCode": code})
}
