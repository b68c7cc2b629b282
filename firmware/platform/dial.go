package platform

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"
)

// dial makes the connection of one request. The transport may go on dialling
// after the request was given up, hence the bound of its own.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	a, ok := ctx.Value(attemptKey{}).(*attempt)
	if !ok {
		return nil, errors.New("platform: dial without a request")
	}
	raw, err := c.opts.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, &tls.Config{
		MinVersion: tls.VersionTLS13,
		RootCAs:    c.opts.RootCAs,
		ServerName: c.base.Hostname(),
		Time:       c.opts.Now,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if c.opts.Identity == nil {
				return new(tls.Certificate), nil
			}
			identity := c.opts.Identity()
			return &identity, nil
		},
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		a.note(err)
		a.badTLS.Store(true)
		return nil, err
	}
	return &watched{conn, a}, nil
}

// attempt records how far one request came. The transport's goroutines may
// still write to it after the request has failed, hence the atomics.
type attempt struct {
	connected atomic.Bool // a connection was handed to the request: bytes may have been written
	badTLS    atomic.Bool // the handshake failed
	alert     atomic.Bool // the other side ended TLS with an alert
}

type attemptKey struct{}

// follow lets dial and net/http report to a.
func (a *attempt) follow(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(context.WithValue(ctx, attemptKey{}, a), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { a.connected.Store(true) },
	})
}

// note remembers a TLS alert; crypto/tls reports it as this OpError.
func (a *attempt) note(err error) {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		a.alert.Store(true)
	}
}

// watched notes the alert that refuses our certificate. In TLS 1.3 it arrives
// after the handshake, where net/http may report a failed write instead.
type watched struct {
	net.Conn
	attempt *attempt
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if err != nil {
		w.attempt.note(err)
	}
	return n, err
}

// notYetValid reports that the server's certificate failed only because it
// begins in the future, seen by a clock that was never set: not an attack but
// a reader without time. With a set clock the same failure is KindTLS. The
// dates are looked at before the issuer, so the chain must pass at the moment
// it begins: anyone can write a date into a certificate of their own.
func (c *Client) notYetValid(err error) bool {
	var invalid x509.CertificateInvalidError
	if !errors.As(err, &invalid) || invalid.Reason != x509.Expired || invalid.Cert == nil {
		return false
	}
	var failed *tls.CertificateVerificationError
	if !errors.As(err, &failed) || len(failed.UnverifiedCertificates) == 0 {
		return false
	}
	if set := c.opts.ClockSet != nil && c.opts.ClockSet(); set || !c.opts.Now().Before(invalid.Cert.NotBefore) {
		return false
	}
	intermediates := x509.NewCertPool()
	for _, cert := range failed.UnverifiedCertificates[1:] {
		intermediates.AddCert(cert)
	}
	_, err = failed.UnverifiedCertificates[0].Verify(x509.VerifyOptions{
		Roots:         c.opts.RootCAs,
		Intermediates: intermediates,
		DNSName:       c.base.Hostname(),
		CurrentTime:   invalid.Cert.NotBefore,
	})
	return err == nil
}

// broken reports that a connection was cut, as opposed to a peer that spoke
// and was not acceptable.
func broken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
