package plugin

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/cli/cli/command"
	"github.com/docker/cli/cli/connhelper"

	"github.com/docker-prefect/docker-prefect/agent"
)

// engineOptions say which engine to use.
type engineOptions struct {
	baseURL string        // --base-url; empty: the Docker CLI's active context
	timeout time.Duration // of each call; 0: the default
}

// connectEngine returns the engine and how to call it in a log line. It does not connect.
func connectEngine(dockerCLI command.Cli, opts engineOptions) (engine *agent.Docker, where string, err error) {
	dockerOpts := agent.DockerOptions{
		Timeout: opts.timeout,
		RegistryAuth: func(image string) (string, error) {
			return command.RetrieveAuthTokenFromImage(dockerCLI.ConfigFile(), image)
		},
	}
	if opts.baseURL != "" {
		engine, err := agent.NewDockerFromURL(opts.baseURL, sshDialer, dockerOpts)
		if err != nil {
			return nil, "", usageError(err)
		}
		return engine, opts.baseURL, nil
	}
	if err := checkContext(dockerCLI); err != nil {
		return nil, "", err
	}
	ownClient, endpoint := dockerCLI.Client(), dockerCLI.DockerEndpoint()
	dockerOpts.Address = endpoint.Host // errors name it; over ssh the client knows a placeholder only
	where = fmt.Sprintf("context %q (%s)", dockerCLI.CurrentContext(), endpoint.Host)
	if os.Getenv(envCustomHeaders) != "" {
		return agent.NewDocker(ownClient, dockerOpts), where, nil // which alone reads them
	}
	clientOpts, err := endpoint.ClientOpts()
	if err == nil {
		engine, err = agent.NewDockerFromContext(clientOpts, dockerCLI.ConfigFile().HTTPHeaders, UserAgent(), dockerOpts)
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", where, err)
	}
	return engine, where, nil
}

// envCustomHeaders holds headers for the requests of the docker CLI.
const envCustomHeaders = "DOCKER_CUSTOM_HEADERS"

// checkContext comes before dockerCLI.Client, which ends the process when the context is unusable.
func checkContext(dockerCLI command.Cli) error {
	current := dockerCLI.CurrentContext()
	if current == command.DefaultContextName {
		return nil
	}
	_, err := dockerCLI.ContextStore().GetMetadata(current)
	switch {
	case errdefs.IsNotFound(err):
		return fmt.Errorf("docker context %q does not exist; 'docker context ls' lists those there are", current)
	case err != nil:
		return fmt.Errorf("docker context %q cannot be read: %w", current, err)
	}
	return nil
}

// sshDialer connects to an engine through ssh, as docker does for ssh:// contexts.
func sshDialer(url string) (func(ctx context.Context, network, addr string) (net.Conn, error), error) {
	helper, err := connhelper.GetConnectionHelper(url)
	if err != nil {
		return nil, fmt.Errorf("engine address %q: %w", url, err)
	}
	if helper == nil {
		return nil, fmt.Errorf("engine address %q: %s is no ssh address", url, strings.SplitN(url, ":", 2)[0])
	}
	return helper.Dialer, nil
}
