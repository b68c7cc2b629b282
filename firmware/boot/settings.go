package boot

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Exit codes by which a worker asks for more than being started again.
const (
	ExitReboot   = 64
	ExitPowerOff = 65
)

// Places on a device that belong to the worker. The reader's default
// configuration leads to them too, by symbolic links.
const (
	DataDir     = "/data/reader" // to keep things in
	SettingsDir = "/run/reader"  // reader.json and platform-ca.pem, to read only
)

// Options are what process 1 is built with.
type Options struct {
	Version string
	// Released is a lower bound for the clock.
	Released time.Time
	// Parse reads the settings from reader.json. With an error it returns the
	// settings to go on with: the worker reports the error in its own words.
	Parse func(config []byte) (Settings, error)
}

// Settings are the parts of the reader's configuration that process 1 uses.
type Settings struct {
	Board       string
	Listen      string // the LAN address; its port is the only one that listens
	Network     Network
	TimeServers []string // "host" or "host:port", the first that answers counts
}

// Network says how a device gets its address. On other computers, where the
// operating system sees to that, it is without effect.
type Network struct {
	// Hostname is the device's name for DHCP servers; empty is "reader".
	Hostname string `json:"hostname"`
	// Interface is the kernel's name of the network interface; empty takes
	// the first wired one that has a cable.
	Interface string `json:"interface"`
	// Address is a fixed address with its prefix, "192.168.1.20/24"; empty
	// asks a DHCP server.
	Address string `json:"address"`
	// Gateway is the router's address, for a fixed address only.
	Gateway string `json:"gateway"`
	// Nameservers are DNS servers; empty takes those of the DHCP server.
	Nameservers []string `json:"nameservers"`
}

// Check returns what is wrong with the settings.
func (n Network) Check() error {
	if strings.ContainsAny(n.Hostname, " ./\n") || len(n.Hostname) > 63 {
		return fmt.Errorf("network: hostname %q is not a single name of at most 63 letters", n.Hostname)
	}
	if n.Address == "" {
		if n.Gateway != "" {
			return fmt.Errorf("network: gateway %q without an address; leave it out for DHCP", n.Gateway)
		}
	} else {
		address, err := netip.ParsePrefix(n.Address)
		if err != nil || !address.Addr().Is4() {
			return fmt.Errorf("network: address %q is not like 192.168.1.20/24", n.Address)
		}
		if gateway, err := netip.ParseAddr(n.Gateway); n.Gateway != "" && (err != nil || !address.Contains(gateway) || gateway == address.Addr()) {
			return fmt.Errorf("network: gateway %q is not another address in %s", n.Gateway, address.Masked())
		}
	}
	for _, s := range n.Nameservers {
		if _, err := netip.ParseAddr(s); err != nil {
			return fmt.Errorf("network: name server %q is not an IP address", s)
		}
	}
	return nil
}

func (n Network) hostname() string {
	if n.Hostname == "" {
		return "reader"
	}
	return n.Hostname
}

// port returns the LAN port; an address without a usable one is an error.
func (s Settings) port() (uint16, error) {
	_, text, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return 0, fmt.Errorf("listen: %w", err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("listen: %q has no port from 1 to 65535", s.Listen)
	}
	return uint16(port), nil
}
