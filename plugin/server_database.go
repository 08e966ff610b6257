package plugin

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"
)

// serverDatabaseVariable gives a server the address of its database where a flag would show the password in it to
// everybody who lists processes.
const serverDatabaseVariable = "DOCKER_PREFECT_SERVER_DATABASE"

// databaseOptions are the flags that say where a server keeps things.
type databaseOptions struct {
	data string // directory; empty: defaultDataDir
	url  string // of PostgreSQL; empty: that of the environment, else a file in data
}

func (o *databaseOptions) install(flags *pflag.FlagSet) {
	flags.StringVar(&o.data, "data", "", "Directory of the database file (default in the user's configuration directory)")
	flags.StringVar(&o.url, "database", "", "PostgreSQL database to use instead of a file, as postgres://USER:PASSWORD@HOST/DATABASE "+
		"(default: that of "+serverDatabaseVariable+")")
}

// resolve fills in what was not given. Either data or url is set then.
func (o databaseOptions) resolve() (databaseOptions, error) {
	switch {
	case o.data != "" && o.url != "":
		return o, usageError(errors.New("--data is about a database file, --database about PostgreSQL; leave out either"))
	case o.data != "":
		return o, nil
	case o.url == "":
		o.url = os.Getenv(serverDatabaseVariable)
	}
	if o.url != "" {
		return o, nil
	}
	var err error
	o.data, err = defaultDataDir()
	return o, err
}

// defaultDataDir is where desktop systems expect it, such as ~/.config/docker-prefect.
func defaultDataDir() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the user's configuration directory (or pass --data): %w", err)
	}
	return filepath.Join(dir, "docker-prefect"), nil
}
