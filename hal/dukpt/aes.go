package dukpt

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// KeyType is the algorithm of a derived key, as X9.24-3 numbers them.
type KeyType uint16

// Key types.
const (
	TDES2  KeyType = iota // two-key TDES, 16 bytes
	TDES3                 // three-key TDES, 24 bytes
	AES128                // 16 bytes
	AES192                // 24 bytes
	AES256                // 32 bytes
)

// size is a key's length in bytes, 0 of an unknown type.
func (t KeyType) size() int {
	switch t {
	case TDES2, AES128:
		return 16
	case TDES3, AES192:
		return 24
	case AES256:
		return 32
	}
	return 0
}

// Usage is what a derived key is for, as X9.24-3 numbers it. Keys for different
// usages are different.
type Usage uint16

// Usages of working keys.
const (
	KeyEncryption     Usage = 0x0002
	PINEncryption     Usage = 0x1000
	MACGeneration     Usage = 0x2000
	MACVerification   Usage = 0x2001
	MACBothWays       Usage = 0x2002
	DataEncryption    Usage = 0x3000
	DataDecryption    Usage = 0x3001
	DataBothWays      Usage = 0x3002
	keyDerivation     Usage = 0x8000
	initialDerivation Usage = 0x8001
)

// AES is the device's side of AES DUKPT.
type AES struct {
	id [8]byte
	registers
	size int // bytes of the initial key and of those derived on the way
}

func newAES(size int, id [8]byte) *AES {
	return &AES{id: id, size: size, registers: registers{width: 32, ones: 16}}
}

// LoadAES makes a device out of its initial key (16, 24 or 32 bytes, which the
// caller wipes) and the initial key id: four bytes that name the BDK, four that
// name the device. Errors: ErrKey.
func LoadAES(initialKey []byte, id [8]byte) (*AES, error) {
	if derivationType(len(initialKey)) == 0 {
		return nil, ErrKey
	}
	d := newAES(len(initialKey), id)
	d.load(initialKey, d.derive)
	return d, nil
}

// Next returns the working key of the next transaction, for one usage, and its
// key serial number (12 bytes), and leaves the transaction behind. The caller
// wipes the key, and stores State before anything made with it is shown to
// anybody. Errors: ErrExhausted, ErrKey for a type stronger than the initial key.
func (d *AES) Next(usage Usage, t KeyType) (key, serial []byte, err error) {
	if !permitted(d.size, t) {
		return nil, nil, ErrKey
	}
	if d.Exhausted() {
		return nil, nil, ErrExhausted
	}
	leaf, counter := d.next(d.derive)
	defer clear(leaf)
	key = expand(leaf, usage, t, transaction(d.id, counter))
	return key, binary.BigEndian.AppendUint32(bytes.Clone(d.id[:]), counter), nil
}

// NextPIN implements Device: an AES-128 key, whatever the initial key's length.
func (d *AES) NextPIN() (cipher.Block, []byte, error) {
	key, serial, err := d.Next(PINEncryption, AES128)
	if err != nil {
		return nil, nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	return block, serial, err
}

// PINBlockSize implements Device.
func (d *AES) PINBlockSize() int { return aes.BlockSize }

// Exhausted implements Device.
func (d *AES) Exhausted() bool { return d.counter == 0 }

// Serial implements Device.
func (d *AES) Serial() []byte { return bytes.Clone(d.id[:]) }

// Wipe implements Device.
func (d *AES) Wipe() { d.wipe() }

func (d *AES) derive(parent []byte, counter uint32) []byte {
	return expand(parent, keyDerivation, derivationType(d.size), transaction(d.id, counter))
}

// derivationType is the type of a key that keys are derived from, 0 when there
// is none of this length. (TDES2 is 0 too, and never derives.)
func derivationType(size int) KeyType {
	for _, t := range []KeyType{AES128, AES192, AES256} {
		if t.size() == size {
			return t
		}
	}
	return 0
}

// permitted says whether a working key is no stronger than what it comes from
// (X9.24-3, 6.2): TDES of either kind is weaker than AES-128.
func permitted(size int, t KeyType) bool {
	return t <= TDES3 || t.size() != 0 && t.size() <= size
}

// transaction is the part of the derivation data that names the transaction: the
// device's half of the id, and the counter.
func transaction(id [8]byte, counter uint32) (context [8]byte) {
	copy(context[:4], id[4:])
	binary.BigEndian.PutUint32(context[4:], counter)
	return context
}

// expand derives a key: as many AES blocks as it needs, of a numbered line that
// says what it is for (X9.24-3, 6.3).
func expand(parent []byte, usage Usage, t KeyType, context [8]byte) []byte {
	block, err := aes.NewCipher(parent)
	if err != nil {
		panic(err) // all lengths were checked when they came in
	}
	size := t.size()
	key := make([]byte, (size+15)/16*16)
	var data [16]byte
	data[0] = 1 // version
	binary.BigEndian.PutUint16(data[2:], uint16(usage))
	binary.BigEndian.PutUint16(data[4:], uint16(t))
	binary.BigEndian.PutUint16(data[6:], uint16(size*8))
	copy(data[8:], context[:])
	for i := 0; i < len(key); i += 16 {
		data[1]++
		block.Encrypt(key[i:], data[:])
	}
	clear(key[size:])
	return key[:size:size]
}
