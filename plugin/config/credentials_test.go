package config

import (
	"errors"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

const (
	tenant1 = "0f8fad5b-d9cb-469f-a165-70867728950e"
	tenant2 = "11111111-1111-1111-1111-111111111111"
)

const authTOML = `# This file is written by Prefect

["api.prefect.io"]
api_key = "stored"
tenant_id = "` + tenant1 + `"

["localhost-4200"]
api_key = "local"

["logged-out"]
api_key = ""
tenant_id = ""
`

var stored = map[string]string{"/home/me/.prefect/auth.toml": authTOML}

func TestKeyAndTenantComeFromTheirNearestPlace(t *testing.T) {
	for _, tc := range []struct {
		name        string
		flags       Flags
		env         []string
		key, tenant string
	}{
		{"stored", Flags{}, nil, "stored", tenant1},
		{"stored for the API that a flag names", Flags{API: "http://LOCALHOST:4200/graphql"}, nil, "local", ""},
		{"stored for the API that a variable names", Flags{}, []string{"PREFECT__CLOUD__API=http://localhost:4200"}, "local", ""},
		{"stored for a server", Flags{}, []string{"PREFECT__BACKEND=server"}, "local", ""},
		{"stored after a logout", Flags{API: "http://logged_out"}, nil, "", ""},
		{"stored for another API", Flags{API: "http://other"}, nil, "", ""},
		{"a variable, and a stored tenant", Flags{}, []string{"PREFECT__CLOUD__API_KEY=k"}, "k", tenant1},
		{"a variable for the tenant", Flags{}, []string{"PREFECT__CLOUD__TENANT_ID=" + tenant2}, "stored", tenant2},
		{"empty variables", Flags{}, []string{"PREFECT__CLOUD__API_KEY=", "PREFECT__CLOUD__TENANT_ID="}, "stored", tenant1},
		{"flags", Flags{Key: "f", TenantID: tenant2}, []string{"PREFECT__CLOUD__API_KEY=k", "PREFECT__CLOUD__TENANT_ID=" + tenant1}, "f", tenant2},
		{"0.13's token behind a stored key", Flags{}, []string{"PREFECT__CLOUD__AGENT__AUTH_TOKEN=t"}, "stored", tenant1},
		{"0.13's token", Flags{API: "http://h"}, []string{"PREFECT__CLOUD__AUTH_TOKEN=u", "PREFECT__CLOUD__AGENT__AUTH_TOKEN=t"}, "t", ""},
		{"0.13's other token", Flags{API: "http://h"}, []string{"PREFECT__CLOUD__AUTH_TOKEN=u"}, "u", ""},
		{"another home", Flags{}, []string{"PREFECT__HOME_DIR=/elsewhere"}, "", ""},
		{"a key with blanks around it", Flags{Key: " k\n"}, nil, "k", tenant1},
		{"a key and a server", Flags{Key: "k"}, []string{"PREFECT__BACKEND=server"}, "k", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := loadFiles(t, stored, tc.flags, tc.env...)
			assert.Check(t, is.Equal(cfg.Key, tc.key))
			assert.Check(t, is.Equal(cfg.TenantID, tc.tenant))
		})
	}
}

func TestTheTokenThatPrefect013StoredIsTheLastResortForCloud(t *testing.T) {
	files := map[string]string{
		"/home/me/.prefect/client/https-api.prefect.io-graphql/settings.toml": `api_token = "old"
active_tenant_id = "` + tenant2 + `"`,
		"/home/me/.prefect/client/http-localhost-4200-graphql/settings.toml": `api_token = "old"`,
	}
	cfg := loadFiles(t, files, Flags{})
	assert.Check(t, is.Equal(cfg.Key, "old"))
	assert.Check(t, is.Equal(cfg.TenantID, tenant2))

	cfg = loadFiles(t, files, Flags{Key: "k"})
	assert.Check(t, is.Equal(cfg.Key, "k"))
	assert.Check(t, is.Equal(cfg.TenantID, ""))

	cfg = loadFiles(t, files, Flags{}, "PREFECT__BACKEND=server")
	assert.Check(t, is.Equal(cfg.Key, ""))
}

// Checked against Prefect's python-slugify.
func TestSlugsOfAPIs(t *testing.T) {
	for api, want := range map[string][2]string{
		"https://api.prefect.io":        {"api.prefect.io", "https-api.prefect.io-graphql"},
		"http://localhost:4200":         {"localhost-4200", "http-localhost-4200-graphql"},
		"http://localhost:4200/graphql": {"localhost-4200", "http-localhost-4200-graphql-graphql"},
		"localhost:4200":                {"localhost-4200", "localhost-4200-graphql"},
		"http://my_host:4200/x":         {"my-host-4200", "http-my-host-4200-x-graphql"},
		"https://API.Example.COM":       {"api.example.com", "https-api.example.com-graphql"},
		"http://u:p@h:1":                {"u-p-h-1", "http-u-p-h-1-graphql"},
		"http://[::1]:4200":             {"1-4200", "http-1-4200-graphql"},
		"http://bücher.example:80/":     {"bucher.example-80", "http-bucher.example-80-graphql"},
		"http://a--b.c/":                {"a-b.c", "http-a-b.c-graphql"},
		"http://h?x=1":                  {"h", "http-h-x-1-graphql"},
		"http://h#f":                    {"h", "http-h-f-graphql"},
	} {
		assert.Check(t, is.Equal(hostSlug(api), want[0]), api)
		assert.Check(t, is.Equal(slug(api+"/graphql"), want[1]), api)
	}
}

// Checked against Python's uuid.UUID.
func TestTenantsAreUUIDsInAnyFormOfPython(t *testing.T) {
	for _, text := range []string{
		tenant1, strings.ToUpper(tenant1), "{" + tenant1 + "}", "urn:uuid:" + tenant1, strings.ReplaceAll(tenant1, "-", ""),
		"0f8fad5b-d9cb469fa165-70867728950e", "{" + tenant1,
	} {
		assert.Check(t, is.Equal(load(t, Flags{TenantID: text}).TenantID, tenant1), text)
	}
	// Only digits: Prefect makes a number of it, and fails.
	digits := load(t, Flags{}, "PREFECT__CLOUD__TENANT_ID=12345678123456781234567812345678")
	assert.Check(t, is.Equal(digits.TenantID, "12345678-1234-5678-1234-567812345678"))
	for _, text := range []string{"x", "0f8fad5b", " " + tenant1, tenant1[:35] + "g", "URN:UUID:" + tenant1, strings.Repeat("é", 16)} {
		assert.ErrorContains(t, loadError(t, Flags{TenantID: text}), "give a UUID")
	}
}

func TestMistakesInCredentialFilesAreReportedWithoutTheirContent(t *testing.T) {
	for text, want := range map[string]string{
		"[\"api.prefect.io\"]\napi_key = \"secret":      "/home/me/.prefect/auth.toml is not valid TOML: line 2, column 17: ",
		"[\"api.prefect.io\"]\napi_key = se\"cret":      "/home/me/.prefect/auth.toml is not valid TOML: line 2, column 11: ",
		"[\"api.prefect.io\"]\napi_key = 'se\\ncret' x": "/home/me/.prefect/auth.toml is not valid TOML: line 2, column 22: ",
		"[\"api.prefect.io\"]\ntenant_id = 'abc'":       `tenant_id in /home/me/.prefect/auth.toml "abc": give a UUID`,
		"[\"api.prefect.io\"]\napi_key = \"se\\ncret\"": "api_key in /home/me/.prefect/auth.toml holds a line break",
	} {
		src := source(nil)
		src.files["/home/me/.prefect/auth.toml"] = text
		_, err := Load(src.Source(), Flags{})
		assert.Check(t, is.ErrorContains(err, want))
		assert.Check(t, !strings.Contains(err.Error(), "cret"), "%v", err)
		var usage *UsageError
		assert.Check(t, !errors.As(err, &usage))
	}
}
