package config

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestWithoutAnySettingPrefectsDefaultsHold(t *testing.T) {
	assert.DeepEqual(t, load(t, Flags{}), &Config{
		API:              "https://api.prefect.io",
		BackendIsDefault: true,
		Backend:          "cloud",
		Name:             "agent",
		SendFlowRunLogs:  true,
		LogLevel:         slog.LevelInfo,
		LogFormat:        "[%(asctime)s] %(levelname)s - %(name)s | %(message)s",
		LoggingLevel:     "INFO",
		ServerPort:       4200,
		RequestTimeout:   15 * time.Second,
	})
}

func TestEverySettingCanBeAVariable(t *testing.T) {
	const id = "0f8fad5b-d9cb-469f-a165-70867728950e"
	for _, tc := range []struct {
		env  string
		got  func(*Config) any
		want any
	}{
		{"PREFECT__BACKEND=server", func(c *Config) any { return c.Backend }, "server"},
		{"PREFECT__BACKEND=server", func(c *Config) any { return c.API }, "http://localhost:4200"},
		{"PREFECT__SERVER__PORT=4201", func(c *Config) any { return c.ServerPort }, 4201},
		{"PREFECT__CLOUD__ENDPOINT=http://e", func(c *Config) any { return c.API }, "http://e"},
		{"PREFECT__CLOUD__API=http://a:1/graphql", func(c *Config) any { return c.API }, "http://a:1/graphql"},
		{"PREFECT__CLOUD__API_KEY=k", func(c *Config) any { return c.Key }, "k"},
		{"PREFECT__CLOUD__TENANT_ID=" + strings.ToUpper(id), func(c *Config) any { return c.TenantID }, id},
		{"PREFECT__CLOUD__AGENT__AUTH_TOKEN=t", func(c *Config) any { return c.Key }, "t"},
		{"PREFECT__CLOUD__AUTH_TOKEN=t", func(c *Config) any { return c.Key }, "t"},
		{"PREFECT__CLOUD__AGENT__NAME=n", func(c *Config) any { return c.Name }, "n"},
		{"PREFECT__CLOUD__AGENT__LABELS=['a']", func(c *Config) any { return c.Labels[0] }, "a"},
		{"PREFECT__CLOUD__AGENT__LEVEL=DEBUG", func(c *Config) any { return c.LogLevel }, slog.LevelDebug},
		{"PREFECT__CLOUD__AGENT__AGENT_ADDRESS=http://:1", func(c *Config) any { return c.AgentAddress }, "http://:1"},
		{"PREFECT__CLOUD__AGENT__ENV_VARS={'A': 'b'}", func(c *Config) any { return c.Env[0].Value }, "b"},
		{"PREFECT__CLOUD__SEND_FLOW_RUN_LOGS=false", func(c *Config) any { return c.SendFlowRunLogs }, false},
		{"PREFECT__CLOUD__REQUEST_TIMEOUT=2.5", func(c *Config) any { return c.RequestTimeout }, 2500 * time.Millisecond},
		{"PREFECT__BACKEND=cloud", func(c *Config) any { return c.BackendIsDefault }, false},
		{"PREFECT__CLOUD__DIAGNOSTICS=true", func(c *Config) any { return c.Diagnostics }, true},
		{"PREFECT__LOGGING__LEVEL=ERROR", func(c *Config) any { return c.LoggingLevel }, "ERROR"},
		{"PREFECT__LOGGING__FORMAT=%(message)s", func(c *Config) any { return c.LogFormat }, "%(message)s"},
		{"PREFECT__CONTEXT__BASE_URL=tcp://h:1", func(c *Config) any { return c.BaseURL }, "tcp://h:1"},
		{"PREFECT__CONTEXT__NO_PULL=true", func(c *Config) any { return c.NoPull }, true},
	} {
		t.Run(tc.env, func(t *testing.T) {
			assert.DeepEqual(t, tc.got(load(t, Flags{}, tc.env)), tc.want)
		})
	}
}

func TestFlagsWinOverEverything(t *testing.T) {
	const id, other = "0f8fad5b-d9cb-469f-a165-70867728950e", "11111111-d9cb-469f-a165-70867728950e"
	env := []string{
		"PREFECT__BACKEND=cloud", "PREFECT__CLOUD__API=http://env", "PREFECT__CLOUD__API_KEY=env",
		"PREFECT__CLOUD__TENANT_ID=" + other, "PREFECT__CLOUD__AGENT__NAME=env", "PREFECT__CLOUD__AGENT__LABELS=['env']",
		"PREFECT__CLOUD__AGENT__ENV_VARS={'ENV': '1'}", "PREFECT__CLOUD__AGENT__LEVEL=ERROR",
		"PREFECT__CLOUD__AGENT__AGENT_ADDRESS=http://env:1", "PREFECT__CONTEXT__BASE_URL=tcp://env:1",
		"PREFECT__CLOUD__SEND_FLOW_RUN_LOGS=true",
	}
	flags := Flags{
		Key: "12", TenantID: "{" + strings.ToUpper(id) + "}", API: "http://flag:1/", Backend: "server", AgentConfigID: id,
		Name: "$HOME", Labels: []string{"b", "a", "b"}, Env: []string{"A=1"}, AgentAddress: ":8080", NoCloudLogs: true,
		LogLevel: "debug", BaseURL: "unix:///s", NoPull: true,
	}
	got := load(t, flags, env...)
	want := load(t, Flags{})
	want.Key, want.TenantID, want.API, want.Backend, want.AgentConfigID = "12", id, "http://flag:1/", "server", id
	want.Name, want.Labels, want.AgentAddress = "$HOME", []string{"a", "b"}, "http://:8080"
	want.Env = got.Env[:1:1]
	want.SendFlowRunLogs, want.LogLevel, want.BaseURL, want.NoPull = false, slog.LevelDebug, "unix:///s", true
	assert.DeepEqual(t, got, want)
	assert.Check(t, is.Equal(got.Env[0].Key, "A"))
}

func TestAnEmptyFlagMeansTheConfiguredValue(t *testing.T) {
	cfg := load(t, Flags{}, "PREFECT__CLOUD__AGENT__NAME=n", "PREFECT__CLOUD__API=http://a", "PREFECT__CLOUD__AGENT__LEVEL=ERROR")
	assert.Check(t, is.Equal(cfg.Name, "n"))
	assert.Check(t, is.Equal(cfg.API, "http://a"))
	assert.Check(t, is.Equal(cfg.LogLevel, slog.LevelError))
}

func TestFilesCanBeElsewhere(t *testing.T) {
	cfg := loadFiles(t, map[string]string{
		"/etc/p/config.toml":            "[cloud.agent]\nname = \"user\"\nlevel = \"ERROR\"",
		"/home/me/b.toml":               "[cloud.agent]\nname = \"backend\"",
		"/home/me/.prefect/config.toml": "this is not read",
	}, Flags{}, "PREFECT__USER_CONFIG_PATH=$DIR/config.toml", "DIR=/etc/p", "PREFECT__BACKEND_CONFIG_PATH=~/b.toml")
	assert.Check(t, is.Equal(cfg.Name, "backend"))
	assert.Check(t, is.Equal(cfg.LogLevel, slog.LevelError))
}

func TestAnEmptyPathMeansNoFile(t *testing.T) {
	cfg := loadFiles(t, map[string]string{"/home/me/.prefect/config.toml": "[cloud.agent]\nname = \"user\""},
		Flags{}, "PREFECT__USER_CONFIG_PATH=")
	assert.Check(t, is.Equal(cfg.Name, "agent"))
}

func TestAByteOrderMarkIsNoPartOfTheFile(t *testing.T) {
	assert.Check(t, is.Equal(loadTOML(t, "\xef\xbb\xbfbackend = 'server'").Backend, "server"))
}

func TestInvalidTOMLIsReportedByPlace(t *testing.T) {
	src := source(nil)
	src.files["/home/me/.prefect/config.toml"] = "[cloud]\napi_key = secret\n"
	_, err := Load(src.Source(), Flags{})
	assert.Error(t, err, "/home/me/.prefect/config.toml is not valid TOML: line 2, column 11: unexpected character U+0073 's' at start of value")
}

func TestAFileThatCannotBeReadIsAnError(t *testing.T) {
	src := source(nil).Source()
	src.ReadFile = func(path string) ([]byte, error) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
	}
	_, err := Load(src, Flags{})
	assert.Error(t, err, "read configuration: open /home/me/.prefect/config.toml: permission denied")
}

func TestATildeIsAHomeDirectory(t *testing.T) {
	for text, want := range map[string]string{"~": "/home/me", "~/x": "/home/me/x", "~me/x": "/home/me/x", "~you/x": "~you/x", "a~": "a~"} {
		assert.Check(t, is.Equal(load(t, Flags{}, "PREFECT__CLOUD__AGENT__NAME="+text).Name, want))
	}
	assert.Check(t, is.Equal(load(t, Flags{}, "PREFECT__CLOUD__AGENT__NAME=~", "HOME=/").Name, "/"))
}

func TestVariablesThatNameEachOtherAreAnError(t *testing.T) {
	for _, value := range []string{"x$A", strings.Repeat("$A", 1000), strings.Repeat("$LONG", 1<<14)} {
		err := loadError(t, Flags{}, "PREFECT__X=$A", "A="+value, "LONG="+strings.Repeat("x", 1<<17))
		assert.Error(t, err, "PREFECT__X: the environment variables in it name each other without end")
	}
}

func TestOnlyRegularFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	src := System()
	for _, path := range []string{dir, filepath.Join(dir, "none"), filepath.Join(dir, "file", "below")} {
		_, err := src.ReadFile(path)
		assert.Check(t, errors.Is(err, fs.ErrNotExist), path)
	}
	path := filepath.Join(dir, "file")
	assert.NilError(t, os.WriteFile(path, []byte("x"), 0o600))
	text, err := src.ReadFile(path)
	assert.NilError(t, err)
	assert.Check(t, is.Equal(string(text), "x"))
}

func TestTheSystemKnowsHomeDirectories(t *testing.T) {
	t.Setenv("HOME", "/some/home")
	dir, ok := System().HomeDir("")
	assert.Check(t, ok)
	assert.Check(t, is.Equal(dir, "/some/home"))
	t.Setenv("HOME", "")
	dir, ok = System().HomeDir("")
	assert.Check(t, ok && dir != "")
	_, ok = System().HomeDir("no-such-user")
	assert.Check(t, !ok)
}

// A mistake on the command line ends with another status than one in a file.
func TestOnlyMistakesInFlagsAreUsageErrors(t *testing.T) {
	var usage *UsageError
	for _, tc := range []struct {
		flags Flags
		want  string
	}{
		{Flags{API: "localhost:4200"}, `--api "localhost:4200": a URL needs a scheme; write it as http://localhost:4200`},
		{Flags{API: "ftp://h"}, `--api "ftp://h": only http and https can be used; write it as http://h`},
		{Flags{API: "http://"}, `--api "http://": this URL has no host; write it as http://HOST:PORT`},
		{Flags{API: "http://h:99999"}, `--api "http://h:99999": a port is a number from 1 to 65535`},
		{Flags{API: "http://h:x"}, `--api "http://h:x": this is no URL; write it as http://HOST:PORT`},
		{Flags{API: "http://h h"}, `--api "http://h h": a URL has no blanks in it; write it as http://HOST:PORT`},
		{Flags{API: "http://u:secret@h:x"}, `--api "http://xxxxx@h:x": this is no URL; write it as http://HOST:PORT`},
		{Flags{API: "u:secret@h:1"}, `--api "xxxxx@h:1": a URL needs a scheme; write it as http://xxxxx@h:1`},
		{Flags{TenantID: "abc"}, `--tenant-id "abc": give a UUID, as in 0f8fad5b-d9cb-469f-a165-70867728950e`},
		{Flags{AgentConfigID: "abc"}, `--agent-config-id "abc": give a UUID, as in 0f8fad5b-d9cb-469f-a165-70867728950e`},
		{Flags{AgentAddress: "localhost"}, `--agent-address "localhost": an address needs a port, as in http://127.0.0.1:8080`},
		{Flags{LogLevel: "critical"}, `--log-level "critical": use DEBUG, INFO, WARNING or ERROR`},
		{Flags{Labels: []string{"a", ""}}, `--label "": a label cannot be empty; leave the option out for none`},
		{Flags{Env: []string{"=x"}}, `--env has a value without a name; write it as KEY=VALUE`},
		{Flags{Key: "se\ncret"}, `--key holds a line break or another character that cannot be sent; copy the key again`},
	} {
		err := loadError(t, tc.flags)
		assert.Check(t, is.Error(err, tc.want))
		assert.Check(t, errors.As(err, &usage), "%v", err)
	}
	for env, want := range map[string]string{
		"PREFECT__BACKEND=Server":                  `PREFECT__BACKEND "Server": use server or cloud`,
		"PREFECT__CLOUD__API=localhost:4200":       `PREFECT__CLOUD__API "localhost:4200": a URL needs a scheme; write it as http://localhost:4200`,
		"PREFECT__CLOUD__API=":                     `PREFECT__CLOUD__API is empty; give the URL of the Prefect API, as in http://localhost:4200`,
		"PREFECT__CLOUD__TENANT_ID=abc":            `PREFECT__CLOUD__TENANT_ID "abc": give a UUID, as in 0f8fad5b-d9cb-469f-a165-70867728950e`,
		"PREFECT__CLOUD__AGENT__AGENT_ADDRESS=x:y": `PREFECT__CLOUD__AGENT__AGENT_ADDRESS "x:y": an address needs a port, as in http://127.0.0.1:8080`,
		"PREFECT__CLOUD__AGENT__LEVEL=loud":        `PREFECT__CLOUD__AGENT__LEVEL "loud": use DEBUG, INFO, WARNING, ERROR or CRITICAL`,
		"PREFECT__LOGGING__LEVEL=loud":             `PREFECT__LOGGING__LEVEL "loud": use DEBUG, INFO, WARNING, ERROR or CRITICAL`,
		"PREFECT__CLOUD__AGENT__ENV_VARS=secret":   `PREFECT__CLOUD__AGENT__ENV_VARS cannot be read; give a dict, as in {"KEY": "value"}`,
		"PREFECT__SERVER__PORT=http":               `PREFECT__SERVER__PORT "http": give a port from 1 to 65535`,
		"PREFECT__CLOUD__REQUEST_TIMEOUT=0":        `PREFECT__CLOUD__REQUEST_TIMEOUT "0": give a number greater than 0`,
		"PREFECT__CLOUD__API_KEY=se\x01cret":       `PREFECT__CLOUD__API_KEY holds a line break or another character that cannot be sent; copy the key again`,
	} {
		err := loadError(t, Flags{}, env)
		assert.Check(t, is.Error(err, want))
		assert.Check(t, !errors.As(err, &usage), "%v", err)
	}
}

func TestAMistakeInAFileIsReportedWithTheFile(t *testing.T) {
	src := source(nil)
	src.files["/home/me/.prefect/config.toml"] = "[server]\nport = 'x'"
	_, err := Load(src.Source(), Flags{})
	assert.Error(t, err, `server.port in /home/me/.prefect/config.toml "x": give a port from 1 to 65535`)
}

func TestLevelsAreThoseOfPython(t *testing.T) {
	for text, want := range map[string]slog.Level{
		"DEBUG": slog.LevelDebug, "info": slog.LevelInfo, "Warning": slog.LevelWarn, "WARN": slog.LevelWarn,
		"ERROR": slog.LevelError, "CRITICAL": slog.LevelError + 4, "FATAL": slog.LevelError + 4,
		"NOTSET": slog.LevelWarn, "10": slog.LevelDebug, "50": slog.LevelError + 4,
	} {
		assert.Check(t, is.Equal(load(t, Flags{}, "PREFECT__CLOUD__AGENT__LEVEL="+text).LogLevel, want), text)
	}
	assert.Check(t, is.Equal(load(t, Flags{}, "PREFECT__LOGGING__LEVEL=debug").LoggingLevel, "DEBUG"))
}

func TestSwitchesFollowPythonExceptForNo(t *testing.T) {
	for text, want := range map[string]bool{
		"true": true, "FALSE": false, "1": true, "0": false, "0.0": false, "yes": true, "on": true, "no": false, "Off": false,
		"": false, "None": false, "[]": false, "[0]": true, "()": false, "{}": false, "{1}": true,
	} {
		assert.Check(t, is.Equal(load(t, Flags{}, "PREFECT__CONTEXT__NO_PULL="+text).NoPull, want), text)
	}
}

func TestAgentAddressesAreMadeURLs(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "http://127.0.0.1:8080": "http://127.0.0.1:8080", "http://:8080": "http://:8080", ":8080": "http://:8080",
		"localhost:8080": "http://localhost:8080", "0.0.0.0:8080": "http://0.0.0.0:8080", "https://[::1]:8080/x": "http://[::1]:8080",
		"[::1]:8080": "http://[::1]:8080", "tcp://h:1": "http://h:1",
	} {
		assert.Check(t, is.Equal(load(t, Flags{AgentAddress: text}).AgentAddress, want), text)
	}
	for _, text := range []string{"http://h", "h", "8080", "http://h:0", "http://h:70000", "http://h:", "%"} {
		assert.ErrorContains(t, loadError(t, Flags{AgentAddress: text}), "an address needs a port")
	}
}

// Prefect would make numbers of these and fail, or send other text.
func TestNamesAndKeysStayAsWritten(t *testing.T) {
	for _, text := range []string{"42", "1_000", "1e3", "007", "1.10", "true", "[1]", "12 # x", "0x1F"} {
		cfg := load(t, Flags{}, "PREFECT__CLOUD__AGENT__NAME="+text, "PREFECT__CLOUD__API_KEY="+text)
		assert.Check(t, is.Equal(cfg.Name, text))
		assert.Check(t, is.Equal(cfg.Key, text))
	}
	cfg := load(t, Flags{}, "PREFECT__CLOUD__AGENT__NAME='my agent'", "PREFECT__CLOUD__API_KEY=\"42\"")
	assert.Check(t, is.Equal(cfg.Name, "my agent"))
	assert.Check(t, is.Equal(cfg.Key, "42"))
	cfg = load(t, Flags{}, "PREFECT__CLOUD__AGENT__NAME=None", "PREFECT__CLOUD__API_KEY=None")
	assert.Check(t, is.Equal(cfg.Name, "agent"))
	assert.Check(t, is.Equal(cfg.Key, ""))
	cfg = load(t, Flags{}, "PREFECT__CLOUD__API_KEY=${my.key}", "PREFECT__MY__KEY=1e3")
	assert.Check(t, is.Equal(cfg.Key, "1e3"))
	assert.Check(t, is.Equal(loadTOML(t, "[cloud.agent]\nname = 42").Name, "42"))
}
