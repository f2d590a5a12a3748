package httpguard

import (
	"net/url"
	"strings"
)

// hostOf returns the host of a URL, with its port if that is not the one of the
// scheme, the same for every spelling that leads to the same server. A request
// without a URL is for the base to refuse.
func hostOf(u *url.URL) string {
	if u == nil {
		return ""
	}
	host, port := strings.ToLower(u.Host), u.Port()
	switch {
	case port == "":
		return strings.TrimSuffix(host, ":")
	case port == "80" && strings.EqualFold(u.Scheme, "http"), port == "443" && strings.EqualFold(u.Scheme, "https"):
		return strings.TrimSuffix(host, ":"+port)
	}
	return host
}
