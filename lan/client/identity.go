package client

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// readerScheme begins the URI name that carries the reader id.
const readerScheme = "smartreader:reader:"

// identity is what the reader's certificate proved.
type identity struct {
	readerID string
	keyHash  []byte // SHA-256 of the SPKI; nil over plain ws
	warnings []string
}

// verify checks a reader's chain and name. An expired reader certificate is
// judged as of its last day and reported as a warning: the shop must be able to
// sell while the reader cannot renew it. Anything else that is wrong is an error.
func verify(state tls.ConnectionState, roots *x509.CertPool, readerID string, now time.Time) (identity, error) {
	if len(state.PeerCertificates) == 0 {
		return identity{}, fmt.Errorf("%w: it showed no certificate", ErrIdentity)
	}
	leaf := state.PeerCertificates[0]
	check := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: now}
	for _, c := range state.PeerCertificates[1:] {
		check.Intermediates.AddCert(c)
	}
	var id identity
	if now.After(leaf.NotAfter) {
		check.CurrentTime = leaf.NotAfter
		id.warnings = append(id.warnings, "the reader's certificate expired on "+leaf.NotAfter.UTC().Format(time.DateOnly)+"; connect the reader to the internet so that it renews it")
	}
	if _, err := leaf.Verify(check); err != nil {
		return identity{}, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	for _, uri := range leaf.URIs {
		if name, ok := strings.CutPrefix(uri.String(), readerScheme); ok && name != "" {
			id.readerID = name
			break
		}
	}
	switch {
	case id.readerID == "":
		return identity{}, fmt.Errorf("%w: its certificate names no reader", ErrIdentity)
	case readerID != "" && id.readerID != readerID:
		return identity{}, fmt.Errorf("%w: this is %s, not %s", ErrIdentity, id.readerID, readerID)
	}
	hash, err := spkiHash(leaf)
	if err != nil {
		return identity{}, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	id.keyHash = hash
	return id, nil
}
