package agent

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/docker-prefect/docker-prefect/graphql"
)

// sendRunLogs is the one variable that decides between agent and run.
const sendRunLogs = "PREFECT__CLOUD__SEND_FLOW_RUN_LOGS"

// populateEnvVars returns the environment of a run's container as "KEY=VALUE", or a bare "KEY" that
// unsets the image's variable (1.4.1 docker/agent.py). Later layers win; a variable keeps the place in
// which it was first set.
func populateEnvVars(cfg Config, run graphql.FlowRun, rc runConfig, image string) []string {
	var env environment
	env.set("PREFECT__CLOUD__API", containerAPIURL(cfg, networkMode(cfg.Networks, rc)))
	env.set("PREFECT__LOGGING__LEVEL", cfg.LoggingLevel)
	env.add(cfg.Env...)
	env.add(rc.env...)
	// A run may switch the shipping of its logs off, not on.
	if !cfg.SendFlowRunLogs || !env.has(sendRunLogs) {
		env.set(sendRunLogs, strconv.FormatBool(cfg.SendFlowRunLogs))
	}
	tenant := cfg.TenantID
	if cfg.APIKey == "" {
		tenant = "" // only a key needs one
	}
	// From here on nobody overrides anything.
	env.set("PREFECT__BACKEND", cfg.Backend)
	env.set("PREFECT__CLOUD__API_KEY", cfg.APIKey)
	env.set("PREFECT__CLOUD__TENANT_ID", tenant)
	env.set("PREFECT__CLOUD__AGENT__LABELS", pythonList(cfg.Labels))
	env.set("PREFECT__CONTEXT__FLOW_RUN_ID", run.ID)
	env.set("PREFECT__CONTEXT__FLOW_ID", run.Flow.ID)
	env.set("PREFECT__CONTEXT__IMAGE", image)
	env.set("PREFECT__CLOUD__USE_LOCAL_SECRETS", "false")
	env.set("PREFECT__ENGINE__FLOW_RUNNER__DEFAULT_CLASS", "prefect.engine.cloud.CloudFlowRunner")
	// For images of Prefect before 0.15 and before 1.0.
	env.set("PREFECT__LOGGING__LOG_TO_CLOUD", strconv.FormatBool(cfg.SendFlowRunLogs))
	env.set("PREFECT__CLOUD__AUTH_TOKEN", cfg.APIKey)
	return env.entries()
}

// environment holds variables in the order of their first mention.
type environment struct{ vars []EnvVar }

func (e *environment) index(key string) int {
	return slices.IndexFunc(e.vars, func(v EnvVar) bool { return v.Key == key })
}

func (e *environment) has(key string) bool { return e.index(key) >= 0 }

func (e *environment) set(key, value string) { e.add(EnvVar{Key: key, Value: value}) }

func (e *environment) add(vars ...EnvVar) {
	for _, v := range vars {
		if i := e.index(v.Key); i >= 0 {
			e.vars[i] = v
			continue
		}
		e.vars = append(e.vars, v)
	}
}

func (e *environment) entries() []string {
	entries := make([]string, len(e.vars))
	for i, v := range e.vars {
		entries[i] = v.Key
		if !v.Unset {
			entries[i] += "=" + v.Value
		}
	}
	return entries
}

const (
	hostFromInside = "host.docker.internal" // the engine's host, as containers may name it
	serverNetwork  = "prefect-server"       // where "prefect server start" has its containers,
	serverAPI      = "apollo"               // and the name of its API there
)

// containerAPIURL is the API's URL as a container in the given network mode sees it. One on the agent's
// own machine is reached through the engine's host, unless the container shares that host's network.
//
// Python knows only the word "localhost", anywhere in the URL, and always yields http and server.port;
// here the URL keeps what it says.
func containerAPIURL(cfg Config, mode string) string {
	u, err := url.Parse(cfg.APIURL)
	if err != nil || !isThisMachine(u.Hostname()) || mode == networkHost {
		return cfg.APIURL
	}
	serverPort := strconv.Itoa(cfg.ServerPort)
	if !isExclusive(mode) && slices.Contains(cfg.Networks, serverNetwork) {
		return "http://" + net.JoinHostPort(serverAPI, serverPort)
	}
	port := u.Port()
	if port == "" && u.Scheme == "http" {
		port = serverPort
	}
	u.Host = hostFromInside
	if port != "" {
		u.Host = net.JoinHostPort(hostFromInside, port)
	}
	return strings.TrimRight(u.String(), "/")
}

// isThisMachine tells whether a host name means the machine that asks.
func isThisMachine(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		return ip.IsLoopback() || ip.IsUnspecified()
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "localhost" || host == "localhost.localdomain" || strings.HasSuffix(host, ".localhost")
}
