package plugin

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/cli/cli"
	"github.com/spf13/pflag"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func parseAccess(t *testing.T, args ...string) (access, error) {
	t.Helper()
	var o accessOptions
	flags := pflag.NewFlagSet("server start", pflag.ContinueOnError)
	o.install(flags)
	assert.NilError(t, flags.Parse(args))
	return o.access()
}

func TestAServersKeyComesFromAFlagAFileOrTheEnvironment(t *testing.T) {
	t.Setenv(serverKeyVariable, "")
	file := filepath.Join(t.TempDir(), "key")
	assert.NilError(t, os.WriteFile(file, []byte("of-file\n"), 0o600))
	for _, test := range []struct {
		args, env string
		want      access
	}{
		{"", "", access{}},
		{"--insecure", "", access{beyond: true}},
		{"--api-key of-flag", "", access{key: "of-flag", beyond: true}},
		{"--api-key-file " + file, "", access{key: "of-file", beyond: true}},
		{"", "of-env", access{key: "of-env", beyond: true}},
		{"--api-key of-flag", "of-env", access{key: "of-flag", beyond: true}},
		{"--api-key-file " + file, "of-env", access{key: "of-file", beyond: true}},
	} {
		t.Setenv(serverKeyVariable, test.env)
		got, err := parseAccess(t, strings.Fields(test.args)...)
		assert.NilError(t, err, test.args)
		assert.Equal(t, got, test.want, test.args)
	}
}

func TestMistakesAboutAServersKeyAreNamedWithoutTheKey(t *testing.T) {
	dir := t.TempDir()
	empty, binary := filepath.Join(dir, "empty"), filepath.Join(dir, "binary")
	assert.NilError(t, os.WriteFile(empty, []byte(" \n"), 0o600))
	assert.NilError(t, os.WriteFile(binary, []byte("s3cret\ns3cret"), 0o600))
	for _, test := range []struct {
		env  string
		args []string
		want string
	}{
		{"", []string{"--api-key", ""}, "--api-key is empty"},
		{"", []string{"--api-key", "s3cret s3cret"}, "--api-key has a character"},
		{"", []string{"--api-key", "s3crét"}, "--api-key has a character"},
		{"", []string{"--api-key", "s3cret", "--insecure"}, "--api-key gives a key, and --insecure says"},
		{"s3cret", []string{"--insecure"}, serverKeyVariable + " gives a key, and --insecure says"},
		{"s3cret\t", nil, serverKeyVariable + " has a character"},
		{"", []string{"--api-key", "s3cret", "--api-key-file", empty}, "both give a key"},
		{"", []string{"--api-key-file", empty}, empty + `" is empty`},
		{"", []string{"--api-key-file", binary}, binary + `" has a character`},
		{"", []string{"--api-key-file", dir + "/none"}, dir + "/none: no such file"},
	} {
		t.Setenv(serverKeyVariable, test.env)
		_, err := parseAccess(t, test.args...)
		assert.ErrorContains(t, err, test.want)
		assert.Check(t, !strings.Contains(err.Error(), "s3cr"), err.Error())
		var status cli.StatusError
		assert.Assert(t, errors.As(err, &status), err.Error())
		assert.Equal(t, status.StatusCode, exitUsage)
	}
}

func TestListeningBeyondLoopbackNeedsAWordAboutWhoMayUseTheServer(t *testing.T) {
	for text, loopback := range map[string]bool{
		"127.0.0.1:4200": true, "127.8.9.1:4200": true, "[::1]:4200": true, "localhost:4200": true, "[::ffff:127.0.0.1]:4200": true,
		"0.0.0.0:4200": false, "[::]:4200": false, ":4200": false, "172.17.0.1:4200": false, "10.0.0.1:0": false, "[fe80::1]:4200": false,
	} {
		addresses, err := resolveAddresses([]string{"127.0.0.1:1", text})
		assert.NilError(t, err, text)
		assert.NilError(t, access{beyond: true}.admit(addresses), text)
		err = access{}.admit(addresses)
		if loopback {
			assert.NilError(t, err, text)
			continue
		}
		assert.ErrorContains(t, err, `"`+text+`"`)
		assert.Check(t, is.Contains(err.Error(), "give --api-key, or --insecure"))
		var status cli.StatusError
		assert.Assert(t, errors.As(err, &status), text)
		assert.Equal(t, status.StatusCode, exitUsage)
	}
	for _, text := range []string{"nowhere", "127.0.0.1", "127.0.0.1:", ""} {
		_, err := resolveAddresses([]string{text})
		assert.ErrorContains(t, err, "give HOST:PORT")
	}
	_, err := resolveAddresses([]string{"no-such-host.invalid:4200"})
	assert.ErrorIs(t, err, errListen)
}
