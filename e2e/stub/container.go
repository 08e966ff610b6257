package stub

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Life is how a container goes once it is started.
type Life struct {
	For       time.Duration // until it ends by itself; 0: it runs until it is ended
	ExitCode  int           // of that end
	OOMKilled bool          // what the engine says about that end
	Output    string        // is written to stdout at the start
	Ending    func()        // is called just before that end, such as to finish its flow run; may be nil
}

const (
	created = "created"
	running = "running"
	exited  = "exited"
)

// container is guarded by the engine's lock.
type container struct {
	id         string
	name       string
	config     map[string]any // the body of the request that created it
	status     string
	life       Life
	exitCode   int
	oomKilled  bool
	createdAt  time.Time
	startedAt  time.Time
	finishedAt time.Time
	starts     int
	timer      *time.Timer   // ends it by itself; may be nil
	ended      chan struct{} // is closed at the next end
	removed    chan struct{}
}

func (c *container) labels() map[string]string {
	labels := map[string]string{}
	given, _ := c.config["Labels"].(map[string]any)
	for key, value := range given {
		labels[key], _ = value.(string)
	}
	return labels
}

func (c *container) image() string {
	image, _ := c.config["Image"].(string)
	return image
}

// autoRemove reports whether the engine removes the container when it ends.
func (c *container) autoRemove() bool {
	host, _ := c.config["HostConfig"].(map[string]any)
	auto, _ := host["AutoRemove"].(bool)
	return auto
}

// Containers counts the containers that are there, in whatever state.
func (e *Engine) Containers() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.containers)
}

// Running counts the containers that run.
func (e *Engine) Running() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, c := range e.containers {
		if c.status == running {
			n++
		}
	}
	return n
}

// start reports whether the container was not running.
func (e *Engine) start(ctr *container) bool {
	var life Life
	if e.Life != nil {
		life = e.Life(ctr.name, ctr.config)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if ctr.status == running {
		return false
	}
	ctr.status, ctr.life, ctr.startedAt, ctr.finishedAt = running, life, time.Now(), time.Time{}
	ctr.exitCode, ctr.oomKilled = 0, false
	ctr.starts++
	e.emit(ctr, "start", nil)
	if life.For > 0 {
		start := ctr.starts
		ctr.timer = time.AfterFunc(life.For, func() { e.endByItself(ctr, start) })
	}
	return true
}

// endByItself is for the timer of one start: the container may have been ended, and started again, meanwhile.
func (e *Engine) endByItself(ctr *container, start int) {
	e.mu.Lock()
	ending, over := ctr.life.Ending, ctr.status != running || ctr.starts != start
	e.mu.Unlock()
	if over {
		return
	}
	if ending != nil {
		ending() // may ask the engine
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if ctr.status != running || ctr.starts != start {
		return
	}
	if ctr.life.OOMKilled {
		ctr.oomKilled = true
		e.emit(ctr, "oom", nil)
	}
	e.end(ctr, ctr.life.ExitCode, "")
}

// signal ends a running container; then is the event that follows, if any.
func (e *Engine) signal(ctr *container, number int, then string) {
	e.emit(ctr, "kill", map[string]string{"signal": fmt.Sprint(number)})
	e.end(ctr, 128+number, then)
}

func (e *Engine) end(ctr *container, exitCode int, then string) {
	if ctr.timer != nil {
		ctr.timer.Stop()
		ctr.timer = nil
	}
	ctr.status, ctr.exitCode, ctr.finishedAt = exited, exitCode, time.Now()
	e.emit(ctr, "die", map[string]string{"exitCode": fmt.Sprint(exitCode)})
	if then != "" {
		e.emit(ctr, then, nil)
	}
	close(ctr.ended)
	ctr.ended = make(chan struct{})
	if ctr.autoRemove() {
		e.forget(ctr)
	}
}

// forget takes a container away that does not run.
func (e *Engine) forget(ctr *container) {
	delete(e.containers, ctr.id)
	delete(e.names, ctr.name)
	e.emit(ctr, "destroy", nil)
	close(ctr.removed)
}

// stop answers with 304 for a container that does not run. The stub's programs heed SIGTERM at once.
func (e *Engine) stop(ctr *container) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if ctr.status != running {
		return http.StatusNotModified
	}
	e.signal(ctr, signals["TERM"], "stop")
	return http.StatusNoContent
}

// signals are those that end a program, by number.
var signals = map[string]int{"HUP": 1, "INT": 2, "QUIT": 3, "KILL": 9, "TERM": 15}

func signalNumber(name string) (int, bool) {
	if name == "" {
		name = "KILL"
	}
	for known, number := range signals {
		if strings.TrimPrefix(strings.ToUpper(name), "SIG") == known || name == fmt.Sprint(number) {
			return number, true
		}
	}
	return 0, false
}

func (e *Engine) kill(ctr *container, signal string) *Refusal {
	number, known := signalNumber(signal)
	if !known {
		return &Refusal{http.StatusBadRequest, "Invalid signal: " + signal}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if ctr.status != running {
		return &Refusal{http.StatusConflict, fmt.Sprintf("Cannot kill container: %s: Container %[1]s is not running", ctr.id)}
	}
	e.signal(ctr, number, "")
	return nil
}

// remove takes a container away, after it has killed it where force says so.
func (e *Engine) remove(ctr *container, force bool) *Refusal {
	e.mu.Lock()
	defer e.mu.Unlock()
	if ctr.status == running {
		if !force {
			return &Refusal{http.StatusConflict, "You cannot remove a running container " + ctr.id +
				". Stop the container before attempting removal or force remove"}
		}
		e.signal(ctr, signals["KILL"], "")
	}
	if e.containers[ctr.id] != nil { // not where auto-remove was faster
		e.forget(ctr)
	}
	return nil
}
