package dukpt

import (
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
)

var (
	// ErrExhausted is returned when a device has used all its keys: load a new
	// initial key.
	ErrExhausted = errors.New("dukpt: all keys are used up; load a new initial key")
	// ErrKey is returned for a key of a length that its scheme does not have, or
	// a working key that is stronger than the key it would be derived from.
	ErrKey = errors.New("dukpt: no key of this length or type")
	// ErrSerial is returned for a key serial number that no device can have
	// reached, or that cannot be loaded.
	ErrSerial = errors.New("dukpt: no such key serial number")
	// ErrState is returned by Parse for what is no state of a device, or a
	// damaged one. Load a new initial key; the old one would begin again with
	// keys that were used.
	ErrState = errors.New("dukpt: damaged state of a device")
)

// Device is one loaded key of a device, *AES or *TDES. One goroutine at a time
// uses it. It prints without its keys.
type Device interface {
	// NextPIN returns the cipher for the next PIN block, and the key serial
	// number that goes with it, and leaves this key behind for good. The cipher
	// is for one block. Store State before that block is shown to anybody.
	// ErrExhausted: there is no key left, now or ever.
	NextPIN() (key cipher.Block, serial []byte, err error)

	// PINBlockSize is the block size in bytes of NextPIN's ciphers: 16 of AES, 8
	// of TDES.
	PINBlockSize() int

	// Exhausted says that NextPIN will fail.
	Exhausted() bool

	// Serial identifies the initial key: the initial key id (8 bytes) of AES, the
	// key serial number with a counter of 0 (10 bytes) of TDES.
	Serial() []byte

	// State is the device as Parse takes it, keys and all; the caller wipes it.
	State() []byte

	// Wipe overwrites the keys. The device is exhausted then.
	Wipe()
}

var (
	_ Device = (*AES)(nil)
	_ Device = (*TDES)(nil)
)

// Format writes no keys, whatever the verb.
func (d *AES) Format(f fmt.State, _ rune) { io.WriteString(f, "dukpt.AES") }

// Format writes no keys, whatever the verb.
func (d *TDES) Format(f fmt.State, _ rune) { io.WriteString(f, "dukpt.TDES") }
