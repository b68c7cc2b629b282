package seal

import (
	"crypto/hpke"
	"fmt"
)

var (
	kem  = hpke.MLKEM768X25519()
	kdf  = hpke.HKDFSHA256()
	aead = hpke.AES256GCM()
)

const (
	keyBytes          = 1216 // ML-KEM-768 encapsulation key and X25519 public key
	encapsulatedBytes = 1120 // ML-KEM-768 ciphertext and X25519 ephemeral key
	tagBytes          = 16   // AES-GCM
	maxKeyID          = 64
)

// PublicKey is one of the platform's sealing keys, as the configuration names
// it. The zero value cannot seal.
type PublicKey struct {
	id  string
	key hpke.PublicKey
}

// PrivateKey opens what its public key sealed. Only the platform has it; it
// prints as its id.
type PrivateKey struct {
	id  string
	key hpke.PrivateKey
}

// NewKey makes a sealing key pair with the given id: 1 to 64 printable ASCII
// characters.
func NewKey(id string) (PrivateKey, error) {
	if err := checkKeyID(id); err != nil {
		return PrivateKey{}, err
	}
	key, err := kem.GenerateKey()
	if err != nil {
		return PrivateKey{}, fmt.Errorf("seal: making a key: %w", err)
	}
	return PrivateKey{id, key}, nil
}

// ParsePrivateKey reads what [PrivateKey.Bytes] wrote.
func ParsePrivateKey(id string, raw []byte) (PrivateKey, error) {
	if err := checkKeyID(id); err != nil {
		return PrivateKey{}, err
	}
	key, err := kem.NewPrivateKey(raw)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("%w: private key %q: %w", ErrKey, id, err)
	}
	return PrivateKey{id, key}, nil
}

// ParsePublicKey reads what [PublicKey.Bytes] wrote: 1216 bytes.
func ParsePublicKey(id string, raw []byte) (PublicKey, error) {
	if err := checkKeyID(id); err != nil {
		return PublicKey{}, err
	}
	if len(raw) != keyBytes {
		return PublicKey{}, fmt.Errorf("%w: public key %q has %d bytes, not %d", ErrKey, id, len(raw), keyBytes)
	}
	key, err := kem.NewPublicKey(raw)
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: public key %q: %w", ErrKey, id, err)
	}
	return PublicKey{id, key}, nil
}

// Public returns the half that seals.
func (k PrivateKey) Public() PublicKey { return PublicKey{k.id, k.key.PublicKey()} }

// ID returns the name under which envelopes refer to the key.
func (k PrivateKey) ID() string { return k.id }

// Bytes returns the secret key; the caller keeps it safe.
func (k PrivateKey) Bytes() ([]byte, error) { return k.key.Bytes() }

// Format prints the id whatever the verb, so the key cannot reach a log.
func (k PrivateKey) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "seal.PrivateKey(%s)", k.id) }

// MarshalText refuses: a secret key is written on purpose, with Bytes.
func (k PrivateKey) MarshalText() ([]byte, error) {
	return nil, fmt.Errorf("%w: a private key is not marshalled", ErrKey)
}

// ID returns the name under which envelopes refer to the key.
func (k PublicKey) ID() string { return k.id }

// Bytes returns the key as ParsePublicKey reads it.
func (k PublicKey) Bytes() []byte { return k.key.Bytes() }

func checkKeyID(id string) error {
	if len(id) == 0 || len(id) > maxKeyID {
		return fmt.Errorf("%w: key id has %d characters, not 1 to %d", ErrKey, len(id), maxKeyID)
	}
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' {
			return fmt.Errorf("%w: key id holds a character that is not printable ASCII", ErrKey)
		}
	}
	return nil
}
