package agent

import (
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// wholeHost is the path above all others.
const wholeHost = "/"

// boundSource is something of the host that a container is to have.
type boundSource struct {
	path string // clean
	said string // for people
}

// forbiddenSource names the first thing in a host_config that binds a denied host path, something below
// it or something above it: whoever has /var has /var/lib. It is empty if there is none.
//
// Paths are compared as they are written. The engine's symbolic links are not known here.
func forbiddenSource(given object, denied string) (string, error) {
	sources, err := boundSources(given)
	if err != nil {
		return "", err
	}
	for _, source := range sources {
		if isBelow(source.path, denied) || isBelow(denied, source.path) {
			return source.said, nil
		}
	}
	return "", nil
}

// boundSources lists the host paths of binds and mounts. A volume that brings options for its driver
// is among them: the local driver binds any path that they name.
func boundSources(given object) ([]boundSource, error) {
	var sources []boundSource
	if v, _ := given.get("binds"); v != nil {
		binds, err := toBinds(v)
		if err != nil {
			return nil, fmt.Errorf("run_config: host_config: binds: %w", err)
		}
		for _, bind := range binds.([]string) {
			if source := bindSource(bind); isHostPath(source) {
				sources = append(sources, boundSource{reach(source), "the bind of " + strconv.Quote(source)})
			}
		}
	}
	v, _ := given.get("mounts")
	mounts, err := readMounts(v)
	if err != nil {
		return nil, fmt.Errorf("run_config: host_config: mounts: %w", err)
	}
	for _, m := range mounts {
		switch {
		case len(m.VolumeOptions.DriverConfig.Options) > 0:
			sources = append(sources, boundSource{wholeHost, "a volume with driver options"})
		case m.Type != "volume" && m.Type != "tmpfs" && m.Type != "image" && m.Type != "cluster":
			sources = append(sources, boundSource{reach(m.Source), "the mount of " + strconv.Quote(m.Source)})
		}
	}
	return sources, nil
}

// mount is what matters here of the Engine API's Mount.
type mount struct {
	Type          string
	Source        string
	VolumeOptions struct {
		DriverConfig struct{ Options map[string]string }
	}
}

// readMounts reads the mounts as the engine's client does, which takes member names in any case.
func readMounts(v any) ([]mount, error) {
	raw, err := json.Marshal(plain(v))
	if err != nil {
		return nil, err
	}
	var mounts []mount
	return mounts, json.Unmarshal(raw, &mounts)
}

// bindSource is the first part of SOURCE:TARGET[:MODE]; of a lone TARGET, it is that.
func bindSource(bind string) string {
	drive, rest := "", bind
	if hasDrive(bind) {
		drive, rest = bind[:2], bind[2:]
	}
	source, _, _ := strings.Cut(rest, ":")
	return drive + source
}

func hasDrive(p string) bool {
	return len(p) >= 3 && p[1] == ':' && isLetter(p[0]|0x20) && (p[2] == '/' || p[2] == '\\')
}

// isHostPath tells a path from the name of a volume. Relative paths are among them: Docker refuses
// them, but other engines need not.
func isHostPath(source string) bool {
	return isAbsolute(source) || source != "" && strings.ContainsRune(".~", rune(source[0]))
}

func isAbsolute(p string) bool {
	return strings.HasPrefix(p, "/") || strings.HasPrefix(p, `\`) || hasDrive(p)
}

// reach is the path that a source gives access to. What may lead anywhere is the whole host: a relative
// path, and /proc with its links to roots and working directories.
func reach(source string) string {
	if !isAbsolute(source) {
		return wholeHost
	}
	if p := cleanHostPath(source); !isBelow(p, "/proc") {
		return p
	}
	return wholeHost
}

// cleanHostPath makes spellings of one absolute path equal.
func cleanHostPath(p string) string {
	if !strings.HasPrefix(p, "/") {
		p = "/" + strings.ToLower(strings.ReplaceAll(p, `\`, "/"))
	}
	p = path.Clean(p)
	if isBelow(p, "/var/run") {
		return strings.TrimPrefix(p, "/var") // a link on every Linux
	}
	return p
}

// isBelow tells whether a path is the directory or in it; both are clean.
func isBelow(p, dir string) bool {
	return dir == wholeHost || p == dir || strings.HasPrefix(p, dir+"/")
}
