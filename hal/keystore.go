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

// SecretKeeper is what a KeyStore implements besides if it can keep symmetric
// secrets. It is there for the software PIN pad (hal/softpad), whose DUKPT keys
// change with every PIN; a secure PIN pad keeps its own keys, and needs none.
//
// A name is as in KeyStore; a key and a secret of one name do not touch each
// other. Erase destroys secrets too. It may be used from several goroutines.
type SecretKeeper interface {
	// Secret returns the secret of that name, in memory of its own, for the
	// caller to wipe: ErrNoKey when there is none, ErrErased after Erase. Any
	// other error means that it may exist and could not be read: never make a
	// new one in its place.
	Secret(ctx context.Context, name string) (Secret, error)

	// SetSecret puts s, a few kilobytes at most, in the place of the secret of
	// that name. When it returns nil, s is there to stay, whatever happens to
	// the power. When it fails, either the old secret or the new one is there,
	// whole. An empty s deletes. It neither keeps nor wipes s. It fails with
	// ErrErased after Erase.
	SetSecret(ctx context.Context, name string, s Secret) error
}
