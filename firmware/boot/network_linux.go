package boot

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	cablePeriod   = 200 * time.Millisecond
	carrierPeriod = time.Second
	// unplugged is for how many looks a cable must be missing: a switch that
	// starts anew takes a moment.
	unplugged = 3
)

// keepNetwork gives a wired interface an address for as long as it has a cable,
// and looks for another when it has none.
func (m *machine) keepNetwork(ctx context.Context, n Network) error {
	if err := n.Check(); err != nil {
		m.fault("reader.json: %v; DHCP is used", err)
		n = Network{Interface: n.Interface}
	}
	if err := unix.Sethostname([]byte(n.hostname())); err != nil {
		return fmt.Errorf("host name: %w", err)
	}
	if err := linkUp("lo"); err != nil {
		return err
	}
	for again := (backoff{}); ; {
		name, err := m.awaitCable(ctx, n.Interface)
		if err != nil {
			return err
		}
		session, stop := context.WithCancel(ctx)
		var configuring sync.WaitGroup
		configuring.Go(func() {
			defer stop()
			_ = m.guard("network "+name, func() error { return m.configure(session, name, n) })
		})
		err = awaitUnplug(session, name)
		stop()
		configuring.Wait()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil { // configure gave up
			_ = pause(ctx, again.next())
			continue
		}
		again.reset()
		m.say("network %s: no cable", name)
		// The next cable may be another interface's, into the same network:
		// what is sent must not go out here. It may be gone altogether.
		_ = clearAddresses(name, nil)
	}
}

// awaitCable switches interfaces on and returns the first that has a cable.
func (m *machine) awaitCable(ctx context.Context, only string) (string, error) {
	const tell = 3 * time.Second // an interface just switched on needs a moment
	root := os.DirFS("/")
	for waited := time.Duration(0); ; waited += cablePeriod {
		links, plugged := wiredLinks(root)
		for i, name := range links {
			switch {
			case only != "" && name != only:
			case i < plugged:
				return name, nil
			default:
				// Without being up it does not look for a cable.
				if err := linkUp(name); err != nil {
					m.fault("network: %v", err)
				}
			}
		}
		if waited == tell {
			switch {
			case len(links) == 0:
				m.say("network: no wired interface yet")
			case only != "" && !slices.Contains(links, only):
				m.fault("network: there is no interface %q; there is %s", only, strings.Join(links, ", "))
			default:
				m.say("network: no cable yet in %s", strings.Join(links, ", "))
			}
		}
		if err := pause(ctx, cablePeriod); err != nil {
			return "", err
		}
	}
}

// awaitUnplug returns when the interface has had no cable for some seconds, or
// with an error when ctx is done.
func awaitUnplug(ctx context.Context, name string) error {
	root := os.DirFS("/")
	for missing := 0; missing < unplugged; {
		if err := pause(ctx, carrierPeriod); err != nil {
			return err
		}
		links, plugged := wiredLinks(root)
		if slices.Contains(links[:plugged], name) {
			missing = 0
		} else {
			missing++
		}
	}
	return nil
}

// configure keeps an address on the interface until ctx ends.
func (m *machine) configure(ctx context.Context, name string, n Network) error {
	if n.Address != "" {
		a, err := fixedAddress(n)
		if err != nil {
			return err
		}
		if err := apply(name, a); err != nil {
			return err
		}
		m.tellOnline(name, a)
		<-ctx.Done()
		return ctx.Err()
	}
	for again, said := (backoff{}), false; ; {
		err := m.lease(ctx, name, n)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !said {
			m.say("network %s: DHCP: %v; asking again and again", name, err)
			said = true
		}
		if err := pause(ctx, again.next()/2); err != nil {
			return err
		}
	}
}

// address is what an interface is given.
type address struct {
	ip          net.IPNet
	gateway     net.IP // nil: none
	nameservers []string
}

func fixedAddress(n Network) (address, error) {
	ip, subnet, err := net.ParseCIDR(n.Address)
	if err != nil {
		return address{}, err
	}
	return address{ip: net.IPNet{IP: ip.To4(), Mask: subnet.Mask}, gateway: net.ParseIP(n.Gateway), nameservers: n.Nameservers}, nil
}

// lease gets an address by DHCP and keeps it up to date until it is lost.
func (m *machine) lease(ctx context.Context, name string, n Network) error {
	const timeout, tries = 3 * time.Second, 3
	client, err := nclient4.New(name, nclient4.WithTimeout(timeout), nclient4.WithRetry(tries))
	if err != nil {
		return err
	}
	defer client.Close()
	var have address
	apply := func(l *nclient4.Lease) error {
		a, err := leasedAddress(l.ACK, n)
		if err != nil {
			return err
		}
		if err := apply(name, a); err != nil {
			return err
		}
		if a.ip.String() != have.ip.String() {
			m.tellOnline(name, a)
		}
		have = a
		return nil
	}
	return hold(ctx, client, n.hostname(), apply, func() error { return clearAddresses(name, nil) })
}

// leaser is the part of the DHCP client that hold needs.
type leaser interface {
	Request(context.Context, ...dhcpv4.Modifier) (*nclient4.Lease, error)
	Renew(context.Context, *nclient4.Lease, ...dhcpv4.Modifier) (*nclient4.Lease, error)
}

// shortestLease keeps a server with strange ideas from keeping us busy.
const shortestLease = time.Minute

// hold gets a lease, applies it, and renews it at half its time and ever more
// often towards its end (RFC 2131 section "Reacquisition and expiration"). It
// returns an error when the lease is lost, after clearing it away.
func hold(ctx context.Context, c leaser, hostname string, apply func(*nclient4.Lease) error, clear func() error) error {
	name := dhcpv4.WithOption(dhcpv4.OptHostName(hostname))
	lease, err := c.Request(ctx, name)
	if err != nil {
		return fmt.Errorf("no answer from a server: %w", err)
	}
	for {
		if err := apply(lease); err != nil {
			return err
		}
		length := max(lease.ACK.IPAddressLeaseTime(time.Hour), shortestLease)
		end := time.Now().Add(length)
		for wait := length / 2; ; wait = max(time.Until(end)/2, shortestLease/4) {
			if err := pause(ctx, min(wait, time.Until(end))); err != nil {
				return err
			}
			renewed, err := c.Renew(ctx, lease, name)
			if err == nil {
				lease = renewed
				break
			}
			var refused *nclient4.ErrNak
			if errors.As(err, &refused) || !time.Now().Before(end) {
				return errors.Join(fmt.Errorf("the lease was not renewed: %w", err), clear())
			}
		}
	}
}

// leasedAddress reads a server's answer. What makes no sense is an error: the
// network is not to be trusted.
func leasedAddress(ack *dhcpv4.DHCPv4, n Network) (address, error) {
	a := address{ip: net.IPNet{IP: ack.YourIPAddr.To4(), Mask: ack.SubnetMask()}, nameservers: n.Nameservers}
	if ones, bits := a.ip.Mask.Size(); bits != 32 || ones == 0 {
		return address{}, fmt.Errorf("the server gave no usable network mask (%v)", a.ip.Mask)
	}
	if a.ip.IP == nil || !a.ip.IP.IsGlobalUnicast() {
		return address{}, fmt.Errorf("the server gave no usable address (%v)", ack.YourIPAddr)
	}
	// The kernel takes no router that cannot be reached directly; without one
	// there is still the LAN.
	for _, r := range ack.Router() {
		if a.ip.Contains(r) && !r.Equal(a.ip.IP) {
			a.gateway = r
			break
		}
	}
	if len(a.nameservers) == 0 {
		for _, s := range ack.DNS() {
			a.nameservers = append(a.nameservers, s.String())
		}
	}
	return a, nil
}

// tellOnline says that there is an address, on the console and to keepTime.
func (m *machine) tellOnline(name string, a address) {
	m.say("network %s %v", name, &a.ip)
	select {
	case m.online <- struct{}{}:
	default:
	}
}

// apply gives the interface this address and no other.
func apply(name string, a address) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if err := netlink.AddrReplace(link, &netlink.Addr{IPNet: &a.ip}); err != nil {
		return fmt.Errorf("set the address %v: %w", &a.ip, err)
	}
	if err := clearAddresses(name, &a.ip); err != nil {
		return err
	}
	if a.gateway != nil {
		err := netlink.RouteReplace(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: a.gateway})
		if err != nil {
			return fmt.Errorf("set the gateway %v: %w", a.gateway, err)
		}
	}
	return writeResolv(a.nameservers)
}

// clearAddresses takes all addresses but one from the interface.
func clearAddresses(name string, keep *net.IPNet) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	addresses, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		return err
	}
	for _, a := range addresses {
		if keep != nil && a.IPNet.String() == keep.String() {
			continue
		}
		if err := netlink.AddrDel(link, &a); err != nil {
			return err
		}
	}
	return nil
}

func linkUp(name string) error {
	link, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetUp(link)
	}
	if err != nil {
		return fmt.Errorf("interface %s: %w", name, err)
	}
	return nil
}

// writeResolv replaces /etc/resolv.conf, which the worker reads.
func writeResolv(servers []string) error {
	var text strings.Builder
	for _, s := range servers {
		fmt.Fprintf(&text, "nameserver %s\n", s)
	}
	const file = "/etc/resolv.conf"
	if err := os.WriteFile(file+".new", []byte(text.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
