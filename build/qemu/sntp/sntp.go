// Package sntp answers the time of day to one machine on a desk: the server
// half of RFC 4330, "Simple Network Time Protocol (SNTP) Version 4 for IPv4,
// IPv6 and OSI".
package sntp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"
)

// RFC 4330, "Message Format".
const (
	packetSize = 48
	modeClient = 3
	modeServer = 4
	primary    = 1    // stratum: this clock asks no other
	precision  = 0xEC // -20, log2 seconds: about a microsecond
)

// ntpEpoch is 1900-01-01 in Unix seconds.
const ntpEpoch = -2208988800

// Serve answers until ctx is done; then it returns nil. It closes conn. A nil
// now is time.Now.
func Serve(ctx context.Context, conn net.PacketConn, now func() time.Time) error {
	if now == nil {
		now = time.Now
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	var packet [512]byte
	for {
		n, from, err := conn.ReadFrom(packet[:])
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("sntp: %w", err)
		}
		reply, ok := answer(packet[:n], now())
		if !ok {
			continue
		}
		if _, err := conn.WriteTo(reply, from); err != nil && errors.Is(err, net.ErrClosed) && ctx.Err() != nil {
			return nil
		} // any other error: a client that has gone; it will ask again
	}
}

// answer returns the reply to a request. What is no request gets none.
func answer(request []byte, now time.Time) ([]byte, bool) {
	if len(request) < packetSize || request[0]&7 != modeClient {
		return nil, false
	}
	r := make([]byte, packetSize)
	r[0] = request[0]&0x38 | modeServer // the client's version; no leap second announced
	r[1] = primary
	r[2] = request[2] // poll interval
	r[3] = precision
	copy(r[12:], "LOCL")
	at := timestamp(now)
	binary.BigEndian.PutUint64(r[16:], at) // reference: when the clock was last right
	copy(r[24:32], request[40:48])         // originate: the client's transmit time, bit by bit
	binary.BigEndian.PutUint64(r[32:], at) // receive
	binary.BigEndian.PutUint64(r[40:], at) // transmit
	return r, true
}

// timestamp is seconds since 1900 in the upper half, fractions in the lower.
func timestamp(t time.Time) uint64 {
	return uint64(t.Unix()-ntpEpoch)<<32 | uint64(t.Nanosecond())<<32/1e9
}
