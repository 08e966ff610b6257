package plugin

import (
	"errors"
	"fmt"
	"testing"

	"github.com/docker/cli/cli"
	"gotest.tools/v3/assert"

	"github.com/docker-prefect/docker-prefect/agent"
	"github.com/docker-prefect/docker-prefect/graphql"
)

func TestEveryKindOfEndHasItsStatus(t *testing.T) {
	for status, err := range map[int]error{
		1:   errors.New("whatever"),
		4:   fmt.Errorf("find the tenant: %w", graphql.ErrUnauthorized),
		5:   agent.ErrStuck,
		6:   errors.Join(fmt.Errorf("%w within 1s", agent.ErrNotDrained)),
		125: usageError(errors.New("unknown flag")),
	} {
		var got cli.StatusError
		assert.Assert(t, errors.As(exitError(err), &got))
		assert.Equal(t, got.StatusCode, status)
		assert.Equal(t, got.Status, err.Error(), "docker prints it whole")
	}
	assert.NilError(t, exitError(nil))
}
