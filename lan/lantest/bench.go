package lantest

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"smartreader/lan"
	"smartreader/lan/client"
	"smartreader/lan/wire"
)

// Bench is a Reader served over TLS on a loopback port until the test ends.
type Bench struct {
	Reader *Reader
	Server *lan.Server
	CA     *CA
	Addr   string
	URL    string
	stop   func()
}

// Start serves reader. change may alter the server's options; nil is allowed.
func Start(t testing.TB, reader *Reader, change func(*lan.Options)) *Bench {
	t.Helper()
	ca := NewCA(t)
	cert := ca.Reader(t, ReaderID, time.Now().Add(24*time.Hour))
	opts := lan.Options{
		Reader: reader, ReaderID: ReaderID, Key: cert.PrivateKey.(*ecdsa.PrivateKey).Public(),
		TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&opts)
	}
	server, err := lan.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	reader.Notify = server.Notify
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, listener) }()
	b := &Bench{Reader: reader, Server: server, CA: ca, Addr: listener.Addr().String()}
	b.URL = "wss://" + b.Addr + wire.Path
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(b.stop)
	return b
}

// Stop ends the server and waits for it.
func (b *Bench) Stop() { b.stop() }

// POS are options of a POS with a new key.
func (b *Bench) POS(t testing.TB, id string) client.Options {
	return client.Options{
		URL: b.URL, RootCAs: b.CA.Pool(), ReaderID: ReaderID, POSID: id, Key: NewKey(t),
		Name: "lantest", Version: "1", Log: slog.New(slog.DiscardHandler),
	}
}
