package bench

import (
	"fmt"
	"net"
)

// Listen opens a TCP address that a flag gave.
func Listen(address, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; is another reader running here? Choose another address with %s", flag, err, flag)
	}
	return l, nil
}

// ListenLoopback refuses what others on the network could reach: behind these
// addresses nobody is asked who they are.
func ListenLoopback(address, flag string) (net.Listener, error) {
	l, err := Listen(address, flag)
	if err != nil {
		return nil, err
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		l.Close()
		return nil, Usagef("%s %s can be reached from the network; use a loopback address", flag, address)
	}
	return l, nil
}
