package reader

import (
	"net"
	"testing"

	"github.com/vishvananda/netlink"
)

// A3: the network is that of the preferred gateway, and of no other while that
// one is not known.
func TestNetworkIsThePreferredGateway(t *testing.T) {
	everywhere := func(s string) *net.IPNet {
		_, n, err := net.ParseCIDR(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	through := func(gateway string, link, metric int) netlink.Route {
		return netlink.Route{Dst: everywhere("0.0.0.0/0"), Gw: net.ParseIP(gateway), LinkIndex: link, Priority: metric}
	}
	shop, wifi := through("192.0.2.1", 2, 100), through("198.51.100.1", 3, 600)
	older := shop
	older.Dst = nil // as older kernels tell it
	for name, test := range map[string]struct {
		routes []netlink.Route
		want   string
	}{
		"one":                       {[]netlink.Route{shop}, "192.0.2.1"},
		"no destination":            {[]netlink.Route{older}, "192.0.2.1"},
		"two, by metric":            {[]netlink.Route{wifi, shop}, "192.0.2.1"},
		"two alike, by link":        {[]netlink.Route{through("198.51.100.1", 3, 100), shop}, "192.0.2.1"},
		"a tunnel has no gateway":   {[]netlink.Route{{Dst: everywhere("0.0.0.0/0"), LinkIndex: 9}, wifi}, "198.51.100.1"},
		"half of all is not all":    {[]netlink.Route{{Dst: everywhere("0.0.0.0/1"), Gw: net.ParseIP("203.0.113.1")}, wifi}, "198.51.100.1"},
		"IPv6":                      {[]netlink.Route{{Dst: everywhere("::/0"), Gw: net.ParseIP("fe80::1"), LinkIndex: 2}}, "fe80::1"},
		"none":                      {[]netlink.Route{{Dst: everywhere("192.0.2.0/24"), LinkIndex: 2}}, ""},
		"a way to a part is no way": {[]netlink.Route{{Dst: everywhere("10.0.0.0/8"), Gw: net.ParseIP("192.0.2.9"), LinkIndex: 2}}, ""},
	} {
		route, ok := defaultRoute(test.routes)
		if ok != (test.want != "") || ok && !route.Gw.Equal(net.ParseIP(test.want)) {
			t.Errorf("%s: %v, %v", name, route.Gw, ok)
		}
	}

	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	neighbours := []netlink.Neigh{{IP: net.ParseIP("192.0.2.7"), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 7}}, {IP: net.ParseIP("192.0.2.1"), HardwareAddr: mac}}
	known := fingerprint(neighbours, net.ParseIP("192.0.2.1"))
	if len(known) != 32 || known == fingerprint(neighbours, net.ParseIP("192.0.2.7")) {
		t.Errorf("fingerprint %q", known)
	}
	moved := []netlink.Neigh{{IP: net.ParseIP("10.1.1.1"), HardwareAddr: mac}}
	if again := fingerprint(moved, net.ParseIP("10.1.1.1")); again != known {
		t.Errorf("other addresses behind the same gateway: %q, want %q", again, known)
	}
	for _, unknown := range []net.HardwareAddr{nil, {0, 0, 0, 0, 0, 0}} {
		if got := fingerprint([]netlink.Neigh{{IP: net.ParseIP("192.0.2.1"), HardwareAddr: unknown}}, net.ParseIP("192.0.2.1")); got != "" {
			t.Errorf("gateway that does not answer (%v): %q", unknown, got)
		}
	}
}
