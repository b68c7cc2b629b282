package lan_test

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/gorilla/websocket"

	"smartreader/lan"
	"smartreader/lan/lantest"
	"smartreader/lan/wire"
)

func TestTLS12IsRefused(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader(), nil)
	conn, err := tls.Dial("tcp", b.Addr, &tls.Config{RootCAs: b.CA.Pool(), ServerName: "s1.local", MaxVersion: tls.VersionTLS12})
	if err == nil {
		conn.Close()
		t.Fatal("TLS 1.2 was accepted")
	}
	conn, err = tls.Dial("tcp", b.Addr, &tls.Config{RootCAs: b.CA.Pool(), ServerName: "s1.local"})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestUpgradeIsRefused(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader(), func(o *lan.Options) {
		o.AllowedOrigins = []string{"https://pos.example"}
		o.AllowedHosts = []string{"s1.local"}
	})
	for _, test := range []struct {
		name   string
		header http.Header
		proto  string
		path   string
		want   int // 0: accepted
	}{
		{name: "no origin", proto: wire.Protocol},
		{name: "listed origin", proto: wire.Protocol, header: http.Header{"Origin": {"https://pos.example"}}},
		{name: "other origin", proto: wire.Protocol, header: http.Header{"Origin": {"https://evil.example"}}, want: 403},
		{name: "null origin", proto: wire.Protocol, header: http.Header{"Origin": {"null"}}, want: 403},
		{name: "origin with suffix", proto: wire.Protocol, header: http.Header{"Origin": {"https://pos.example.evil"}}, want: 403},
		{name: "listed host", proto: wire.Protocol, header: http.Header{"Host": {"S1.local:4443"}}},
		{name: "localhost", proto: wire.Protocol, header: http.Header{"Host": {"localhost:4443"}}},
		{name: "address", proto: wire.Protocol, header: http.Header{"Host": {"[::1]:4443"}}},
		{name: "rebound host", proto: wire.Protocol, header: http.Header{"Host": {"evil.example:4443"}}, want: 421},
		{name: "no subprotocol", want: 400},
		{name: "other subprotocol", proto: "smartreader.v0", want: 400},
		{name: "other path", proto: wire.Protocol, path: "/", want: 404},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: b.CA.Pool(), ServerName: "s1.local"}}
			if test.proto != "" {
				d.Subprotocols = []string{test.proto}
			}
			path := test.path
			if path == "" {
				path = wire.Path
			}
			ws, resp, err := d.Dial("wss://"+b.Addr+path, test.header)
			if err == nil {
				ws.Close()
			}
			switch {
			case test.want == 0 && err != nil:
				t.Fatal(err)
			case test.want != 0 && err == nil:
				t.Fatal("accepted")
			case test.want != 0 && (resp == nil || resp.StatusCode != test.want):
				t.Fatalf("answered %v, want %d", resp, test.want)
			}
		})
	}
}

func TestPlainIsForLoopbackOnly(t *testing.T) {
	server, err := lan.New(lan.Options{
		Reader: lantest.NewReader(), ReaderID: "tmr", Key: lantest.NewKey(t).Public(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	everywhere, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer everywhere.Close()
	if err := server.ServeLoopback(t.Context(), everywhere); !errors.Is(err, lan.ErrNotLoopback) {
		t.Fatalf("ServeLoopback on all addresses: %v", err)
	}
	if err := server.Serve(t.Context(), everywhere); !errors.Is(err, lan.ErrOptions) {
		t.Fatalf("Serve without TLS: %v", err)
	}
}

func TestIncompleteOptions(t *testing.T) {
	if _, err := lan.New(lan.Options{}); !errors.Is(err, lan.ErrOptions) {
		t.Fatal(err)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	b := lantest.Start(t, lantest.NewReader("pst_1", "pst_2"), func(o *lan.Options) { o.Limits.PerAddress = 2 })
	first := openRaw(t, b)
	second := openRaw(t, b)
	first.connect("pos_1", "pst_1")
	second.connect("pos_2", "pst_2")
	if _, _, err := dialRaw(t, b, nil); err == nil {
		t.Fatal("a third connection was accepted")
	}
	for _, r := range []*raw{first, second} { // unharmed
		if reply := r.call(wire.MethodGetReader, nil); reply.Error != nil {
			t.Fatalf("%+v", reply.Error)
		}
	}
	first.ws.Close()
	for { // the server notices when it notices
		if r, _, err := dialRaw(t, b, nil); err == nil {
			r.hello("pos_3")
			return
		}
	}
}
