package lan

import (
	"net"
	"testing"
)

func TestHostIsWhatIsCounted(t *testing.T) {
	at := func(s string) string {
		a, err := net.ResolveTCPAddr("tcp", s)
		if err != nil {
			t.Fatal(err)
		}
		return host(a)
	}
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1:1", "192.0.2.1:2", true},
		{"192.0.2.1:1", "192.0.2.2:1", false},
		{"192.0.2.1:1", "[::ffff:192.0.2.1]:1", true},
		{"[2001:db8::1]:1", "[2001:db8::ffff:1]:2", true},
		{"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
		{"[::1]:1", "127.0.0.1:1", false},
	} {
		if (at(test.a) == at(test.b)) != test.same {
			t.Errorf("%s counts as %s, %s as %s", test.a, at(test.a), test.b, at(test.b))
		}
	}
	if h := host(&net.UnixAddr{Name: "x"}); h != "x" {
		t.Error(h)
	}
}

// A flood from one address does not displace the stranger from another that is
// just about to connect.
func TestFloodDisplacesItself(t *testing.T) {
	g := newGate(nil, Limits{Connections: 8, PerAddress: 8})
	pos := &gated{gate: g, address: "pos"}
	if _, ok := g.admit(pos); !ok {
		t.Fatal("not admitted")
	}
	for range 20 {
		out, ok := g.admit(&gated{gate: g, address: "flood"})
		if !ok || out == pos {
			t.Fatalf("admitted %t, put out %+v", ok, out)
		}
	}
	if len(g.strangers) != 4 || g.open != 4 {
		t.Fatalf("%d strangers of %d", len(g.strangers), g.open)
	}
	pos.trust()
	for _, address := range []string{"flood", "other"} {
		for range 8 {
			known := &gated{gate: g, address: address}
			g.admit(known)
			known.trust()
		}
	}
	if g.open != 8 || len(g.strangers) != 0 {
		t.Fatalf("%d open, %d strangers", g.open, len(g.strangers))
	}
	if out, ok := g.admit(&gated{gate: g, address: "third"}); ok || out != nil {
		t.Fatal("a POS that is connected was put out")
	}
}
