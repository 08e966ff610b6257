package agent

import (
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestImagesMustComeFromAnAllowedRegistry(t *testing.T) {
	const id = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	for _, c := range []struct {
		image   string
		allowed []string
		want    bool
	}{
		{"anything/at:all", nil, true},
		{"not a reference", nil, true},

		{"prefecthq/prefect:1.4.1", []string{"docker.io"}, true},
		{"prefecthq/prefect:1.4.1", []string{"index.docker.io"}, true},
		{"prefecthq/prefect:1.4.1", []string{"https://index.docker.io/v1/"}, true},
		{"docker.io/prefecthq/prefect", []string{"registry-1.docker.io"}, true},
		{"index.docker.io/prefecthq/prefect", []string{"docker.io"}, true},
		{"python:3.9", []string{"docker.io"}, true},
		{"python:3.9", []string{"quay.io"}, false},
		{"prefecthq/prefect:1.4.1", []string{"quay.io", "ghcr.io"}, false},

		{"prefecthq/prefect:1.4.1", []string{"prefecthq"}, true}, // as lists for Python have it
		{"docker.io/prefecthq/prefect", []string{"prefecthq"}, true},
		{"evil.io/prefecthq/prefect", []string{"prefecthq"}, false},
		{"other/prefecthq", []string{"prefecthq"}, false},
		{"prefecthq-evil/prefect", []string{"prefecthq"}, false},
		{"python:3.9", []string{"library"}, true},

		{"quay.io/a/b@" + id, []string{"quay.io"}, true},
		{"QUAY.io/a/b", []string{"quay.IO"}, true},
		{"quay.io/a/b", []string{"https://quay.io/"}, true},
		{"quay.io/a/b", []string{"quay.io/a"}, false},
		{"quay.io.evil.com/a/b", []string{"quay.io"}, false},
		{"localhost:5000/x", []string{"localhost:5000"}, true},
		{"localhost:5001/x", []string{"localhost:5000"}, false},
		{"localhost/x", []string{"docker.io"}, false},

		{id, []string{"docker.io"}, false},
		{id[len("sha256:"):], []string{"docker.io"}, false},
		{"not a reference", []string{"docker.io"}, false},
		{"https:/reg.io/x:1", []string{"reg.io"}, false},
	} {
		err := checkRegistry(c.image, c.allowed)
		assert.Check(t, (err == nil) == c.want, "%s with %v: %v", c.image, c.allowed, err)
		if err != nil {
			assert.Check(t, is.ErrorContains(err, c.image))
			assert.Check(t, is.ErrorContains(err, c.allowed[0]), "the way out")
		}
	}
}

func TestOnlyImagesWithASlashArePulledUnlessForbidden(t *testing.T) {
	assert.Check(t, needsPull(false, "prefecthq/prefect:1.4.1"))
	assert.Check(t, !needsPull(false, "prefect-flow:1.4.1"))
	assert.Check(t, !needsPull(true, "prefecthq/prefect:1.4.1"))
}
