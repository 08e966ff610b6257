package agent

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestEngineURLForms(t *testing.T) {
	for raw, want := range map[string]engineAddress{
		"":                             {host: "unix:///var/run/docker.sock"},
		"unix://":                      {host: "unix:///var/run/docker.sock"},
		"unix://var/run/docker.sock":   {host: "unix:///var/run/docker.sock"},
		"unix:///var/run/docker.sock":  {host: "unix:///var/run/docker.sock"},
		"unix://some/Other.sock":       {host: "unix:///some/Other.sock"},
		"unix:///with space/d.sock":    {host: "unix:///with space/d.sock"},
		"http+unix://var/run/d.sock":   {host: "unix:///var/run/d.sock"},
		"tcp://box:2375":               {host: "tcp://box:2375"},
		"TCP://box:2375":               {host: "tcp://box:2375"},
		" tcp://box:2375/ ":            {host: "tcp://box:2375"},
		"tcp://:2375":                  {host: "tcp://127.0.0.1:2375"},
		"tcp://[::1]:2375":             {host: "tcp://[::1]:2375"},
		"box:2375":                     {host: "tcp://box:2375"},
		"127.0.0.1:2375":               {host: "tcp://127.0.0.1:2375"},
		":2375":                        {host: "tcp://127.0.0.1:2375"},
		"http://box:2375":              {host: "tcp://box:2375"},
		"http://box:80/engine":         {host: "tcp://box:80/engine"},
		"https://box:2376":             {host: "tcp://box:2376", https: true},
		"ssh://me@box":                 {host: "ssh://me@box", ssh: true},
		"ssh://me@box:2222":            {host: "ssh://me@box:2222", ssh: true},
		"ssh://me@box/run/docker.sock": {host: "ssh://me@box/run/docker.sock", ssh: true},
	} {
		got, err := parseEngineURL(raw, false)
		assert.Check(t, err, "%q", raw)
		assert.Check(t, is.Equal(got, want), "%q", raw)
	}
}

func TestEngineURLFormsOnWindows(t *testing.T) {
	for raw, want := range map[string]string{
		"":                               "npipe:////./pipe/docker_engine",
		"npipe:////./pipe/docker_engine": "npipe:////./pipe/docker_engine",
		"npipe:////./pipe/podman":        "npipe:////./pipe/podman",
		"tcp://box:2375":                 "tcp://box:2375",
	} {
		got, err := parseEngineURL(raw, true)
		assert.Check(t, err, "%q", raw)
		assert.Check(t, is.Equal(got.host, want), "%q", raw)
	}
}

func TestABadEngineURLIsNamedWithTheFormsThereAre(t *testing.T) {
	for raw, problem := range map[string]string{
		"fd://":                          "unknown scheme fd",
		"udp://box:1":                    "unknown scheme udp",
		"npipe:////./pipe/docker_engine": "named pipes exist on Windows only",
		"/var/run/docker.sock":           "host missing",
		"tcp://":                         "port missing",
		"tcp:///path":                    "host missing",
		"box":                            "port missing",
		"tcp://box":                      "port missing",
		"http://box":                     "port missing",
		"https://box":                    "port missing",
		"tcp://box:0":                    "no port has that number",
		"tcp://box:70000":                "no port has that number",
		"tcp://box:http":                 "not an address",
		"tcp://box:1?x=y":                "not an address",
		"tcp://box:1#x":                  "not an address",
		"tcp://[::1":                     "not an address",
		"ssh://":                         "host missing",
	} {
		_, err := parseEngineURL(raw, false)
		assert.Check(t, is.ErrorContains(err, problem), raw)
		assert.Check(t, is.ErrorContains(err, `engine address "`+raw+`": `), raw)
		assert.Check(t, is.ErrorContains(err, "unix:///var/run/docker.sock, tcp://HOST:PORT"), raw)
		assert.Check(t, !strings.Contains(err.Error(), "\n"), raw)
	}
}

func TestAPasswordInAnEngineURLIsNotRepeated(t *testing.T) {
	for _, raw := range []string{"tcp://me:hunter2@box:2375", "ssh://me:hunter2@box"} {
		_, err := NewDockerFromURL(raw, nil, DockerOptions{})
		assert.ErrorContains(t, err, "box")
		assert.Check(t, !strings.Contains(err.Error(), "hunter2"))
	}
}

func TestSSHAddressesGoThroughTheDialer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", "1.41") }))
	defer server.Close()
	var dialled string
	dialer := func(address string) (func(context.Context, string, string) (net.Conn, error), error) {
		dialled = address
		return func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
		}, nil
	}
	docker, err := NewDockerFromURL("ssh://me@box", dialer, DockerOptions{})
	assert.NilError(t, err)
	assert.Equal(t, dialled, "ssh://me@box")
	assert.NilError(t, docker.Ping(t.Context()))

	_, err = NewDockerFromURL("ssh://me@box", nil, DockerOptions{})
	assert.Error(t, err, `engine address "ssh://me@box": ssh is not available here`)
}
