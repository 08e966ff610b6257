package plugin

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

func TestStandaloneArgsInsertTheMissingWord(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{"docker-prefect", "docker-prefect prefect"},
		{"docker-prefect prefect agent start", "docker-prefect prefect agent start"},
		{"docker-prefect agent start -l x", "docker-prefect prefect agent start -l x"},
		{"docker-prefect --help", "docker-prefect --help prefect"},
		{"docker-prefect -H tcp://x:1 agent", "docker-prefect -H tcp://x:1 prefect agent"},
		{"docker-prefect --context prod prefect agent", "docker-prefect --context prod prefect agent"},
		{"docker-prefect --tlsverify --log-level=debug agent", "docker-prefect --tlsverify --log-level=debug prefect agent"},
		{"docker-prefect docker-cli-plugin-metadata", "docker-prefect docker-cli-plugin-metadata"},
		{"docker-prefect __complete prefect ag", "docker-prefect __complete prefect ag"},
		{"docker-prefect __complete ag", "docker-prefect __complete prefect ag"},
		{"docker-prefect --nonsense agent", "docker-prefect prefect --nonsense agent"},
	} {
		t.Run(tc.args, func(t *testing.T) {
			assert.Equal(t, strings.Join(StandaloneArgs(strings.Fields(tc.args)), " "), tc.want)
		})
	}
}
