package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"

	"github.com/google/uuid"
	"github.com/mozillazg/go-unidecode"
)

// setCredentials finds key and tenant, each on its own: flag, configuration, auth.toml (1.4.1 client.py).
// Behind these come the places where Prefect 0.13 kept its tokens.
func (c *Config) setCredentials(s *settings, flags Flags) error {
	home := s.setting("home_dir").text
	stored, err := storedCredentials(s.src, filepath.Join(home, "auth.toml"), hostSlug(c.API), "api_key", "tenant_id")
	if err != nil {
		return err
	}
	key := first(pick("--key", flags.Key, s.setting("cloud.api_key")), stored.key,
		s.setting("cloud.agent.auth_token"), s.setting("cloud.auth_token"))
	tenant := first(pick("--tenant-id", flags.TenantID, s.setting("cloud.tenant_id")), stored.tenant)
	if key.text == "" && c.Backend == "cloud" {
		path := filepath.Join(home, "client", slug(c.API+"/graphql"), "settings.toml")
		old, err := storedCredentials(s.src, path, "", "api_token", "active_tenant_id")
		if err != nil {
			return err
		}
		key, tenant = old.key, first(tenant, old.tenant)
	}
	c.Key = strings.TrimSpace(key.text)
	if strings.ContainsFunc(c.Key, unicode.IsControl) {
		return key.secret("holds a line break or another character that cannot be sent; copy the key again")
	}
	if tenant.text != "" {
		c.TenantID, err = parseUUID(tenant)
	}
	return err
}

// first returns the first setting that is not empty.
func first(settings ...setting) setting {
	for _, s := range settings {
		if s.text != "" {
			return s
		}
	}
	return setting{}
}

type credentials struct{ key, tenant setting }

// storedCredentials reads a file that Prefect's command line writes, or one table of it. The zero value
// means that there is none.
func storedCredentials(src Source, path, table, keyName, tenantName string) (credentials, error) {
	text, err := src.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return credentials{}, nil
	}
	if err != nil {
		return credentials{}, fmt.Errorf("read credentials: %w", err)
	}
	stored, err := decodeTOML(path, text)
	if err != nil {
		return credentials{}, err
	}
	if table != "" {
		stored, _ = stored[table].(map[string]any)
	}
	get := func(name string) setting {
		text, _ := stored[name].(string)
		return setting{text: text, from: name + " in " + path}
	}
	return credentials{key: get(keyName), tenant: get(tenantName)}, nil
}

var (
	notInSlugs    = regexp.MustCompile(`[^-.a-z0-9]+`)
	severalDashes = regexp.MustCompile(`-{2,}`)
)

// slug is what Prefect makes of a URL to name files and tables.
func slug(text string) string {
	text = strings.ToLower(unidecode.Unidecode(text))
	text = notInSlugs.ReplaceAllString(text, "-")
	return strings.Trim(severalDashes.ReplaceAllString(text, "-"), "-")
}

// hostSlug names the API's table in auth.toml: user, host and port, or all if that is none.
func hostSlug(api string) string {
	if _, rest, ok := strings.Cut(api, "://"); ok {
		if end := strings.IndexAny(rest, "/?#"); end >= 0 {
			rest = rest[:end]
		}
		if rest != "" {
			return slug(rest)
		}
	}
	return slug(api)
}

// parseUUID takes the forms that Python's uuid.UUID takes and returns the usual one.
func parseUUID(s setting) (string, error) {
	hex := strings.NewReplacer("urn:", "", "uuid:", "").Replace(s.text)
	hex = strings.ReplaceAll(strings.Trim(hex, "{}"), "-", "")
	id, err := uuid.Parse(hex)
	if err != nil {
		return "", s.wrong("give a UUID, as in 0f8fad5b-d9cb-469f-a165-70867728950e")
	}
	return id.String(), nil
}
