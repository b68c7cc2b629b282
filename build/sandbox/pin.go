package sandbox

import (
	"cmp"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"smartreader/firmware/platform"
	"smartreader/hal/dukpt"
	"smartreader/hal/pinblock"
)

// PINKey is one initial key of a simulated PIN pad.
type PINKey struct {
	Name       string
	InitialKey []byte
	Serial     []byte // what the standard calls initial key id (AES) or initial key serial number (TDES)
	AES        bool
}

// The names under which simulated PIN pads have their keys.
const (
	pinKeyAES  = "pin"
	pinKeyTDES = "pin-tdes"
)

// The base derivation keys, those of the standards' published examples. PUBLIC:
// whoever reads this can read every PIN enciphered under keys derived from them.
var (
	baseKeyAES  = mustHex("FEDCBA9876543210F1F1F1F1F1F1F1F1")
	baseKeyTDES = mustHex("0123456789ABCDEFFEDCBA9876543210")

	baseIDAES  = [4]byte(mustHex("12345678"))
	baseIDTDES = [5]byte(mustHex("FFFF987654"))
)

func mustHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err) // a constant of this file
	}
	return b
}

// PINKeys are the initial keys for the simulated PIN pad of the reader with a
// serial number. They are TEST KEYS, and anybody can make them.
func PINKeys(serial string) ([]PINKey, error) {
	device := sha256.Sum256([]byte(serial))
	id := [8]byte(append(baseIDAES[:], device[:4]...))
	aes, err := dukpt.AESInitialKey(baseKeyAES, id)
	if err != nil {
		return nil, fmt.Errorf("sandbox: PIN key: %w", err)
	}
	// Of the last forty bits, 19 number the device and 21 are the counter.
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], uint64(binary.BigEndian.Uint32(device[:4])>>13)<<21)
	ksn := [10]byte(append(baseIDTDES[:], number[3:]...))
	tdes, err := dukpt.TDESInitialKey(baseKeyTDES, ksn)
	if err != nil {
		return nil, fmt.Errorf("sandbox: PIN key: %w", err)
	}
	return []PINKey{{pinKeyAES, aes, id[:], true}, {pinKeyTDES, tdes, ksn[:], false}}, nil
}

func pinSettings(set Settings) *platform.PIN {
	format := cmp.Or(known(set.PINFormat), platform.PINFormat4)
	if format == platform.PINFormat0 {
		return &platform.PIN{Format: format, Key: pinKeyTDES}
	}
	return &platform.PIN{Format: format, Key: pinKeyAES}
}

// pinCounter is the newest PIN block there was of a PIN pad: a key serial number
// that comes again, or an older one, is somebody's copy.
type pinCounter struct {
	Key    string `json:"pinKey"` // format and the part of the KSN that is no counter
	Serial string `json:"serial"` // the whole KSN
}

func (pinCounter) kind() string  { return "pinCounter" }
func (o pinCounter) key() string { return o.Key }

// openPIN deciphers an online PIN and counts it. The caller wipes the digits.
func (s *Sandbox) openPIN(t *tx, b *platform.PINBlock, pan string) (digits []byte, err error) {
	serial, err1 := hex.DecodeString(b.KSN)
	block, err2 := hex.DecodeString(b.Ciphertext)
	if err1 != nil || err2 != nil {
		return nil, fmt.Errorf("KSN or ciphertext is not hexadecimal")
	}
	device := ""
	switch {
	case b.Format == platform.PINFormat4 && len(serial) == 12 && [4]byte(serial) == baseIDAES:
		device = upper(serial[:8])
		if digits, err = openPIN4(serial, block, pan); err != nil {
			return nil, err
		}
	case b.Format == platform.PINFormat0 && len(serial) == 10 && [5]byte(serial) == baseIDTDES:
		initial := [10]byte(serial)
		initial[7] &= 0xE0
		initial[8], initial[9] = 0, 0
		device = upper(initial[:])
		if digits, err = openPIN0(initial, serial, block, pan); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("there is no key for format %q with this KSN", b.Format)
	}
	last, _ := t.pins.get(b.Format + "." + device)
	if upper(serial) <= last.Serial {
		clear(digits)
		return nil, fmt.Errorf("the key with this KSN was used before")
	}
	t.put(pinCounter{Key: b.Format + "." + device, Serial: upper(serial)})
	return digits, nil
}

func openPIN4(serial, block []byte, pan string) ([]byte, error) {
	initial, err := dukpt.AESInitialKey(baseKeyAES, [8]byte(serial[:8]))
	if err != nil {
		return nil, err
	}
	key, err := dukpt.AESPINKey(initial, serial)
	if err != nil {
		return nil, err
	}
	return pinblock.Decipher4(key, block, []byte(pan))
}

func openPIN0(initial [10]byte, serial, block []byte, pan string) ([]byte, error) {
	secret, err := dukpt.TDESInitialKey(baseKeyTDES, initial)
	if err != nil {
		return nil, err
	}
	key, err := dukpt.TDESPINKey(secret, serial)
	if err != nil {
		return nil, err
	}
	clearBlock, err := decipher(key, block)
	if err != nil {
		return nil, err
	}
	defer clear(clearBlock)
	return pinblock.Decode0(clearBlock, []byte(pan))
}

func decipher(key cipher.Block, block []byte) ([]byte, error) {
	if len(block) != key.BlockSize() {
		return nil, fmt.Errorf("the PIN block has %d bytes, want %d", len(block), key.BlockSize())
	}
	out := make([]byte, len(block))
	key.Decrypt(out, block)
	return out, nil
}
