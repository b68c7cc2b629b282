package seal

import (
	"crypto/hpke"
	"encoding/binary"
	"fmt"
)

// An envelope is, in this order (integers big endian):
//
//	magic          6 bytes  "SRSEAL"
//	version        1 byte   1
//	key id         1 byte length, then the id
//	header         4 bytes length, then the header
//	encapsulation  1120 bytes
//	ciphertext     4 bytes length, then the ciphertext with its 16-byte tag
//
// and nothing after it.
const (
	envelopeMagic   = "SRSEAL"
	envelopeVersion = 1

	// MaxHeader and MaxPlaintext bound what an envelope carries, in bytes. A
	// chip card's data is about 1 KiB.
	MaxHeader    = 16 << 10
	MaxPlaintext = 32 << 10
)

// Envelope is a parsed but unopened envelope. Its slices share memory with the
// bytes it was parsed from.
type Envelope struct {
	KeyID      string
	Header     []byte
	Encap      []byte
	Ciphertext []byte
}

// Sender seals one record. Preparing it early, while the card is still being
// read, takes the costly public-key step off the path between the cardholder
// and "accepted". It is for one goroutine and one envelope.
type Sender struct {
	id    string
	encap []byte
	hpke  *hpke.Sender
}

// Prepare does the public-key half of one sealing.
func (k PublicKey) Prepare() (*Sender, error) {
	if k.key == nil {
		return nil, fmt.Errorf("%w: no public key", ErrKey)
	}
	encap, sender, err := hpke.NewSender(k.key, kdf, aead, info(k.id))
	if err != nil {
		return nil, fmt.Errorf("seal: preparing: %w", err)
	}
	return &Sender{k.id, encap, sender}, nil
}

// Seal encrypts plaintext so that only the platform can read it, bound to the
// exact bytes of header. The caller clears plaintext afterwards. A Sender seals
// once; a second call is an error.
func (s *Sender) Seal(header, plaintext []byte) (envelope []byte, err error) {
	if s.hpke == nil {
		return nil, fmt.Errorf("%w: a sender seals one envelope", ErrKey)
	}
	if len(header) == 0 || len(header) > MaxHeader {
		return nil, fmt.Errorf("%w: header of %d bytes, not 1 to %d", ErrEnvelope, len(header), MaxHeader)
	}
	if len(plaintext) > MaxPlaintext {
		return nil, fmt.Errorf("%w: plaintext of %d bytes, more than %d", ErrEnvelope, len(plaintext), MaxPlaintext)
	}
	ciphertext, err := s.hpke.Seal(header, plaintext)
	if err != nil {
		return nil, fmt.Errorf("seal: sealing: %w", err)
	}
	s.hpke = nil
	return Envelope{s.id, header, s.encap, ciphertext}.Bytes(), nil
}

// Seal is Prepare and Sender.Seal in one step.
func (k PublicKey) Seal(header, plaintext []byte) (envelope []byte, err error) {
	sender, err := k.Prepare()
	if err != nil {
		return nil, err
	}
	return sender.Seal(header, plaintext)
}

// Open reads an envelope with the private key that keys finds for its key id.
// It returns ErrEnvelope, ErrUnknownKey or ErrOpen; nothing is returned with an
// error.
func Open(keys func(id string) (PrivateKey, bool), envelope []byte) (header, plaintext []byte, err error) {
	e, err := ParseEnvelope(envelope)
	if err != nil {
		return nil, nil, err
	}
	key, ok := keys(e.KeyID)
	if !ok {
		return nil, nil, fmt.Errorf("%w: %s", ErrUnknownKey, e.KeyID)
	}
	recipient, err := hpke.NewRecipient(e.Encap, key.key, kdf, aead, info(e.KeyID))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrOpen, err)
	}
	plaintext, err = recipient.Open(e.Header, e.Ciphertext)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrOpen, err)
	}
	return e.Header, plaintext, nil
}

// ParseEnvelope splits an envelope without opening it. It accepts exactly what
// Bytes writes.
func ParseEnvelope(b []byte) (Envelope, error) {
	r := envelopeReader{b}
	magic, ok := r.take(len(envelopeMagic))
	if !ok || string(magic) != envelopeMagic {
		return Envelope{}, fmt.Errorf("%w: no magic", ErrEnvelope)
	}
	version, ok := r.take(1)
	if !ok || version[0] != envelopeVersion {
		return Envelope{}, fmt.Errorf("%w: version is not %d", ErrEnvelope, envelopeVersion)
	}
	var e Envelope
	length, ok := r.take(1)
	if !ok {
		return Envelope{}, fmt.Errorf("%w: ends before the key id", ErrEnvelope)
	}
	id, ok := r.take(int(length[0]))
	if !ok || checkKeyID(string(id)) != nil {
		return Envelope{}, fmt.Errorf("%w: bad key id", ErrEnvelope)
	}
	e.KeyID = string(id)
	if e.Header, ok = r.takeSized(1, MaxHeader); !ok {
		return Envelope{}, fmt.Errorf("%w: bad header length", ErrEnvelope)
	}
	if e.Encap, ok = r.take(encapsulatedBytes); !ok {
		return Envelope{}, fmt.Errorf("%w: ends in the encapsulation", ErrEnvelope)
	}
	if e.Ciphertext, ok = r.takeSized(tagBytes, MaxPlaintext+tagBytes); !ok {
		return Envelope{}, fmt.Errorf("%w: bad ciphertext length", ErrEnvelope)
	}
	if len(r.rest) != 0 {
		return Envelope{}, fmt.Errorf("%w: %d bytes after the end", ErrEnvelope, len(r.rest))
	}
	return e, nil
}

// Bytes encodes the envelope.
func (e Envelope) Bytes() []byte {
	b := make([]byte, 0, len(envelopeMagic)+2+len(e.KeyID)+4+len(e.Header)+len(e.Encap)+4+len(e.Ciphertext))
	b = append(b, envelopeMagic...)
	b = append(b, envelopeVersion, byte(len(e.KeyID)))
	b = append(b, e.KeyID...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Header)))
	b = append(b, e.Header...)
	b = append(b, e.Encap...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Ciphertext)))
	return append(b, e.Ciphertext...)
}

// info binds version and key id, the two fields outside header and ciphertext.
func info(keyID string) []byte { return []byte("smartreader sealed record v1 " + keyID) }

type envelopeReader struct{ rest []byte }

func (r *envelopeReader) take(n int) ([]byte, bool) {
	if n > len(r.rest) {
		return nil, false
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b, true
}

func (r *envelopeReader) takeSized(least, most int) ([]byte, bool) {
	length, ok := r.take(4)
	if !ok {
		return nil, false
	}
	n := binary.BigEndian.Uint32(length)
	if n < uint32(least) || n > uint32(most) {
		return nil, false
	}
	return r.take(int(n))
}
