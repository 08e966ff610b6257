package config

import (
	"log/slog"
	"strings"
	"time"

	"github.com/docker-prefect/docker-prefect/agent"
)

// Config is the configuration in effect, checked.
type Config struct {
	API     string // URL of the API, as written: http or https, with a host
	Backend string // "server" or "cloud"
	// BackendIsDefault tells that nobody chose Cloud: it is Prefect's default.
	BackendIsDefault bool

	// Key is the API key, secret; empty: none is known. TenantID is a UUID in its usual form; empty: the
	// API has to be asked.
	Key      string
	TenantID string

	Name          string   // of the agent
	Labels        []string // a flag's sorted and unique, others as given
	Env           []agent.EnvVar
	AgentAddress  string // as http://HOST:PORT, where HOST may be empty; empty: no server
	AgentConfigID string // a UUID; may be empty

	SendFlowRunLogs bool
	NoPull          bool
	BaseURL         string // of the engine, unchecked; empty: the Docker CLI's active context

	LogLevel  slog.Level // of the agent's own log; CRITICAL is LevelError+4
	LogFormat string     // logging.format, in the syntax of Python's logging

	// LoggingLevel and ServerPort are what containers are told; LoggingLevel is one of Python's names.
	LoggingLevel string
	ServerPort   int

	RequestTimeout time.Duration // to connect and to read, each; 0: the client's default
	Diagnostics    bool          // log every request
}

// Flags are the values of a command line. Empty means unset. Labels and Env replace what is configured.
type Flags struct {
	Key           string
	TenantID      string
	API           string
	Backend       string // for what brings its own API; does not change the API by itself
	AgentConfigID string
	Name          string
	Labels        []string
	Env           []string // as for ParseEnv
	AgentAddress  string
	NoCloudLogs   bool
	LogLevel      string // DEBUG, INFO, WARNING or ERROR in any case
	BaseURL       string
	NoPull        bool
}

// resolve checks what the layers came to, flags first.
func resolve(s *settings, flags Flags) (*Config, error) {
	var cfg Config
	for _, step := range []func(*settings, Flags) error{
		cfg.setAPI, cfg.setCredentials, cfg.setAgent, cfg.setLogging, cfg.setClient,
	} {
		if err := step(s, flags); err != nil {
			return nil, err
		}
	}
	return &cfg, nil
}

func (c *Config) setAPI(s *settings, flags Flags) error {
	backend := pick("backend", flags.Backend, s.setting("backend"))
	if c.Backend = backend.text; c.Backend != "server" && c.Backend != "cloud" {
		return backend.wrong("use server or cloud")
	}
	c.BackendIsDefault = backend.from == "backend"
	api := pick("--api", flags.API, s.setting("cloud.api"))
	api.text = strings.TrimSpace(api.text)
	c.API = api.text
	return checkAPI(api)
}

func (c *Config) setAgent(s *settings, flags Flags) (err error) {
	c.Name = pick("--name", flags.Name, s.setting("cloud.agent.name")).text
	if c.Name == "" {
		c.Name = "agent"
	}
	if c.Labels, err = labels(s, flags.Labels); err != nil {
		return err
	}
	if c.Env, err = envVars(s, flags.Env); err != nil {
		return err
	}
	address := pick("--agent-address", flags.AgentAddress, s.setting("cloud.agent.agent_address"))
	if c.AgentAddress, err = agentAddress(address); err != nil {
		return err
	}
	if flags.AgentConfigID != "" {
		if c.AgentConfigID, err = parseUUID(pick("--agent-config-id", flags.AgentConfigID, setting{})); err != nil {
			return err
		}
	}
	c.SendFlowRunLogs = !flags.NoCloudLogs && s.bool("cloud.send_flow_run_logs")
	c.NoPull = flags.NoPull || s.bool("context.no_pull")
	c.BaseURL = pick("--base-url", flags.BaseURL, s.setting("context.base_url")).text
	c.ServerPort, err = s.port("server.port")
	return err
}

func (c *Config) setLogging(s *settings, flags Flags) (err error) {
	level := pick("--log-level", flags.LogLevel, s.setting("cloud.agent.level"))
	if c.LogLevel, _, err = parseLevel(level); err != nil {
		return err
	}
	if _, c.LoggingLevel, err = parseLevel(s.setting("logging.level")); err != nil {
		return err
	}
	c.LogFormat = s.setting("logging.format").text
	c.Diagnostics = s.bool("cloud.diagnostics")
	return nil
}

func (c *Config) setClient(s *settings, _ Flags) (err error) {
	c.RequestTimeout, err = s.seconds("cloud.request_timeout", 1e-3)
	return err
}
