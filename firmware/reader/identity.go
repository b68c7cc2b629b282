package reader

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"smartreader/firmware/platform"
	"smartreader/hal"
	"smartreader/store"
)

// identity is what activation gave the reader. It is public; the key stays in
// the board's key store.
type identity struct {
	Reader      platform.Reader `json:"reader"`
	Certificate []byte          `json:"certificate"` // DER
	CA          []byte          `json:"ca"`          // DER
	SigningKey  []byte          `json:"signingKey"`  // SPKI DER of the platform

	signer crypto.Signer
}

const (
	identityKeyName = "identity"
	identityBlob    = "identity"
)

// identityKey returns the device key, making it at the very first start. A
// ledger without its key is not continued with another one.
func identityKey(ctx context.Context, keys hal.KeyStore, ledger string) (crypto.Signer, error) {
	signer, err := keys.Key(ctx, identityKeyName)
	if errors.Is(err, hal.ErrNoKey) {
		if _, missing := os.Stat(ledger); missing == nil {
			return nil, fmt.Errorf("reader: the device key is gone, but %s holds a ledger signed with it: restore the key; its payments are sealed to the platform and safe: %w", ledger, err)
		}
		signer, err = keys.Create(ctx, identityKeyName)
	}
	if err != nil {
		return nil, fmt.Errorf("reader: device key: %w", err)
	}
	return signer, nil
}

func (r *Reader) loadIdentity(signer crypto.Signer) error {
	r.identity.signer = signer
	data, err := r.store.Blob(identityBlob)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reader: identity: %w", err)
	}
	loaded := identity{signer: signer}
	if err := json.Unmarshal(data, &loaded); err != nil {
		return fmt.Errorf("reader: identity: %w", err)
	}
	leaf, err := x509.ParseCertificate(loaded.Certificate)
	if err != nil {
		return fmt.Errorf("reader: certificate: %w", err)
	}
	if pub, ok := signer.Public().(*ecdsa.PublicKey); !ok || !pub.Equal(leaf.PublicKey) {
		return errors.New("reader: the certificate is not for this reader's key; was the ledger copied from another reader?")
	}
	r.identity = loaded
	return nil
}

func (r *Reader) activated() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.identity.Certificate) > 0
}

func (r *Reader) readerID() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.identity.Reader.ID
}

func (r *Reader) certificate() tls.Certificate {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.identity.Certificate) == 0 {
		return tls.Certificate{}
	}
	return tls.Certificate{Certificate: [][]byte{r.identity.Certificate, r.identity.CA}, PrivateKey: r.identity.signer}
}

// activate registers the reader at the platform, waiting for the internet if
// need be. A refusal by the platform ends the reader: it needs the installer.
func (r *Reader) activate(ctx context.Context, signer crypto.Signer) error {
	if r.activated() {
		return nil
	}
	if r.opt.RegistrationCode == "" {
		return errors.New("reader: not activated, and no registration code given: create one at the platform and pass it at the first start")
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: r.board.Serial}}, signer)
	if err != nil {
		return fmt.Errorf("reader: certificate request: %w", err)
	}
	for {
		answer, err := r.platform.Activate(ctx, platform.ActivateRequest{
			RegistrationCode: r.opt.RegistrationCode, Serial: r.board.Serial, DeviceType: r.opt.DeviceType, CSR: csr,
		})
		if err == nil {
			return r.keepIdentity(ctx, signer, answer)
		}
		var unreachable *platform.Unreachable
		if !errors.As(err, &unreachable) || ctx.Err() != nil {
			return fmt.Errorf("reader: activation: %w", err)
		}
		r.log.Warn("activation: platform not reached, trying again", "err", err)
		if err := pause(ctx, activationRetry); err != nil {
			return err
		}
	}
}

const activationRetry = 2 * time.Second

func (r *Reader) keepIdentity(ctx context.Context, signer crypto.Signer, a *platform.ActivateResponse) error {
	kept := identity{Reader: a.Reader, Certificate: a.Certificate, CA: a.CA, SigningKey: a.SigningKey, signer: signer}
	if _, err := platform.ParseSigningKey(kept.SigningKey); err != nil {
		return fmt.Errorf("reader: activation: the platform's signing key: %w", err)
	}
	data, err := json.Marshal(kept)
	if err != nil {
		return fmt.Errorf("reader: identity: %w", err)
	}
	if err := r.store.PutBlob(ctx, identityBlob, data); err != nil {
		return fmt.Errorf("reader: keep identity: %w", err)
	}
	if err := r.journal(ctx, identityBlob, data); err != nil {
		return err
	}
	r.mu.Lock()
	r.identity = kept
	r.mu.Unlock()
	r.log.Info("activated", "reader", a.Reader.ID, "location", a.Location.ID)
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// journal notes that a document was taken, so that losing it from the database
// is noticed like losing a payment.
func (r *Reader) journal(ctx context.Context, kind string, document []byte) error {
	sum := sha256.Sum256(document)
	if _, err := r.store.Note(ctx, kind, map[string]string{"sha256": hex.EncodeToString(sum[:])}); err != nil {
		return fmt.Errorf("reader: journal %s: %w", kind, err)
	}
	return nil
}
