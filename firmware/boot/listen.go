package boot

import (
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// socket is one that others can send to.
type socket struct {
	protocol string // "tcp" or "udp"
	address  netip.AddrPort
	uid      string
}

func (s socket) String() string { return fmt.Sprintf("%s %s of user %s", s.protocol, s.address, s.uid) }

// sockets returns the listening sockets by the kernel's tables below root,
// which is "/" of a Linux system.
func sockets(root fs.FS) ([]socket, error) {
	var all []socket
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		b, err := fs.ReadFile(root, "proc/net/"+table)
		if err != nil {
			if strings.HasSuffix(table, "6") {
				continue // a kernel without IPv6
			}
			return nil, err
		}
		all = append(all, parseSockets(table[:3], string(b))...)
	}
	return all, nil
}

// parseSockets reads /proc/net/tcp and the like (Linux kernel documentation,
// "proc_net_tcp.txt"). Connected sockets are left out: TCP in any state but
// listening, and UDP that takes from one peer only.
func parseSockets(protocol, table string) []socket {
	listening := "0A"
	if protocol == "udp" {
		listening = "07"
	}
	var found []socket
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 8 || f[3] != listening {
			continue
		}
		if address, ok := parseAddress(f[1]); ok {
			found = append(found, socket{protocol: protocol, address: address, uid: f[7]})
		}
	}
	return found
}

// parseAddress reads "0100007F:115B": 32-bit words in the byte order of the
// machine, which is little-endian on all of ours.
func parseAddress(s string) (netip.AddrPort, bool) {
	text, port, ok := strings.Cut(s, ":")
	b, err := hex.DecodeString(text)
	if !ok || err != nil || len(b) != 4 && len(b) != 16 {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(b, 4) {
		slices.Reverse(word)
	}
	n, err := strconv.ParseUint(port, 16, 16)
	address, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(address, uint16(n)), ok && err == nil
}

// judge says in words what listens: whether the LAN port does, and every
// socket that has no business here.
func judge(all []socket, lan uint16) (listens bool, strangers []string) {
	for _, s := range all {
		switch {
		case s.protocol == "tcp" && s.address.Port() == lan:
			listens = true
		case s.protocol == "udp" && s.address.Port() == dhcpClientPort && s.uid == "0":
		default:
			strangers = append(strangers, s.String())
		}
	}
	slices.Sort(strangers)
	return listens, slices.Compact(strangers)
}

const dhcpClientPort = 68
