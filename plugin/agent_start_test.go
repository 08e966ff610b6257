package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/docker/cli/cli"
	"gotest.tools/v3/assert"

	"github.com/docker-prefect/docker-prefect/agent"
	"github.com/docker-prefect/docker-prefect/graphql"
	"github.com/docker-prefect/docker-prefect/plugin/config"
)

// parseAgentStart returns what a command line means, without doing it.
func parseAgentStart(t *testing.T, args ...string) (agentOptions, error) {
	t.Helper()
	var got agentOptions
	cmd := newAgentStartCommand(func(_ context.Context, o agentOptions) error {
		got = o
		return nil
	})
	cmd.SetArgs(args)
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	return got, cmd.ExecuteContext(t.Context())
}

// withoutConfiguration hides the configuration of the machine that runs the test.
func withoutConfiguration(t *testing.T) {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("PREFECT__USER_CONFIG_PATH", "")
	t.Setenv("PREFECT__BACKEND_CONFIG_PATH", "")
}

func TestEveryFieldOfTheAgentsConfigurationHasAFlag(t *testing.T) {
	withoutConfiguration(t)
	o, err := parseAgentStart(t, strings.Fields("--key k --tenant-id 0f8fad5b-d9cb-469f-a165-70867728950e --api http://api:1 "+
		"--agent-config-id 0f8fad5b-d9cb-469f-a165-70867728950e -n name -l label -e A=b --max-polls 3 --agent-address http://:1 "+
		"--no-pull -f --volume /a --network n --reg-allow-list r --host-config-policy restricted --memory 1g "+
		"--limit 3 --keep-failed 2 --on-crash reschedule --on-stop kill --cancel-poll 2s --cancel-grace 4s --drain-timeout 9s")...)
	assert.NilError(t, err)
	cfg, err := o.configuration()
	assert.NilError(t, err)
	agentConfig, err := o.agentConfig(cfg)
	assert.NilError(t, err)
	got := reflect.ValueOf(agentConfig)
	for i := range got.NumField() {
		name := got.Type().Field(i).Name
		if name == "Windows" { // the platform's
			continue
		}
		assert.Check(t, !got.Field(i).IsZero(), "%s is not set by any flag", name)
	}
}

func TestOldSpellingsMeanTheSame(t *testing.T) {
	withoutConfiguration(t)
	o, err := parseAgentStart(t, "docker", "-t", "token", "-v", "--no-docker-interface", "--namespace", "x", "-p", "y", "--no-cloud-logs")
	assert.NilError(t, err)
	cfg, err := o.configuration()
	assert.NilError(t, err)
	assert.Equal(t, cfg.Key, "token")
	assert.Equal(t, levelName(cfg.LogLevel), "DEBUG")
	got, err := o.agentConfig(cfg)
	assert.NilError(t, err)
	assert.Equal(t, got.DockerInterface, false)
	assert.Equal(t, got.SendFlowRunLogs, false)
	assert.Equal(t, got.MaxPolls, -1)
}

func TestListsAreNotSplitAtCommas(t *testing.T) {
	o, err := parseAgentStart(t, "-l", "a,b", "--env", "A=1,2", "--volume", "/a:/b:ro,z", "--label", "c")
	assert.NilError(t, err)
	assert.DeepEqual(t, o.flags.Labels, []string{"a,b", "c"})
	assert.DeepEqual(t, o.flags.Env, []string{"A=1,2"})
	assert.DeepEqual(t, o.volumes, []string{"/a:/b:ro,z"})
}

func TestWithoutAKeyTheAPIIsAServers(t *testing.T) {
	for _, tc := range []struct {
		name, env    string
		flags        config.Flags
		backend, api string
	}{
		{"nothing configured", "", config.Flags{}, "server", "http://localhost:4200"},
		{"another API", "", config.Flags{API: "http://prefect:4200"}, "server", "http://prefect:4200"},
		{"a key", "", config.Flags{Key: "k"}, "cloud", "https://api.prefect.io"},
		{"Cloud was chosen", "cloud", config.Flags{}, "cloud", "https://api.prefect.io"},
		{"Server was chosen", "server", config.Flags{Key: "k"}, "server", "http://localhost:4200"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			withoutConfiguration(t)
			if tc.env != "" {
				t.Setenv("PREFECT__BACKEND", tc.env)
			}
			cfg, err := loadConfig(tc.flags)
			assert.NilError(t, err)
			assert.Equal(t, cfg.Backend, tc.backend)
			assert.Equal(t, cfg.API, tc.api)
		})
	}
}

func TestLocalUsesNoCredentialsOfCloud(t *testing.T) {
	withoutConfiguration(t)
	t.Setenv("PREFECT__CLOUD__API_KEY", "k")
	o, err := parseAgentStart(t, "--local")
	assert.NilError(t, err)
	cfg, err := o.configuration()
	assert.NilError(t, err)
	assert.Equal(t, cfg.Key, "")
	assert.Equal(t, cfg.API, "http://localhost:4200")
}

func TestMistakesOnTheCommandLineHaveTheirStatus(t *testing.T) {
	withoutConfiguration(t)
	for _, args := range []string{"--max-polls -2", "--docker-client-timeout -1", "--local --api http://x:1", "--insecure", "--label=", "--env =x"} {
		o, err := parseAgentStart(t, strings.Fields(args)...)
		assert.NilError(t, err)
		_, err = o.configuration()
		status, ok := err.(cli.StatusError) //nolint:errorlint // docker's framework wants it as it is
		assert.Assert(t, ok, "%s: %v", args, err)
		assert.Equal(t, status.StatusCode, exitUsage)
	}
}

func TestExitStatusesTellTheKind(t *testing.T) {
	assert.NilError(t, exitError(nil))
	for want, err := range map[int]error{
		exitFailure:      errors.New("any"),
		exitUnauthorized: fmt.Errorf("register: %w", graphql.ErrUnauthorized),
		exitStuck:        agent.ErrStuck,
		exitNotDrained:   errors.Join(fmt.Errorf("%w within 1s", agent.ErrNotDrained)),
		exitUsage:        usageError(errors.New("flag")),
		exitAborted:      withStatus(errors.New("signal"), exitAborted),
	} {
		status, ok := exitError(err).(cli.StatusError) //nolint:errorlint // docker's framework wants it as it is
		assert.Assert(t, ok)
		assert.Equal(t, status.StatusCode, want)
		assert.Equal(t, status.Error(), err.Error())
	}
}

func TestParametersAreJSONOrElseText(t *testing.T) {
	got, err := parseParams([]string{"n=3", "s=hello", "o={\"a\": [1]}", "e=", "q=\"3\""})
	assert.NilError(t, err)
	want := map[string]string{"n": "3", "s": `"hello"`, "o": `{"a": [1]}`, "e": `""`, "q": `"3"`}
	assert.Equal(t, len(got), len(want))
	for name, text := range want {
		assert.Equal(t, string(got[name]), text)
	}
	_, err = parseParams([]string{"=x"})
	assert.ErrorContains(t, err, "NAME=VALUE")
}

func TestReliabilityFlagsAreCheckedBeforeAnythingStarts(t *testing.T) {
	withoutConfiguration(t)
	for args, want := range map[string]string{
		"--limit -1":          "--limit -1",
		"--keep-failed -1":    "--keep-failed -1",
		"--on-crash explode":  `--on-crash "explode": write fail, reschedule or ignore`,
		"--on-stop wait":      `--on-stop "wait": write detach or kill`,
		"--cancel-poll 0s":    "--cancel-poll 0s",
		"--cancel-grace -1s":  "--cancel-grace -1s",
		"--drain-timeout 0s":  "--drain-timeout 0s",
		"--drain-timeout -1s": "--drain-timeout -1s",
	} {
		o, err := parseAgentStart(t, strings.Fields(args)...)
		assert.NilError(t, err)
		cfg, err := o.configuration()
		assert.NilError(t, err)
		_, err = o.agentConfig(cfg)
		assert.ErrorContains(t, err, want)
		var status cli.StatusError
		assert.Assert(t, errors.As(err, &status), args)
		assert.Equal(t, status.StatusCode, exitUsage)
	}
}
