package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"smartreader/lan/wire"
)

// DialFunc opens a network connection, as net.Dialer.DialContext does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

const defaultDead = 6 * time.Second

// Dial opens the WebSocket, checks who answers, and says hello. It returns
// ErrUnreachable, ErrIdentity, ErrProtocol or ErrOptions wrapped, or the
// reader's *wire.Error. The Conn must be closed.
func Dial(ctx context.Context, opts Options) (*Conn, error) {
	u, err := opts.check()
	if err != nil {
		return nil, err
	}
	if opts.Dead <= 0 {
		opts.Dead = defaultDead
	}
	var who identity
	dialer := websocket.Dialer{
		NetDialContext:   opts.Dial,
		HandshakeTimeout: 10 * time.Second,
		Subprotocols:     []string{wire.Protocol},
		ReadBufferSize:   4 << 10,
		WriteBufferSize:  4 << 10,
	}
	if u.Scheme == "wss" {
		dialer.TLSClientConfig = &tls.Config{
			MinVersion: tls.VersionTLS13,
			NextProtos: []string{"http/1.1"},
			// The chain and the reader id are verified below; the host name
			// and address say nothing about a reader.
			InsecureSkipVerify: true,
			VerifyConnection: func(state tls.ConnectionState) (err error) {
				who, err = verify(state, opts.RootCAs, opts.ReaderID, time.Now())
				return err
			},
		}
	}
	socket, response, err := dialer.DialContext(ctx, u.String(), nil)
	if err != nil {
		return nil, dialError(u.Host, response, err)
	}
	c := newConn(socket, opts)
	if err := c.hello(ctx, who); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func dialError(host string, response *http.Response, err error) error {
	switch {
	case errors.Is(err, ErrIdentity):
		return err
	case response != nil:
		var body [200]byte
		n, _ := response.Body.Read(body[:])
		return fmt.Errorf("%w: %s answered %s: %s", ErrProtocol, host, response.Status, bytes.TrimSpace(body[:n]))
	}
	return fmt.Errorf("%w: %s: %w", ErrUnreachable, host, err)
}

// hello sends the first message and remembers the challenge. who is empty over
// plain ws, where the reader's own word has to do.
func (c *Conn) hello(ctx context.Context, who identity) error {
	var result wire.HelloResult
	if err := c.call(ctx, wire.MethodHello, &wire.HelloParams{Client: c.opts.Name, Version: c.opts.Version, POSID: c.opts.POSID}, &result); err != nil {
		return err
	}
	switch {
	case result.Protocol != wire.Protocol || len(result.Nonce) != wire.NonceSize:
		return fmt.Errorf("%w: it answered hello with protocol %q", ErrProtocol, result.Protocol)
	case who.keyHash == nil:
		if c.opts.ReaderID != "" && result.Reader.ID != c.opts.ReaderID {
			return fmt.Errorf("%w: this is %s, not %s", ErrIdentity, result.Reader.ID, c.opts.ReaderID)
		}
		who.readerID, who.keyHash = result.Reader.ID, result.ReaderKeyHash
	case result.Reader.ID != who.readerID || !bytes.Equal(result.ReaderKeyHash, who.keyHash):
		return fmt.Errorf("%w: its hello does not fit its certificate", ErrIdentity)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who, c.reader, c.nonce = who, result.Reader, result.Nonce
	return nil
}

func spkiHash(cert *x509.Certificate) ([]byte, error) {
	if len(cert.RawSubjectPublicKeyInfo) == 0 {
		return nil, errors.New("client: certificate without a public key")
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return sum[:], nil
}
