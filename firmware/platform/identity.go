package platform

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// readerScheme begins the URI name that carries the reader id in a reader's
// certificate; POS clients check it instead of the host name.
const readerScheme = "smartreader:reader:"

// ErrIdentity is returned for a certificate that does not name a reader.
var ErrIdentity = errors.New("platform: certificate names no reader")

// NewCSR makes the certificate request for ActivateRequest. The platform
// chooses the names itself; the request only proves possession of the key.
func NewCSR(key crypto.Signer, serial string) ([]byte, error) {
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: serial},
	}, key)
	if err != nil {
		return nil, fmt.Errorf("platform: certificate request: %w", err)
	}
	return csr, nil
}

// ReaderURI is the URI name of a reader's certificate.
func ReaderURI(readerID string) *url.URL {
	return &url.URL{Scheme: "smartreader", Opaque: "reader:" + readerID}
}

// ReaderID returns the reader id in a certificate, or ErrIdentity. It does not
// verify the certificate.
func ReaderID(cert *x509.Certificate) (string, error) {
	for _, uri := range cert.URIs {
		if id, ok := strings.CutPrefix(uri.String(), readerScheme); ok && plain(id) {
			return id, nil
		}
	}
	return "", ErrIdentity
}
