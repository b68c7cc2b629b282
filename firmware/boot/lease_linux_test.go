package boot

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
)

func answer(t testing.TB, options ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	t.Helper()
	ack, err := dhcpv4.New(append([]dhcpv4.Modifier{
		dhcpv4.WithMessageType(dhcpv4.MessageTypeAck), dhcpv4.WithYourIP(net.IPv4(10, 0, 2, 15)),
		dhcpv4.WithNetmask(net.CIDRMask(24, 32)), dhcpv4.WithLeaseTime(3600),
	}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return ack
}

// server answers renewals as told.
type server struct {
	t       *testing.T
	renew   func(n int) error
	renewed []time.Duration // when it was asked, since the start
	began   time.Time
}

func (s *server) Request(context.Context, ...dhcpv4.Modifier) (*nclient4.Lease, error) {
	s.began = time.Now()
	return &nclient4.Lease{ACK: answer(s.t)}, nil
}

func (s *server) Renew(_ context.Context, l *nclient4.Lease, _ ...dhcpv4.Modifier) (*nclient4.Lease, error) {
	s.renewed = append(s.renewed, time.Since(s.began))
	if err := s.renew(len(s.renewed)); err != nil {
		return nil, err
	}
	return &nclient4.Lease{ACK: answer(s.t)}, nil
}

var errSilent = errors.New("no answer")

func TestLeaseIsRenewedAtHalfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{t: t, renew: func(n int) error {
			if n == 3 {
				return errSilent // a single lost one is asked for again
			}
			return nil
		}}
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Hour)
		defer stop()
		applied := 0
		err := hold(ctx, s, "reader", func(*nclient4.Lease) error { applied++; return nil }, func() error { t.Error("cleared"); return nil })
		want := []time.Duration{30 * time.Minute, 60 * time.Minute, 90 * time.Minute, 105 * time.Minute}
		if !errors.Is(err, context.DeadlineExceeded) || applied != 4 || len(s.renewed) != len(want) {
			t.Fatalf("%v; applied %d times, renewed at %v", err, applied, s.renewed)
		}
		for i := range want {
			if s.renewed[i] != want[i] {
				t.Errorf("renewed at %v, want %v", s.renewed, want)
			}
		}
	})
}

func TestLostLeaseIsClearedAway(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want time.Duration
	}{
		"no server": {errSilent, time.Hour},
		"refused":   {&nclient4.ErrNak{}, 30 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{t: t, renew: func(int) error { return test.err }}
			cleared := false
			err := hold(t.Context(), s, "reader", func(*nclient4.Lease) error { return nil }, func() error { cleared = true; return nil })
			if took := time.Since(s.began); err == nil || !cleared || took != test.want {
				t.Errorf("%s: %v after %v, cleared: %v", name, err, took, cleared)
			}
			if len(s.renewed) > 20 {
				t.Errorf("%s: asked %d times", name, len(s.renewed))
			}
		})
	}
}

func TestLeasedAddress(t *testing.T) {
	a, err := leasedAddress(answer(t, dhcpv4.WithRouter(net.IPv4zero, net.IPv4(10, 0, 2, 2)), dhcpv4.WithDNS(net.IPv4(10, 0, 2, 3))), Network{})
	if err != nil || a.ip.String() != "10.0.2.15/24" || a.gateway.String() != "10.0.2.2" || len(a.nameservers) != 1 {
		t.Errorf("got %+v, %v", a, err)
	}
	if a, err := leasedAddress(answer(t, dhcpv4.WithDNS(net.IPv4(10, 0, 2, 3))), Network{Nameservers: []string{"9.9.9.9"}}); err != nil || a.nameservers[0] != "9.9.9.9" || a.gateway != nil {
		t.Errorf("got %+v, %v", a, err)
	}
	for _, router := range []net.IP{net.IPv4(10, 9, 9, 9), net.IPv4(10, 0, 2, 15), net.IPv4bcast} {
		if a, err := leasedAddress(answer(t, dhcpv4.WithRouter(router)), Network{}); err != nil || a.gateway != nil {
			t.Errorf("router %v: got %+v, %v", router, a, err)
		}
	}
	for name, option := range map[string]dhcpv4.Modifier{
		"no mask":   func(d *dhcpv4.DHCPv4) { d.Options.Del(dhcpv4.OptionSubnetMask) },
		"all":       dhcpv4.WithNetmask(net.CIDRMask(0, 32)),
		"holes":     dhcpv4.WithNetmask(net.IPv4Mask(255, 0, 255, 0)),
		"zero":      dhcpv4.WithYourIP(net.IPv4zero),
		"multicast": dhcpv4.WithYourIP(net.IPv4(224, 0, 0, 1)),
		"loopback":  dhcpv4.WithYourIP(net.IPv4(127, 0, 0, 1)),
	} {
		if a, err := leasedAddress(answer(t, option), Network{}); err == nil {
			t.Errorf("%s: got %+v", name, a)
		}
	}
}

func FuzzLeasedAddress(f *testing.F) {
	f.Add(answer(f).ToBytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		ack, err := dhcpv4.FromBytes(b)
		if err != nil {
			return
		}
		if a, err := leasedAddress(ack, Network{}); err == nil && !a.ip.IP.IsGlobalUnicast() {
			t.Errorf("got %+v", a)
		}
	})
}
