package config

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

var userInfo = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.-]*://)?.*@`)

// checkAPI wants what a client can connect to. A URL may hold a password, which is not shown.
func checkAPI(api setting) error {
	if api.text == "" {
		return api.secret("is empty; give the URL of the Prefect API, as in http://localhost:4200")
	}
	u, err := url.Parse(api.text)
	api.text = userInfo.ReplaceAllString(api.text, "${1}xxxxx@")
	_, rest, hasScheme := strings.Cut(api.text, "://")
	switch {
	case strings.ContainsFunc(api.text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return api.wrong("a URL has no blanks in it; write it as http://HOST:PORT")
	case !hasScheme:
		return api.wrong("a URL needs a scheme; write it as http://%s", api.text)
	case err != nil:
		return api.wrong("this is no URL; write it as http://HOST:PORT")
	case u.Scheme != "http" && u.Scheme != "https":
		return api.wrong("only http and https can be used; write it as http://%s", rest)
	case u.Hostname() == "":
		return api.wrong("this URL has no host; write it as http://HOST:PORT")
	case u.Port() != "" && !isPort(u.Port()):
		return api.wrong("a port is a number from 1 to 65535")
	}
	return nil
}

// agentAddress returns the address as http://HOST:PORT. Prefect wants a URL, people write HOST:PORT.
func agentAddress(address setting) (string, error) {
	if address.text == "" {
		return "", nil
	}
	text := address.text
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || !isPort(u.Port()) {
		return "", address.wrong("an address needs a port, as in http://127.0.0.1:8080")
	}
	return "http://" + u.Host, nil
}

func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port > 0
}
