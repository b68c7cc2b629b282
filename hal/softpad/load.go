package softpad

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"smartreader/hal"
	"smartreader/hal/dukpt"
)

// Kind is a scheme of keys for online PINs.
type Kind string

// Kinds of keys.
const (
	AESDUKPT  Kind = "aes-dukpt"  // ANSI X9.24-3-2017, for format 4
	TDESDUKPT Kind = "tdes-dukpt" // ANSI X9.24-1:2009, for formats 0 and 3
)

// Injection is an initial key for a pad.
type Injection struct {
	Name string // as in hal.KeyStore; it becomes hal.OnlinePIN.Key
	Kind Kind
	// InitialKey is the device's, not the base derivation key: 16, 24 or 32 bytes
	// of AES DUKPT, 16 of TDES DUKPT. It travels in the clear, so somebody trusted
	// must see to where from. Load wipes it.
	InitialKey hal.Secret
	// Serial is the initial key id (8 bytes) of AES DUKPT, the initial key serial
	// number with a counter of 0 (10 bytes) of TDES DUKPT.
	Serial []byte
	// Replace allows another key to be there already. It is lost then, and must
	// never be loaded again: nobody here remembers which of its keys were used.
	Replace bool
}

// Load puts an initial key into the store, ready for its first PIN, and wipes it.
// It survives a power cut when Load returns.
//
// It fails with hal.ErrKeyExists when there is a key, unless Replace is set. Even
// then it refuses the key that is there, which would begin again with keys that
// were used: get another from the host. Other errors: dukpt.ErrKey,
// dukpt.ErrSerial, hal.ErrUnsupported for an unknown kind, and the store's.
//
// No call of a pad with this store may run meanwhile.
func Load(ctx context.Context, keys hal.SecretKeeper, in Injection) error {
	defer in.InitialKey.Wipe()
	key, err := in.device()
	if err != nil {
		return fmt.Errorf("softpad: load key %q: %w", in.Name, err)
	}
	defer key.Wipe()
	if err := in.mayLoad(ctx, keys); err != nil {
		return fmt.Errorf("softpad: load key %q: %w", in.Name, err)
	}
	state := hal.NewSecret(key.State())
	defer state.Wipe()
	if err := keys.SetSecret(ctx, in.Name, state); err != nil {
		return fmt.Errorf("softpad: load key %q: %w", in.Name, err)
	}
	return nil
}

func (in *Injection) device() (dukpt.Device, error) {
	switch {
	case in.Kind == AESDUKPT && len(in.Serial) == 8:
		key, err := dukpt.LoadAES(in.InitialKey.Bytes(), [8]byte(in.Serial))
		if err != nil {
			return nil, err
		}
		return key, nil
	case in.Kind == TDESDUKPT && len(in.Serial) == 10:
		key, err := dukpt.LoadTDES(in.InitialKey.Bytes(), [10]byte(in.Serial))
		if err != nil {
			return nil, err
		}
		return key, nil
	case in.Kind == AESDUKPT || in.Kind == TDESDUKPT:
		return nil, fmt.Errorf("%w: %d bytes; %s has 8, %s 10", dukpt.ErrSerial, len(in.Serial), AESDUKPT, TDESDUKPT)
	}
	return nil, fmt.Errorf("kind %q, there are %s and %s: %w", in.Kind, AESDUKPT, TDESDUKPT, hal.ErrUnsupported)
}

// mayLoad says whether the place is free, or may be taken.
func (in *Injection) mayLoad(ctx context.Context, keys hal.SecretKeeper) error {
	old, err := open(ctx, keys, in.Name)
	switch {
	case errors.Is(err, hal.ErrNoKey):
		return nil
	case errors.Is(err, dukpt.ErrState) && in.Replace:
		return nil // which key it was, only who brings the new one can know
	case err != nil:
		return err
	}
	defer old.Wipe()
	if bytes.Equal(old.Serial(), in.Serial) {
		return fmt.Errorf("%w: this very key is loaded, and would begin again with keys that were used", hal.ErrKeyExists)
	}
	if !in.Replace {
		return fmt.Errorf("%w: ask to replace it", hal.ErrKeyExists)
	}
	return nil
}
