package platform

import (
	"crypto/x509"
	"errors"
	"io"
	"syscall"
)

// notYetValid reports that the server's certificate failed only because it
// begins in the future, seen by a clock that was never set: not an attack but
// a reader without time. With a set clock the same failure is KindTLS.
func (c *Client) notYetValid(err error) bool {
	var invalid x509.CertificateInvalidError
	if !errors.As(err, &invalid) || invalid.Reason != x509.Expired || invalid.Cert == nil {
		return false
	}
	unset := c.opts.ClockSet == nil || !c.opts.ClockSet()
	return unset && c.opts.Now().Before(invalid.Cert.NotBefore)
}

// broken reports that a connection was cut, as opposed to a peer that spoke
// and was not acceptable.
func broken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
