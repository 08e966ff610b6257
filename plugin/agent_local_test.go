package plugin

import (
	"os"
	"path/filepath"
	"testing"

	"gotest.tools/v3/assert"
)

func TestTheAPIOfLocalIsOpenToThisMachineAndItsContainers(t *testing.T) {
	withoutConfiguration(t)
	dir := filepath.Join(t.TempDir(), "new")
	local := func(env string, args ...string) (access, error) {
		t.Setenv(serverKeyVariable, env)
		o, err := parseAgentStart(t, append([]string{"--local"}, args...)...)
		assert.NilError(t, err)
		return o.localAccess(dir)
	}
	first, err := local("")
	assert.NilError(t, err)
	assert.Assert(t, first.openLoopback && first.beyond && len(first.key) >= 26)
	again, err := local("") // containers go on while the agent is started again
	assert.NilError(t, err)
	assert.Equal(t, again, first)
	info, err := os.Stat(filepath.Join(dir, "api-key"))
	assert.NilError(t, err)
	assert.Equal(t, info.Mode().Perm(), os.FileMode(0o600))
	other, err := localKey(t.TempDir())
	assert.NilError(t, err)
	assert.Assert(t, other != first.key)
	assert.NilError(t, os.WriteFile(filepath.Join(dir, "api-key"), []byte("\n"), 0o600))
	_, err = local("")
	assert.ErrorContains(t, err, "api-key\" is empty")

	for _, test := range []struct {
		env  string
		args []string
		want access
	}{
		{"", []string{"--insecure"}, access{beyond: true}},
		{"", []string{"--key", "k"}, access{key: "k", beyond: true}},
		{"", []string{"--token", "k"}, access{key: "k", beyond: true}},
		{"e", nil, access{key: "e", beyond: true}},
		{"e", []string{"-k", "k"}, access{key: "k", beyond: true}},
	} {
		got, err := local(test.env, test.args...)
		assert.NilError(t, err)
		assert.Equal(t, got, test.want)
	}
	for _, args := range [][]string{{"--insecure", "--key", "k"}, {"--key", "a b"}} {
		_, err := local("", args...)
		assert.ErrorContains(t, err, "--key")
	}
}
