package sntp

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"testing"
	"time"
)

func TestServe(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 1, 2, 3, 500_000_000, time.UTC)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, server, func() time.Time { return now }) }()

	client, err := net.Dial("udp", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	client.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := client.Write([]byte("not a request")); err != nil { // gets no answer
		t.Fatal(err)
	}
	request := make([]byte, packetSize)
	request[0] = 4<<3 | modeClient
	copy(request[40:], "originat")
	if _, err := client.Write(request); err != nil {
		t.Fatal(err)
	}
	reply := make([]byte, 100)
	n, err := client.Read(reply)
	if err != nil || n != packetSize || reply[0] != 4<<3|modeServer || reply[1] == 0 || reply[1] > 15 {
		t.Fatalf("%v: % x", err, reply[:n])
	}
	if !bytes.Equal(reply[24:32], []byte("originat")) {
		t.Errorf("originate timestamp % x", reply[24:32])
	}
	seconds, fraction := binary.BigEndian.Uint32(reply[40:]), binary.BigEndian.Uint32(reply[44:])
	if int64(seconds)+ntpEpoch != now.Unix() || fraction != 1<<31 {
		t.Errorf("transmit timestamp %d.%d", seconds, fraction)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(make([]byte, packetSize))
	f.Add(bytes.Repeat([]byte{0x23}, packetSize))
	f.Add([]byte{0x23})
	f.Fuzz(func(t *testing.T, request []byte) {
		reply, ok := answer(request, time.Unix(1, 0))
		if ok && (len(reply) != packetSize || reply[0]&7 != modeServer) {
			t.Fatalf("% x", reply)
		}
		if ok && len(request) >= packetSize {
			if _, again := answer(reply, time.Unix(1, 0)); again {
				t.Fatal("an answer is answered: two servers would never stop")
			}
		}
	})
}
