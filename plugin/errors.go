package plugin

import (
	"errors"

	"github.com/docker/cli/cli"

	"github.com/docker-prefect/docker-prefect/agent"
	"github.com/docker-prefect/docker-prefect/graphql"
)

// Exit statuses; docs/exit-codes.md lists them for users.
const (
	exitFailure      = 1
	exitUnauthorized = 4   // the API rejects the credentials: a supervisor need not start again
	exitStuck        = 5   // the poll loop does not advance: to be started again
	exitNotDrained   = 6   // --drain-timeout was over before everything was finished
	exitUsage        = 125 // docker's own
	exitAborted      = 130 // a second signal came before the drain was over
)

// usageError marks err as a mistake on the command line.
func usageError(err error) error { return withStatus(err, exitUsage) }

// exitError gives an error the status that tells its kind to scripts.
func exitError(err error) error {
	var status cli.StatusError
	switch {
	case err == nil, errors.As(err, &status):
		return err
	case errors.Is(err, graphql.ErrUnauthorized):
		return withStatus(err, exitUnauthorized)
	case errors.Is(err, agent.ErrStuck):
		return withStatus(err, exitStuck)
	case errors.Is(err, agent.ErrNotDrained):
		return withStatus(err, exitNotDrained)
	}
	return withStatus(err, exitFailure)
}

// withStatus builds what docker's plugin framework understands: a value, with the whole text in it.
func withStatus(err error, code int) error {
	return cli.StatusError{Cause: err, Status: err.Error(), StatusCode: code}
}
