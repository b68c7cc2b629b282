package reader

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
)

// gatewayFingerprint names the network the reader is in by its gateway's
// hardware address, without telling the address. It is empty when there is no
// gateway, or it has not been seen on the wire yet. Reading routes and
// neighbours takes no rights, and Landlock does not forbid it.
func gatewayFingerprint() string {
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := netlink.RouteList(nil, family)
		if err != nil {
			return ""
		}
		if route, ok := defaultRoute(routes); ok {
			neighbours, err := netlink.NeighList(route.LinkIndex, family)
			if err != nil {
				return ""
			}
			return fingerprint(neighbours, route.Gw)
		}
	}
	return ""
}

// defaultRoute is the preferred one through a gateway; a tunnel has none. No
// other one is asked for where its gateway is not known: two gateways, now the
// one and now the other, would look like two places.
func defaultRoute(routes []netlink.Route) (best netlink.Route, ok bool) {
	routes = slices.DeleteFunc(slices.Clone(routes), func(r netlink.Route) bool {
		return r.Gw == nil || r.Dst != nil && !isDefault(r.Dst)
	})
	if len(routes) == 0 {
		return netlink.Route{}, false
	}
	return slices.MinFunc(routes, func(a, b netlink.Route) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.LinkIndex, b.LinkIndex))
	}), true
}

func isDefault(n *net.IPNet) bool {
	ones, _ := n.Mask.Size()
	return ones == 0 && n.IP.IsUnspecified()
}

func fingerprint(neighbours []netlink.Neigh, gateway net.IP) string {
	for _, n := range neighbours {
		if n.IP.Equal(gateway) && slices.ContainsFunc(n.HardwareAddr, func(b byte) bool { return b != 0 }) {
			sum := sha256.Sum256(append([]byte("smartreader gateway v1 "), n.HardwareAddr...))
			return hex.EncodeToString(sum[:16])
		}
	}
	return ""
}
