package dukpt

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// A state is, in bytes:
//
//	1     version, 1
//	1     scheme: 'A' or 'T'
//	1     length of a key: 16, 24 or 32 of AES, 16 of TDES
//	8/10  initial key id of AES, key serial number with a counter of 0 of TDES
//	4     counter of the next key, 0 when there is none left
//	n*len the keys of the registers in use, from 0 up; the counter says which
//	8     the first bytes of the SHA-256 of all before
//
// The sum is against damage, not against people: one wrong bit in a key would
// make blocks that no host can read, and nobody would know why.
const (
	stateVersion = 1
	schemeAES    = 'A'
	schemeTDES   = 'T'
	sumSize      = 8
)

// State implements Device.
func (d *AES) State() []byte {
	return d.state(append([]byte{stateVersion, schemeAES, byte(d.size)}, d.id[:]...), d.size)
}

// State implements Device.
func (d *TDES) State() []byte {
	return d.state(append([]byte{stateVersion, schemeTDES, tdesKey}, d.serial[:]...), tdesKey)
}

func (r *registers) state(head []byte, size int) []byte {
	// All in one piece of memory: growing would leave copies of keys behind.
	b := make([]byte, 0, len(head)+4+32*size+sumSize)
	b = binary.BigEndian.AppendUint32(append(b, head...), r.counter)
	for _, key := range r.keys {
		b = append(b, key...)
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:sumSize]...)
}

// Parse makes the device whose State this is. It keeps nothing of state, which the
// caller wipes. Errors match ErrState and say nothing about keys.
func Parse(state []byte) (Device, error) {
	if len(state) < 3+sumSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrState, len(state))
	}
	body, want := state[:len(state)-sumSize], state[len(state)-sumSize:]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:sumSize], want) {
		return nil, fmt.Errorf("%w: wrong sum", ErrState)
	}
	if body[0] != stateVersion {
		return nil, fmt.Errorf("%w: version %d, this software has %d", ErrState, body[0], stateVersion)
	}
	scheme, size, body := body[1], int(body[2]), body[3:]
	switch {
	case scheme == schemeAES && derivationType(size) != 0 && len(body) >= 8:
		d := newAES(size, [8]byte(body))
		if err := d.restore(body[8:], size); err != nil {
			d.Wipe()
			return nil, err
		}
		return d, nil
	case scheme == schemeTDES && size == tdesKey && len(body) >= 10:
		d := newTDES([10]byte(body))
		if withCounter(d.serial, 0) != d.serial {
			return nil, fmt.Errorf("%w: a counter in the serial number", ErrState)
		}
		if err := d.restore(body[10:], size); err != nil {
			d.Wipe()
			return nil, err
		}
		return d, nil
	}
	return nil, fmt.Errorf("%w: scheme %d, keys of %d bytes, %d bytes", ErrState, scheme, size, len(state))
}

// restore takes counter and keys.
func (r *registers) restore(b []byte, size int) error {
	if len(b) < 4 {
		return fmt.Errorf("%w: too short", ErrState)
	}
	counter, b := binary.BigEndian.Uint32(b), b[4:]
	if counter != 0 && !r.valid(counter) {
		return fmt.Errorf("%w: counter %#x", ErrState, counter)
	}
	r.counter = counter
	for k, used := 0, r.used(counter); used != 0; k, used = k+1, used>>1 {
		if used&1 == 0 {
			continue
		}
		if len(b) < size {
			return fmt.Errorf("%w: too short", ErrState)
		}
		r.keys[k], b = bytes.Clone(b[:size]), b[size:]
	}
	if len(b) > 0 {
		return fmt.Errorf("%w: too long", ErrState)
	}
	return nil
}
