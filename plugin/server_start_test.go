package plugin

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/docker/cli/cli"
	"github.com/spf13/pflag"
	"gotest.tools/v3/assert"

	"github.com/docker-prefect/docker-prefect/server"
)

func TestWhereAServerKeepsThings(t *testing.T) {
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	file := databaseOptions{data: filepath.Join(home, "docker-prefect")}
	for _, test := range []struct {
		env   string
		given databaseOptions
		want  databaseOptions
	}{
		{"", databaseOptions{}, file},
		{"", databaseOptions{data: "d"}, databaseOptions{data: "d"}},
		{"postgres://e", databaseOptions{}, databaseOptions{url: "postgres://e"}},
		{"postgres://e", databaseOptions{data: "d"}, databaseOptions{data: "d"}},
		{"postgres://e", databaseOptions{url: "postgres://f"}, databaseOptions{url: "postgres://f"}},
	} {
		t.Setenv(serverDatabaseVariable, test.env)
		got, err := test.given.resolve()
		assert.NilError(t, err)
		assert.Equal(t, got, test.want)
	}
	_, err := databaseOptions{data: "d", url: "postgres://secret@h"}.resolve()
	assertUsage(t, err, "--data is about a database file, --database about PostgreSQL; leave out either")
}

func TestTheServicesOfAServerCanBeSetAndSwitchedOff(t *testing.T) {
	services := func(args ...string) (server.Services, error) {
		var o serviceOptions
		flags := pflag.NewFlagSet("server start", pflag.ContinueOnError)
		o.install(flags)
		assert.NilError(t, flags.Parse(args))
		return o.services()
	}
	usual, err := services()
	assert.NilError(t, err)
	assert.Equal(t, usual, server.Services{
		SchedulerInterval: 150 * time.Second, LazarusInterval: 10 * time.Minute, ZombieKillerInterval: 2 * time.Minute, StaleAfter: 10 * time.Minute,
	})
	chosen, err := services("--scheduler-interval", "0", "--lazarus-interval", "1s", "--zombie-killer-interval", "2s", "--stale-after", "3s")
	assert.NilError(t, err)
	assert.Equal(t, chosen, server.Services{
		SchedulerInterval: -1, LazarusInterval: time.Second, ZombieKillerInterval: 2 * time.Second, StaleAfter: 3 * time.Second,
	})
	_, err = services("--lazarus-interval", "-1s")
	assertUsage(t, err, "--lazarus-interval -1s: give at least 1s, or 0 to switch it off")
	_, err = services("--stale-after", "0")
	assertUsage(t, err, "--stale-after 0s: give at least 1s")
}

func assertUsage(t *testing.T, err error, text string) {
	t.Helper()
	assert.Error(t, err, text)
	var status cli.StatusError
	assert.Assert(t, errors.As(err, &status))
	assert.Equal(t, status.StatusCode, exitUsage)
}
