package hal

import (
	"context"
	"crypto"
)

// KeyStore keeps the reader's private keys: in a secure element, a TPM, or in
// files where the board has nothing better. Private keys never leave it; what
// it returns can only sign. It may be used from several goroutines.
//
// Names are lower-case ASCII letters, digits and '-', 1 to 32 characters; any
// other name is ErrUnsupported. "identity" is the device identity.
type KeyStore interface {
	// Key returns the key of that name: ErrNoKey when there is none, ErrErased
	// after Erase. Any other error means that the key may exist and could not
	// be read (damaged, hardware gone): never create a new one in its place.
	Key(ctx context.Context, name string) (crypto.Signer, error)

	// Create makes a new ECDSA P-256 key that survives a power cut from the
	// moment the call returns. It fails with ErrKeyExists when there is one of
	// that name, and ErrErased after Erase.
	Create(ctx context.Context, name string) (crypto.Signer, error)

	// Erase destroys all keys: the tamper response. It is done, or finished at
	// the next start, even when the power fails in the middle. A signer handed
	// out before may go on working until the process ends.
	Erase(ctx context.Context) error
}
