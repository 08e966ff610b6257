package stub

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"
)

// filterSet has a request's filters, in either of the two forms that clients write.
type filterSet map[string][]string

func readFilters(query url.Values, known ...string) (filterSet, error) {
	text := query.Get("filters")
	if text == "" {
		return nil, nil
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return nil, err
	}
	read := filterSet{}
	for name, values := range raw {
		var list []string
		var set map[string]bool
		if err := json.Unmarshal(values, &set); err == nil {
			list = slices.Sorted(maps.Keys(set))
		} else if err := json.Unmarshal(values, &list); err != nil {
			return nil, err
		}
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("Invalid filter '%s'", name) //lint:ignore ST1005 the engine's text
		}
		read[name] = list
	}
	return read, nil
}

// any reports whether one of the filter's values is the given one; a filter that is not set lets all pass.
func (f filterSet) any(name string, matches func(want string) bool) bool {
	return len(f[name]) == 0 || slices.ContainsFunc(f[name], matches)
}

// labels reports whether all of "key" and "key=value" are there.
func (f filterSet) labels(labels map[string]string) bool {
	return !slices.ContainsFunc(f["label"], func(want string) bool {
		key, value, exact := strings.Cut(want, "=")
		found, there := labels[key]
		return !there || exact && found != value
	})
}

// list answers with the running containers, or those that all or a filter of states asks for, the newest first.
func (e *Engine) list(w http.ResponseWriter, req Request) {
	wanted, err := readFilters(req.Query, "id", "label", "name", "status")
	if err != nil {
		message(w, http.StatusBadRequest, err.Error())
		return
	}
	all := isTrue(req.Query.Get("all")) || len(wanted["status"]) > 0
	e.mu.Lock()
	defer e.mu.Unlock()
	found := []*container{}
	for _, c := range e.containers {
		if (all || c.status == running) && wanted.labels(c.labels()) &&
			wanted.any("status", func(want string) bool { return want == c.status }) &&
			wanted.any("id", func(want string) bool { return strings.HasPrefix(c.id, want) }) &&
			wanted.any("name", func(want string) bool { return nameMatches(want, c.name) }) {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(x, y *container) int { return y.createdAt.Compare(x.createdAt) })
	list := []any{}
	for _, c := range found {
		list = append(list, c.summary())
	}
	reply(w, http.StatusOK, list)
}

func nameMatches(want, name string) bool {
	pattern, err := regexp.Compile(want)
	return err == nil && (pattern.MatchString(name) || pattern.MatchString("/"+name))
}

// summary is a container in a list.
func (c *container) summary() map[string]any {
	return map[string]any{
		"Id": c.id, "Names": []string{"/" + c.name}, "Image": c.image(), "ImageID": imageID, "Command": strings.Join(c.command(), " "),
		"Created": c.createdAt.Unix(), "Ports": []any{}, "Labels": c.labels(), "State": c.status, "Status": c.sinceWhen(),
		"HostConfig": map[string]any{"NetworkMode": c.networkMode()}, "NetworkSettings": map[string]any{"Networks": map[string]any{}}, "Mounts": []any{},
	}
}

// sinceWhen is the state as people read it.
func (c *container) sinceWhen() string {
	switch c.status {
	case running:
		return "Up " + units.HumanDuration(time.Since(c.startedAt))
	case exited:
		return fmt.Sprintf("Exited (%d) %s ago", c.exitCode, units.HumanDuration(time.Since(c.finishedAt)))
	}
	return "Created"
}

func (c *container) command() []string {
	given, _ := c.config["Cmd"].([]any)
	words := make([]string, len(given))
	for i := range given {
		words[i], _ = given[i].(string)
	}
	return words
}

func (c *container) networkMode() string {
	host, _ := c.config["HostConfig"].(map[string]any)
	if mode, _ := host["NetworkMode"].(string); mode != "" {
		return mode
	}
	return "default"
}

// inspect is all about a container.
func (e *Engine) inspect(c *container) map[string]any {
	e.mu.Lock()
	defer e.mu.Unlock()
	config := maps.Clone(c.config)
	if config == nil {
		config = map[string]any{}
	}
	delete(config, "HostConfig")
	delete(config, "NetworkingConfig")
	config["Labels"], config["Image"] = c.labels(), c.image()
	host, _ := c.config["HostConfig"].(map[string]any)
	host = maps.Clone(host)
	if host == nil {
		host = map[string]any{}
	}
	host["NetworkMode"] = c.networkMode()
	command := append(c.command(), "")
	pid := 0
	if c.status == running {
		pid = 1
	}
	return map[string]any{
		"Id": c.id, "Created": engineTime(c.createdAt), "Name": "/" + c.name, "Image": imageID, "Path": command[0], "Args": command[1 : max(len(command), 2)-1],
		"State": map[string]any{
			"Status": c.status, "Running": c.status == running, "Paused": false, "Restarting": false, "OOMKilled": c.oomKilled, "Dead": false,
			"Pid": pid, "ExitCode": c.exitCode, "Error": "", "StartedAt": engineTime(c.startedAt), "FinishedAt": engineTime(c.finishedAt),
		},
		"RestartCount": 0, "Platform": "linux", "Config": config, "HostConfig": host, "Mounts": []any{},
		"NetworkSettings": map[string]any{"Networks": map[string]any{}},
	}
}

// engineTime is how the engine writes times, those that have not come as year 1.
func engineTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
