package agent

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// engineAddress is an engine's address as the API client takes it.
type engineAddress struct {
	host  string // unix://PATH, tcp://HOST:PORT[/PATH] or npipe://PATH; of an ssh address, as given
	https bool   // TLS, verified with the system's certificates
	ssh   bool
}

// parseEngineURL reads the forms that docker-py takes as base_url (docker-py 5.0.3 parse_host): the
// number of slashes after unix: does not matter, an address without scheme is a tcp one, ports are
// mandatory. An empty text is the platform's default socket.
func parseEngineURL(raw string, windows bool) (engineAddress, error) {
	text := strings.TrimSpace(raw)
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		scheme, rest = "tcp", text
	}
	bad := func(problem string) (engineAddress, error) {
		return engineAddress{}, fmt.Errorf("engine address %q: %s; use unix:///var/run/docker.sock, tcp://HOST:PORT, "+
			"http://HOST:PORT, https://HOST:PORT, ssh://USER@HOST or, on Windows, npipe:////./pipe/docker_engine", raw, problem)
	}
	switch scheme = strings.ToLower(scheme); {
	case text == "" && windows:
		return engineAddress{host: "npipe:////./pipe/docker_engine"}, nil
	case text == "":
		return engineAddress{host: "unix:///var/run/docker.sock"}, nil
	case scheme == "unix", scheme == "http+unix":
		path := strings.Trim(rest, "/")
		if path == "" {
			path = "var/run/docker.sock"
		}
		return engineAddress{host: "unix:///" + path}, nil
	case scheme == "npipe" && !windows:
		return bad("named pipes exist on Windows only")
	case scheme == "npipe":
		return engineAddress{host: "npipe://" + rest}, nil
	case scheme == "tcp", scheme == "http", scheme == "https", scheme == "ssh":
	default:
		return bad("unknown scheme " + scheme)
	}

	u, err := url.Parse(scheme + "://" + rest)
	if err != nil || u.RawQuery != "" || u.Fragment != "" {
		return bad("not an address")
	}
	if _, password := u.User.Password(); password {
		return engineAddress{}, fmt.Errorf("engine address for %s: a password has no use there; leave it out", u.Host)
	}
	if scheme == "ssh" {
		if u.Hostname() == "" {
			return bad("host missing")
		}
		return engineAddress{host: u.String(), ssh: true}, nil
	}
	host, port := u.Hostname(), u.Port()
	switch {
	case strings.HasPrefix(rest, "/"):
		return bad("host missing")
	case port == "":
		return bad("port missing")
	case !isPort(port):
		return bad("no port has that number")
	case host == "":
		host = "127.0.0.1"
	}
	path := strings.TrimRight(u.Path, "/")
	return engineAddress{host: "tcp://" + net.JoinHostPort(host, port) + path, https: scheme == "https"}, nil
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}
