package client

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"time"

	"smartreader/lan/wire"
)

// Options say which reader to dial and who is calling.
type Options struct {
	URL      string         // wss://192.0.2.7:4443/v1/terminal; ws:// on loopback only
	RootCAs  *x509.CertPool // the CA of the reader's certificate; needed for wss
	ReaderID string         // the reader to insist on; empty accepts any reader of the CA

	POSID string        // this POS's stable id
	Key   crypto.Signer // this POS's ECDSA P-256 key

	Name    string // of the POS software, for the reader's log
	Version string

	// OnEvent receives every event, one at a time, in order, in a goroutine of
	// the connection. It must not call Close. With AutoAcknowledge a durable
	// event is acknowledged after OnEvent returned nil; an error closes the
	// connection, so that the event comes again. Without OnEvent events are
	// dropped, and nothing is acknowledged.
	OnEvent         func(wire.Event) error
	AutoAcknowledge bool

	// ConnectionToken, when set, gets a connection token from the merchant's
	// backend when the reader asks for one: the reader renews this POS's
	// credential and session by it (wire.TokenForConnect), and shows that the
	// account is the one stored payments belong to (wire.TokenForForwarding). It
	// may be called at any time, also while offline, by one goroutine at a time
	// for each connection; ctx ends after the reader's minute, or with the
	// connection. The reader gets an error's text.
	ConnectionToken func(ctx context.Context, reason string) (string, error)

	Log *slog.Logger // needed

	// Dead is how long without a sign of life the reader counts as gone;
	// 0 = 6 s. The reader pings every 2 s.
	Dead time.Duration
	// Dial opens the TCP connection; nil = net.Dialer.
	Dial DialFunc
}

func (o Options) check() (*url.URL, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%w: URL %q is not like wss://address:4443%s", ErrOptions, o.URL, wire.Path)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = wire.Path
	}
	switch u.Scheme {
	case "wss":
		if o.RootCAs == nil {
			return nil, fmt.Errorf("%w: wss needs RootCAs, the CA of the reader's certificate", ErrOptions)
		}
	case "ws":
		if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return nil, fmt.Errorf("%w: ws without TLS is for 127.0.0.1 only; use wss", ErrOptions)
		}
	default:
		return nil, fmt.Errorf("%w: URL must begin with wss:// or ws://", ErrOptions)
	}
	if o.POSID == "" || o.Key == nil || o.Log == nil {
		return nil, fmt.Errorf("%w: POSID, Key and Log are needed", ErrOptions)
	}
	if pub, ok := o.Key.Public().(*ecdsa.PublicKey); !ok || pub.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%w: Key must be ECDSA P-256", ErrOptions)
	}
	return u, nil
}
