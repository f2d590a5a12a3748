package httplimit

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientAddr returns a key for Middleware: the address of the client, as far as it
// can be trusted. Proxies is how many proxies of yours a request passes, each of
// which adds the address that it was called from to X-Forwarded-For: that many
// entries from the end, and not more, are true. With 0 it is the address of the
// connection.
//
// That holds where nobody can reach the server but through the proxies: who can, writes
// all entries itself.
//
// If there are fewer entries than proxies, the request did not come through all of
// them, and the address of the connection counts. It counts too where an entry is
// not an address. IPv6 addresses count by their first 64 bits, which is what one
// subscriber has at least. It panics if proxies is negative.
func ClientAddr(proxies int) func(*http.Request) string {
	if proxies < 0 {
		panic("httplimit: the number of proxies must be at least 0")
	}
	return func(r *http.Request) string {
		if addr, ok := forwarded(r.Header.Values("X-Forwarded-For"), proxies); ok {
			return subscriber(addr)
		}
		if addr, ok := entry(r.RemoteAddr); ok {
			return subscriber(addr)
		}
		return r.RemoteAddr
	}
}

// forwarded returns the n-th address from the end of the lines, which count as one.
func forwarded(lines []string, n int) (netip.Addr, bool) {
	if n == 0 {
		return netip.Addr{}, false
	}
	for _, line := range slices.Backward(lines) {
		for rest := line; ; {
			comma := strings.LastIndexByte(rest, ',')
			if n--; n == 0 {
				return entry(strings.TrimSpace(rest[comma+1:]))
			}
			if comma < 0 {
				break
			}
			rest = rest[:comma]
		}
	}
	return netip.Addr{}, false
}

// entry reads an entry: an address, or one with a port as some proxies write it.
func entry(s string) (netip.Addr, bool) {
	if p, err := netip.ParseAddrPort(s); err == nil {
		return p.Addr(), true
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return addr, err == nil
}

func subscriber(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		p, err := addr.Prefix(64)
		if err == nil {
			return p.String()
		}
	}
	return addr.String()
}
