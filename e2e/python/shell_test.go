//go:build e2e && python

package python

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// shell is a user with a home of their own, who has chosen the server of this world.
type shell struct {
	home string
	env  []string
}

func newShell(t *testing.T) shell {
	t.Helper()
	home := t.TempDir()
	return shell{home: home, env: environment(home)}
}

// prefect runs Prefect's command line, which must succeed, and returns what it printed.
func (s shell) prefect(t *testing.T, args ...string) string {
	t.Helper()
	out, status := command(t, s.env, prefect(), args...)
	assert.Equal(t, status, 0, "prefect %s: %s", strings.Join(args, " "), out)
	return out
}

// python runs a script in the user's home, which must succeed, and returns what it printed.
func (s shell) python(t *testing.T, script string) string {
	t.Helper()
	out, status := command(t, s.env, python(), script)
	assert.Equal(t, status, 0, "python %s: %s", script, out)
	return out
}

// write writes a file into the user's home and returns its path.
func (s shell) write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(s.home, name)
	assert.NilError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// flow writes a flow of this name, which needs no container, and returns the file's path.
func (s shell) flow(t *testing.T, name string) string {
	t.Helper()
	return s.write(t, name+".py", fmt.Sprintf(`
from prefect import Flow, Parameter, task
from prefect.storage import Local

@task(log_stdout=True, max_retries=3, retry_delay=__import__("datetime").timedelta(seconds=5), tags=["a tag"])
def say(x):
    """Says something."""
    print(f"said {x}")
    if x < 0:
        raise ValueError("negative")

with Flow(%q, storage=Local(path=__file__, stored_as_script=True, add_default_labels=False)) as flow:
    say(Parameter("x"))
`, name))
}

// contains asserts that the output has all the texts.
func contains(t *testing.T, output string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		assert.Assert(t, strings.Contains(output, text), "no %q in: %s", text, output)
	}
}
