package boot

import (
	"strings"
	"testing"
)

func TestNetworkSettings(t *testing.T) {
	for _, n := range []Network{
		{},
		{Hostname: "till-3", Interface: "eth1", Nameservers: []string{"9.9.9.9", "2620:fe::fe"}},
		{Address: "10.0.2.77/24"},
		{Address: "10.0.2.77/24", Gateway: "10.0.2.2"},
	} {
		if err := n.Check(); err != nil {
			t.Errorf("%+v: %v", n, err)
		}
	}
	for want, n := range map[string]Network{
		"hostname":              {Hostname: "till 3"},
		"single name":           {Hostname: strings.Repeat("a", 64)},
		"not like":              {Address: "10.0.2.77"},
		"192.168.1.20/24":       {Address: "fe80::1/64"},
		"without an address":    {Gateway: "10.0.2.2"},
		"address in 10.0.2.0/2": {Address: "10.0.2.77/24", Gateway: "10.0.3.2"},
		"not another address":   {Address: "10.0.2.77/24", Gateway: "10.0.2.77"},
		"is not an IP address":  {Nameservers: []string{"dns.example"}},
	} {
		if err := n.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", n, err, want)
		}
	}
}

func TestPort(t *testing.T) {
	for listen, want := range map[string]uint16{":4443": 4443, "0.0.0.0:1": 1, "[::]:65535": 65535, ":0": 0, "": 0, "4443": 0, ":65536": 0, ":http": 0} {
		if got, err := (Settings{Listen: listen}).port(); got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: got %d, %v", listen, got, err)
		}
	}
}
