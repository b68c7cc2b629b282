package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A line longer than the protocol has is refused in words, and the connection ends.
func TestProtocolLongLine(t *testing.T) {
	conn, lines := talk(t, visa(t))
	go fmt.Fprint(conn, strings.Repeat("0", maxLine+1)) // nobody reads the end of it
	if !lines.Scan() || lines.Text() != "! a line has at most 4095 characters" {
		t.Errorf("%q", lines.Text())
	}
	if lines.Scan() {
		t.Errorf("it goes on with %q", lines.Text())
	}
}

// Whoever says nothing does not keep the card for ever.
func TestProtocolIdle(t *testing.T) {
	card := visa(t)
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		begun := time.Now()
		converse(t.Context(), server, card)
		if waited := time.Since(begun); waited != maxIdle {
			t.Errorf("after %v, want %v", waited, maxIdle)
		}
	})
}

// One connection has the card, some wait for it, more are turned away; the next has it when the first is gone.
func TestServeConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- serveCard(ctx, l, visa(t)) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	connect := func() (net.Conn, *bufio.Scanner) {
		t.Helper()
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn, bufio.NewScanner(conn)
	}
	reset := func(conn net.Conn, lines *bufio.Scanner) {
		t.Helper()
		fmt.Fprintln(conn, "RESET")
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), "ATR 3B") {
			t.Fatalf("%q, %v", lines.Text(), lines.Err())
		}
	}
	first, answers := connect()
	reset(first, answers) // it has the card
	var waiting []net.Conn
	for range maxClients - 1 {
		conn, _ := connect()
		waiting = append(waiting, conn)
	}
	late, said := connect()
	if !said.Scan() || !strings.HasPrefix(said.Text(), "! too many connections") || said.Scan() {
		t.Errorf("one too many: %q", said.Text())
	}
	late.Close()
	for _, conn := range waiting[1:] {
		conn.Close()
	}
	first.Close()
	reset(waiting[0], bufio.NewScanner(waiting[0]))
}
