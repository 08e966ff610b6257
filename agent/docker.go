package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"
)

const (
	// defaultDockerTimeout is that of --docker-client-timeout (1.4.1 docker/agent.py).
	defaultDockerTimeout = 60 * time.Second
	// pullSilence is how long a pull may go without a message. Its whole may take hours.
	pullSilence = 2 * time.Minute
	// maxIdleConns keeps a connection for each launch that an engine does in parallel; the client's
	// two would have it dial anew for most requests, which over ssh starts a process each.
	maxIdleConns = 16
	// idleConnTimeout is longer than the time between two heartbeats, so that one connection stays.
	idleConnTimeout = 90 * time.Second
)

// DockerOptions are all optional.
type DockerOptions struct {
	// Timeout bounds every request except pulls, logs and waits. Zero or less means 60 seconds.
	Timeout time.Duration
	// RegistryAuth returns the X-Registry-Auth value for an image's registry. It is asked for each
	// pull, since tokens expire.
	RegistryAuth func(image string) (string, error)
	// Address is how errors name the engine, where the client's own address means nothing to people
	// (ssh).
	Address string
}

// SSHDialer returns what connects to the engine behind an ssh:// address.
type SSHDialer = func(address string) (func(ctx context.Context, network, address string) (net.Conn, error), error)

// Docker is an Engine that speaks the Docker Engine API (1.24 or later), so Podman serves as well.
type Docker struct {
	api  client.APIClient
	opts DockerOptions

	mu   sync.Mutex
	info *EngineInfo
}

var _ Engine = (*Docker)(nil)

// NewDocker returns the engine behind an API client, which should negotiate the API version.
func NewDocker(api client.APIClient, opts DockerOptions) *Docker {
	if opts.Timeout <= 0 {
		opts.Timeout = defaultDockerTimeout
	}
	if opts.Address == "" {
		opts.Address = api.DaemonHost()
	}
	return &Docker{api: api, opts: opts}
}

// NewDockerFromURL returns the engine at an address in the forms of --base-url, without talking to it.
// An address of another form is an error that names the forms; an ssh:// address without a dialer is one, too.
func NewDockerFromURL(baseURL string, ssh SSHDialer, opts DockerOptions) (*Docker, error) {
	address, err := parseEngineURL(baseURL, runtime.GOOS == "windows")
	if err != nil {
		return nil, err
	}
	if opts.Address == "" {
		opts.Address = address.host
	}
	clientOpts := []client.Opt{client.WithAPIVersionNegotiation(), keepConnections}
	if address.ssh {
		if ssh == nil {
			return nil, fmt.Errorf("engine address %q: ssh is not available here", baseURL)
		}
		dial, err := ssh(address.host)
		if err != nil {
			return nil, err
		}
		clientOpts = append(clientOpts, client.WithHost("tcp://"+client.DummyHost), client.WithDialContext(dial))
	} else {
		clientOpts = append(clientOpts, client.WithHost(address.host))
	}
	if address.https {
		clientOpts = append(clientOpts, client.WithScheme("https"))
	}
	api, err := client.NewClientWithOpts(clientOpts...)
	if err != nil {
		return nil, fmt.Errorf("engine address %q: %w", baseURL, err)
	}
	return NewDocker(api, opts), nil
}

// NewDockerFromContext returns the engine of a Docker CLI context, without talking to it: endpoint are the
// client options that the CLI has for it, headers and userAgent those of its requests. It differs from the
// CLI's own client, which is made for a single command, in keeping connections.
func NewDockerFromContext(endpoint []client.Opt, headers map[string]string, userAgent string, opts DockerOptions) (*Docker, error) {
	clientOpts := append(slices.Clip(endpoint), keepConnections, client.WithUserAgent(userAgent))
	if len(headers) > 0 {
		clientOpts = append(clientOpts, client.WithHTTPHeaders(headers))
	}
	api, err := client.NewClientWithOpts(clientOpts...)
	if err != nil {
		return nil, err
	}
	return NewDocker(api, opts), nil
}

// keepConnections is a client option.
func keepConnections(c *client.Client) error {
	if transport, ok := c.HTTPClient().Transport.(*http.Transport); ok {
		transport.MaxIdleConns, transport.MaxIdleConnsPerHost = maxIdleConns, maxIdleConns
		transport.IdleConnTimeout = idleConnTimeout
	}
	return nil
}

// Ping asks for /_ping. An answer that names no API version is not an engine's.
func (d *Docker) Ping(ctx context.Context) error {
	return d.do(ctx, "ping the engine", func(ctx context.Context) error {
		pong, err := d.api.Ping(ctx)
		if err == nil && pong.APIVersion == "" {
			err = fmt.Errorf("what answers at %s is not a container engine", d.opts.Address)
		}
		return err
	})
}

// Info asks for the version and the name of the engine, once. Proxies that guard an engine's socket
// often refuse the latter; the name stays empty then.
func (d *Docker) Info(ctx context.Context) (EngineInfo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.info != nil {
		return *d.info, nil
	}
	var info EngineInfo
	err := d.do(ctx, "ask the engine for its version", func(ctx context.Context) error {
		version, err := d.api.ServerVersion(ctx)
		if err != nil {
			return err
		}
		info = EngineInfo{Version: version.Version, APIVersion: d.api.ClientVersion(), OSType: version.Os}
		system, err := d.api.Info(ctx)
		info.ID, info.Name, info.CPUs = system.ID, system.Name, system.NCPU
		if ctx.Err() != nil || client.IsErrConnectionFailed(err) {
			return err
		}
		return nil
	})
	if err != nil {
		return EngineInfo{}, err
	}
	d.info = &info
	return info, nil
}

// Pull fetches NAME, NAME:TAG (latest by default) or NAME@DIGEST. It ends with an error once the engine
// has sent no message for two minutes.
func (d *Docker) Pull(ctx context.Context, ref string, progress func(PullProgress)) error {
	action := fmt.Sprintf("pull image %q", ref)
	var auth string
	if d.opts.RegistryAuth != nil {
		var err error
		if auth, err = d.opts.RegistryAuth(ref); err != nil {
			return fmt.Errorf("%s: find credentials for its registry: %w", action, err)
		}
	}
	watched, cancel := context.WithCancel(ctx)
	defer cancel()
	silence := time.AfterFunc(pullSilence, cancel)
	defer silence.Stop()
	err := func() error {
		stream, err := d.api.ImagePull(watched, ref, image.PullOptions{RegistryAuth: auth})
		if err != nil {
			return err
		}
		defer stream.Close()
		return readPullStream(stream, func(p PullProgress) {
			silence.Reset(pullSilence)
			if progress != nil {
				progress(p)
			}
		})
	}()
	if err != nil && watched.Err() != nil && ctx.Err() == nil {
		return &engineError{
			text:  fmt.Sprintf("%s: no progress for %v; the registry or the engine is stuck", action, pullSilence),
			kinds: []error{context.DeadlineExceeded},
		}
	}
	return d.explain(ctx, action, err)
}

// EnsureVolume creates the volume as the Python agent would: driver local, label prefect_created.
func (d *Docker) EnsureVolume(ctx context.Context, name string) error {
	err := d.do(ctx, fmt.Sprintf("look for volume %q", name), func(ctx context.Context) error {
		_, err := d.api.VolumeInspect(ctx, name)
		return err
	})
	if !errdefs.IsNotFound(err) {
		return err
	}
	return d.do(ctx, fmt.Sprintf("create volume %q", name), func(ctx context.Context) error {
		_, err := d.api.VolumeCreate(ctx, volume.CreateOptions{
			Name: name, Driver: "local", Labels: map[string]string{"prefect_created": "true"},
		})
		return err
	})
}

// createContainer sends one request, and returns the id of the container in the answer.
func (d *Docker) createContainer(ctx context.Context, spec Spec) (id string, err error) {
	action := fmt.Sprintf("create container %q", spec.Name)
	host, err := hostConfig(spec.HostConfig)
	if err != nil {
		return "", fmt.Errorf("%s: host_config: %w", action, err)
	}
	err = d.do(ctx, action, func(ctx context.Context) error {
		made, err := d.api.ContainerCreate(ctx, containerConfig(spec), host, networkingConfig(spec.Networks), nil, spec.Name)
		id = made.ID
		return err
	})
	return id, err
}

// Connect attaches a created container to one more network; an attached one is not an error.
func (d *Docker) Connect(ctx context.Context, name, id string) error {
	return d.do(ctx, fmt.Sprintf("connect container %s to network %q", short(id), name), func(ctx context.Context) error {
		err := d.api.NetworkConnect(ctx, name, id, nil)
		// The engine has no kind of error for this. It happens when a launch is taken up again.
		if err != nil && strings.Contains(err.Error(), "already exists in network") {
			return nil
		}
		return err
	})
}

// Start starts a created container; a started one is not an error.
func (d *Docker) Start(ctx context.Context, id string) error {
	return d.do(ctx, "start container "+short(id), func(ctx context.Context) error {
		return d.api.ContainerStart(ctx, id, container.StartOptions{})
	})
}

// BridgeGateway returns the address at which containers on the engine's default bridge reach its host.
func (d *Docker) BridgeGateway(ctx context.Context) (string, error) {
	const action = "find the gateway of the engine's default bridge"
	var bridge network.Inspect
	err := d.do(ctx, action, func(ctx context.Context) (err error) {
		bridge, err = d.api.NetworkInspect(ctx, network.NetworkBridge, network.InspectOptions{})
		return err
	})
	if err != nil {
		return "", err
	}
	for _, pool := range bridge.IPAM.Config {
		if address, err := netip.ParseAddr(pool.Gateway); err == nil && address.Is4() {
			return address.String(), nil
		}
		// An engine that never restarted does not tell; it takes the first address of the subnet.
		if subnet, err := netip.ParsePrefix(pool.Subnet); err == nil && subnet.Addr().Is4() {
			return subnet.Masked().Addr().Next().String(), nil
		}
	}
	return "", errors.New(action + ": the bridge has no IPv4 subnet")
}

// explain leaves an error alone that is in one line already.
func (d *Docker) explain(ctx context.Context, action string, err error) error {
	var done *engineError
	switch {
	case err == nil, errors.As(err, &done):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", action, ctx.Err())
	}
	return newEngineError(action, d.opts.Address, client.IsErrConnectionFailed(err), err)
}

func containerConfig(spec Spec) *container.Config {
	config := &container.Config{
		Image: spec.Image, Cmd: spec.Command, Env: spec.Env, Labels: spec.Labels,
		AttachStdout: true, AttachStderr: true,
		Volumes: map[string]struct{}{}, ExposedPorts: nat.PortSet{},
	}
	for _, path := range spec.MountPoints {
		config.Volumes[path] = struct{}{}
	}
	for _, port := range spec.ExposedPorts {
		config.ExposedPorts[nat.Port(port)] = struct{}{}
	}
	return config
}

func networkingConfig(networks []string) *network.NetworkingConfig {
	if len(networks) == 0 {
		return nil
	}
	return &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{networks[0]: {}}}
}

// hostConfig refuses members that the engine would drop in silence.
func hostConfig(members map[string]any) (*container.HostConfig, error) {
	raw, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	var host container.HostConfig
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields()
	err = strict.Decode(&host)
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mismatch):
		member := strings.TrimPrefix(mismatch.Field, "Resources.") // embedded: not in the API's names
		return nil, fmt.Errorf("%s cannot be a %s", member, mismatch.Value)
	case err != nil:
		return nil, errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	return &host, nil
}
