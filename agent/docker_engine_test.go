//go:build e2e

package agent

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// registry is a container registry in memory, as little of one as an engine pulls from. The engine must
// be on this machine: to engines, registries on loopback addresses may do without TLS.
type registry struct {
	*httptest.Server
	credentials string // user:password that it asks for; empty: none
	contents    map[string][]byte
}

func newRegistry(t *testing.T) *registry {
	t.Helper()
	r := &registry{contents: map[string][]byte{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	user, password, _ := req.BasicAuth()
	if r.credentials != "" && user+":"+password != r.credentials {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	content, there := r.contents[strings.TrimPrefix(req.URL.Path, "/v2/")]
	if !there && req.URL.Path != "/v2/" {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`))
		return
	}
	if strings.Contains(req.URL.Path, "/manifests/") {
		w.Header().Set("Content-Type", "application/vnd.docker.distribution.manifest.v2+json")
		w.Header().Set("Docker-Content-Digest", digest(content))
	}
	_, _ = w.Write(content)
}

func digest(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

// host is the registry's part of image names.
func (r *registry) host() string { return strings.TrimPrefix(r.URL, "http://") }

// push makes an image of one file and returns the reference without a tag, and the digest.
func (r *registry) push(t *testing.T, name, tag string, file []byte, entrypoint string) (ref, manifestDigest string) {
	t.Helper()
	var layer, zipped bytes.Buffer
	files := tar.NewWriter(&layer)
	assert.NilError(t, files.WriteHeader(&tar.Header{Name: "container", Mode: 0o755, Size: int64(len(file))}))
	_, err := files.Write(file)
	assert.NilError(t, err)
	assert.NilError(t, files.WriteHeader(&tar.Header{Name: "data", Mode: 0o755, Typeflag: tar.TypeDir}))
	assert.NilError(t, files.Close())
	zip := gzip.NewWriter(&zipped)
	_, err = zip.Write(layer.Bytes())
	assert.NilError(t, err)
	assert.NilError(t, zip.Close())

	config := encode(t, map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": []string{entrypoint}, "Env": []string{"IMAGE=set", "GONE=set"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest(layer.Bytes())}},
	})
	manifest := encode(t, map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
		"config": descriptor("application/vnd.docker.container.image.v1+json", config),
		"layers": []any{descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", zipped.Bytes())},
	})
	for path, content := range map[string][]byte{
		"/manifests/" + tag: manifest, "/manifests/" + digest(manifest): manifest,
		"/blobs/" + digest(config): config, "/blobs/" + digest(zipped.Bytes()): zipped.Bytes(),
	} {
		r.contents[name+path] = content
	}
	return r.host() + "/" + name, digest(manifest)
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	assert.NilError(t, err)
	return text
}

func descriptor(mediaType string, content []byte) map[string]any {
	return map[string]any{"mediaType": mediaType, "size": len(content), "digest": digest(content)}
}

// containerProgram is what runs in the containers of these tests.
func containerProgram(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "container")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", path, "./testdata/container")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	out, err := build.CombinedOutput()
	assert.NilError(t, err, "%s", out)
	program, err := os.ReadFile(path)
	assert.NilError(t, err)
	return program
}

// realEngine is the engine of DOCKER_HOST, or the default one.
func realEngine(t *testing.T, opts DockerOptions) *Docker {
	t.Helper()
	docker, err := NewDockerFromURL(os.Getenv("DOCKER_HOST"), nil, opts)
	assert.NilError(t, err)
	assert.NilError(t, docker.Ping(t.Context()), "these tests need a Docker Engine")
	return docker
}

// forget removes an object of the engine after the test.
func forget(t *testing.T, d *Docker, path string) {
	t.Helper()
	t.Cleanup(func() {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodDelete, "http://engine"+path, nil)
		assert.NilError(t, err)
		response, err := d.api.HTTPClient().Do(request)
		assert.NilError(t, err)
		assert.NilError(t, response.Body.Close())
	})
}

// pulled returns an image on the engine whose containers do what their arguments say.
func pulled(t *testing.T, d *Docker) string {
	t.Helper()
	ref, _ := newRegistry(t).push(t, "team/flow", "1", containerProgram(t), "/container")
	assert.NilError(t, d.Pull(t.Context(), ref+":1", nil))
	forget(t, d, "/images/"+ref+":1?force=1")
	return ref + ":1"
}

// noNetwork spares tests what they are not about.
func noNetwork() map[string]any { return map[string]any{"NetworkMode": "none"} }

func unique(t *testing.T) string {
	return fmt.Sprintf("%s-%d", t.Name(), time.Now().UnixNano())
}

func newContainer(t *testing.T, d *Docker, spec Spec) string {
	t.Helper()
	id, err := d.Create(t.Context(), spec)
	assert.NilError(t, err)
	t.Cleanup(func() { assert.Check(t, d.Remove(context.Background(), id)) })
	return id
}

// run starts a created container and returns its output and exit code.
func run(t *testing.T, d *Docker, id string) (output string, code int) {
	t.Helper()
	assert.NilError(t, d.Start(t.Context(), id))
	var out bytes.Buffer
	assert.NilError(t, d.Logs(t.Context(), id, LogsOptions{Follow: true}, &out))
	for deadline := time.Now().Add(20 * time.Second); ; { // the log ends a little before the container
		found, err := d.Inspect(t.Context(), id)
		assert.NilError(t, err)
		if found.hasEnded() {
			return out.String(), found.ExitCode
		}
		assert.Assert(t, time.Now().Before(deadline), "it goes on")
	}
}

func TestEngineIntroducesItself(t *testing.T) {
	d := realEngine(t, DockerOptions{})
	info, err := d.Info(t.Context())
	assert.NilError(t, err)
	assert.Check(t, info.Name != "" && info.Version != "" && info.APIVersion != "", "%+v", info)
	assert.Check(t, is.Equal(info.OSType, "linux"))

	gateway, err := d.BridgeGateway(t.Context())
	assert.NilError(t, err)
	addresses, err := net.InterfaceAddrs()
	assert.NilError(t, err)
	assert.Check(t, is.Contains(fmt.Sprint(addresses), gateway+"/"))
}

func TestEnginePullsByTagAndDigest(t *testing.T) {
	d := realEngine(t, DockerOptions{})
	r := newRegistry(t)
	ref, manifest := r.push(t, "team/flow", "latest", []byte("v1"), "/container")
	for _, image := range []string{ref, ref + ":latest", ref + "@" + manifest} {
		var seen []PullProgress
		assert.NilError(t, d.Pull(t.Context(), image, func(p PullProgress) { seen = append(seen, p) }))
		assert.Check(t, len(seen) > 1, image)
		assert.Check(t, is.Contains(seen[len(seen)-1].Status, "Status: "), image)
		newContainer(t, d, Spec{Image: image})
	}
	forget(t, d, "/images/"+ref+":latest?force=1")
	forget(t, d, "/images/"+ref+"@"+manifest+"?force=1")
}

func TestEnginePullFailsWithTheRegistrysReason(t *testing.T) {
	d := realEngine(t, DockerOptions{})
	r := newRegistry(t)
	ref, _ := r.push(t, "team/flow", "1", []byte("v1"), "/container")
	assert.ErrorContains(t, d.Pull(t.Context(), ref+":2", nil), `pull image "`+ref+`:2": manifest unknown`)

	// This one comes in the stream, long after the status.
	for path := range r.contents {
		if strings.Contains(path, "/blobs/") {
			r.contents[path] = []byte("not what the digest says")
		}
	}
	err := d.Pull(t.Context(), ref+":1", nil)
	assert.ErrorContains(t, err, `pull image "`+ref+`:1": `)
	_, err = d.Create(t.Context(), Spec{Image: ref + ":1"})
	assert.Check(t, errdefs.IsNotFound(err), err)

	closed := newRegistry(t)
	closed.Close()
	assert.ErrorContains(t, d.Pull(t.Context(), closed.host()+"/team/flow", nil), "connection refused")
}

func TestEnginePullUsesTheCredentialsOfTheMoment(t *testing.T) {
	password := "old"
	d := realEngine(t, DockerOptions{RegistryAuth: func(string) (string, error) {
		return base64.URLEncoding.EncodeToString([]byte(`{"username":"me","password":"` + password + `"}`)), nil
	}})
	r := newRegistry(t)
	r.credentials = "me:new"
	ref, _ := r.push(t, "team/flow", "1", []byte("v1"), "/container")
	assert.ErrorContains(t, d.Pull(t.Context(), ref+":1", nil), "unauthorized")
	password = "new"
	assert.NilError(t, d.Pull(t.Context(), ref+":1", nil))
	forget(t, d, "/images/"+ref+":1?force=1")
}

func TestEngineRunsAContainerAsSpecified(t *testing.T) {
	d := realEngine(t, DockerOptions{})
	image, name := pulled(t, d), unique(t)
	for _, volume := range []string{name, name} { // the second time it exists
		assert.NilError(t, d.EnsureVolume(t.Context(), volume))
	}
	for _, network := range []string{name + "-1", name + "-2"} {
		response, err := d.api.HTTPClient().Post("http://engine/networks/create", "application/json", strings.NewReader(`{"Name":"`+network+`"}`))
		assert.NilError(t, err)
		assert.NilError(t, response.Body.Close())
		forget(t, d, "/networks/"+network)
	}
	forget(t, d, "/volumes/"+name)
	spec := Spec{
		Name: name, Image: image,
		Command:      []string{"out=hello", "err=warning", "env=A", "env=GONE", "env=IMAGE", "write=/data/f", "interfaces", "exit=3"},
		Env:          []string{"A=1", "A=2", "GONE"},
		Labels:       map[string]string{labelFlowRunID: name},
		MountPoints:  []string{"/data", "/anonymous"},
		ExposedPorts: []string{"8080/tcp"},
		HostConfig: map[string]any{
			"Binds": []string{name + ":/data:rw"}, "Memory": 64 << 20, "NetworkMode": "default", "ExtraHosts": []string{"host.docker.internal:host-gateway"},
		},
		Networks: []string{name + "-1", name + "-2"},
	}
	id := newContainer(t, d, spec)
	assert.NilError(t, d.Connect(t.Context(), name+"-2", id))

	made, err := d.api.ContainerInspect(t.Context(), id)
	assert.NilError(t, err)
	assert.Check(t, is.Equal(made.Name, "/"+name))
	assert.Check(t, is.Equal(made.Config.Labels[labelFlowRunID], name))
	assert.Check(t, is.Equal(made.HostConfig.Memory, int64(64<<20)))
	assert.Check(t, is.Len(made.Config.ExposedPorts, 1))
	assert.Check(t, is.Len(made.NetworkSettings.Networks, 2), "not the default bridge")
	assert.Check(t, is.Len(made.Mounts, 2))

	output, code := run(t, d, id)
	assert.Equal(t, code, 3)
	var stdout []string
	for line := range strings.Lines(output) {
		if line != "warning\n" { // its place among the others is not certain
			stdout = append(stdout, line)
		}
	}
	assert.DeepEqual(t, stdout, []string{"hello\n", "A 2 true\n", "GONE  false\n", "IMAGE set true\n", "<nil>\n", "3 <nil>\n"})
	assert.Check(t, is.Contains(output, "warning\n"))

	spec.Name, spec.Command, spec.Networks, spec.HostConfig["NetworkMode"] = "", []string{"read=/data/f"}, []string{"none"}, "none"
	output, _ = run(t, d, newContainer(t, d, spec))
	assert.Equal(t, output, "kept <nil>\n", "the named volume outlives containers")
}

func TestEngineStartsAndRemovesWhatIsThere(t *testing.T) {
	d := realEngine(t, DockerOptions{})
	id := newContainer(t, d, Spec{Image: pulled(t, d), Command: []string{"sleep=600"}, HostConfig: noNetwork()})
	for range 2 {
		assert.NilError(t, d.Start(t.Context(), id))
	}
	for range 2 {
		assert.NilError(t, d.Remove(t.Context(), id))
	}
	assert.Check(t, errdefs.IsNotFound(d.Start(t.Context(), id)))
}

func TestEngineGivesANameOnce(t *testing.T) {
	d := realEngine(t, DockerOptions{})
	image, name := pulled(t, d), unique(t)
	const rivals = 8
	var wins int
	errs := make(chan error, rivals)
	for range rivals {
		go func() {
			_, err := d.Create(t.Context(), Spec{Name: name, Image: image})
			errs <- err
		}()
	}
	forget(t, d, "/containers/"+name+"?force=1")
	for range rivals {
		if err := <-errs; err == nil {
			wins++
		} else {
			assert.Check(t, is.ErrorIs(err, ErrNameTaken))
		}
	}
	assert.Equal(t, wins, 1)
}

func TestEngineRefusalsKeepTheirReason(t *testing.T) {
	d := realEngine(t, DockerOptions{})
	image, name := pulled(t, d), unique(t)
	_, err := d.Create(t.Context(), Spec{Name: name, Image: "no/such:image"})
	assert.Error(t, err, `create container "`+name+`": No such image: no/such:image`)
	assert.Check(t, errdefs.IsNotFound(err))

	_, err = d.Create(t.Context(), Spec{Name: name, Image: image, HostConfig: map[string]any{"Binds": []string{"a/b:/c:rw"}}})
	assert.ErrorContains(t, err, `create container "`+name+`": `)
	assert.Check(t, errdefs.IsInvalidArgument(err), err)

	id, err := d.Create(t.Context(), Spec{Name: name, Image: image, Networks: []string{"no-such-network"}})
	if err == nil { // most engines look for the network at the start
		forget(t, d, "/containers/"+id)
		err = d.Start(t.Context(), id)
	}
	assert.ErrorContains(t, err, "network no-such-network not found")

	broken, _ := newRegistry(t).push(t, "team/broken", "1", []byte("nothing"), "/missing")
	assert.NilError(t, d.Pull(t.Context(), broken+":1", nil))
	forget(t, d, "/images/"+broken+":1?force=1")
	err = d.Start(t.Context(), newContainer(t, d, Spec{Image: broken + ":1", HostConfig: noNetwork()}))
	assert.ErrorContains(t, err, "start container ")
	assert.ErrorContains(t, err, "/missing")
	assert.Check(t, !strings.Contains(err.Error(), "\n"))
}

func TestEngineOutputOfShortLivedContainersIsNotLost(t *testing.T) {
	d := realEngine(t, DockerOptions{})
	image := pulled(t, d)
	for range 10 {
		output, code := run(t, d, newContainer(t, d, Spec{Image: image, Command: []string{"out=bye"}, HostConfig: noNetwork()}))
		assert.Check(t, is.Equal(code, 0))
		assert.Check(t, is.Equal(output, "bye\n"))
	}
}

func TestEngineTellsTheLifeOfAFlowContainer(t *testing.T) {
	d := realEngine(t, DockerOptions{})
	image, run := pulled(t, d), unique(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	events, broken := d.Events(ctx)
	spec := Spec{Name: run, Image: image, Command: []string{"out=bye", "sleep=600"}, Labels: map[string]string{labelFlowRunID: run}, HostConfig: noNetwork()}
	newContainer(t, d, Spec{Image: image, HostConfig: noNetwork()}) // nobody's
	id := newContainer(t, d, spec)
	listed := func() Container {
		list, err := d.List(ctx)
		assert.NilError(t, err)
		for _, c := range list {
			assert.Assert(t, c.runID() != "", "not a flow container: %+v", c)
			if c.ID == id {
				return c
			}
		}
		return Container{}
	}
	next := func() Event {
		for {
			select {
			case e := <-events:
				if e.Container.runID() == run {
					return e
				}
			case err := <-broken:
				assert.NilError(t, err)
			}
		}
	}
	assert.Equal(t, next().Kind, EventCreate)
	assert.Assert(t, listed().neverBegan())
	assert.NilError(t, d.Start(ctx, id))
	assert.Equal(t, next().Kind, EventStart)
	assert.Assert(t, listed().isLive())
	assert.NilError(t, d.Stop(ctx, id, time.Second))
	died := next()
	assert.Equal(t, died.Kind, EventDie)
	found, err := d.Inspect(ctx, run)
	assert.NilError(t, err)
	assert.Equal(t, found.ExitCode, died.ExitCode)
	assert.Assert(t, found.hasEnded() && listed().hasEnded())
	assert.Assert(t, !found.FinishedAt.IsZero())
	var tail bytes.Buffer
	assert.NilError(t, d.Logs(ctx, id, LogsOptions{Tail: 1}, &tail))
	assert.Equal(t, tail.String(), "bye\n")
	assert.NilError(t, d.Stop(ctx, id, time.Second), "it has ended")
	assert.NilError(t, d.Remove(ctx, id))
	assert.Equal(t, next().Kind, EventDestroy)
	assert.NilError(t, d.Stop(ctx, id, time.Second), "it is gone")
	_, err = d.Inspect(ctx, id)
	assert.Assert(t, errdefs.IsNotFound(err))
}
