package seal

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
)

// EntryVersion is the version of EntryHeader written by this code.
const EntryVersion = 1

// KindPayment and KindLoss are the journal's own kinds of entry; other parts of
// the reader add theirs.
const (
	KindPayment = "payment" // body: the payment's whole state after the change
	KindLoss    = "loss"    // body: Loss; the only entry that may follow a gap; see also KindPruned
)

// Hash is a SHA-256 sum.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Entry is one journal entry as it is stored, exported and verified.
type Entry struct {
	Header    []byte `json:"header"`    // exact bytes that were hashed and signed
	Signature []byte `json:"signature"` // 64 bytes: r and s, big endian
}

// EntryHeader is the content of an entry. The first four members come first in
// the encoding, so that the chain can be checked without reading the body.
type EntryHeader struct {
	Version     int             `json:"version"`
	Index       uint64          `json:"index"` // dense, from 1
	Prev        string          `json:"prev"`  // hex of the hash of the entry before, or of Genesis
	Kind        string          `json:"kind"`
	AtMs        int64           `json:"atMs"`     // never before an earlier entry's
	ClockSet    bool            `json:"clockSet"` // false: AtMs is only a lower bound
	LocalID     string          `json:"localId,omitempty"`
	State       string          `json:"state,omitempty"`
	Sequence    uint64          `json:"sequence,omitempty"`
	PayloadHash string          `json:"payloadHash,omitempty"` // hex; on the entry that stores a sealed payload
	Body        json.RawMessage `json:"body,omitempty"`
}

// Loss is the body of a KindLoss entry: what an operator accepted as gone.
// Entries and payments in these ranges may have existed.
type Loss struct {
	Reason    string `json:"reason"`
	Missing   Ranges `json:"missing,omitempty"`   // journal indexes
	Damaged   Ranges `json:"damaged,omitempty"`   // journal indexes present but unusable
	Sequences Ranges `json:"sequences,omitempty"` // payment sequences that may be gone
}

// Genesis returns the hash that the first entry of a device's journal names.
func Genesis(device *ecdsa.PublicKey) (Hash, error) {
	spki, err := x509.MarshalPKIXPublicKey(device)
	if err != nil || device.Curve != elliptic.P256() {
		return Hash{}, fmt.Errorf("%w: the device key is not ECDSA P-256", ErrKey)
	}
	return labelled("smartreader journal genesis v1", spki), nil
}

// Bytes encodes the header: JSON, members in the order of the struct.
func (h EntryHeader) Bytes() ([]byte, error) {
	b, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHeader, err)
	}
	return b, nil
}

// ParseEntryHeader reads what EntryHeader.Bytes wrote and nothing else.
func ParseEntryHeader(b []byte) (EntryHeader, error) {
	var h EntryHeader
	if err := parseCanonical(b, &h); err != nil {
		return EntryHeader{}, err
	}
	switch {
	case h.Version != EntryVersion:
		return EntryHeader{}, fmt.Errorf("%w: version %d, not %d", ErrHeader, h.Version, EntryVersion)
	case h.Index == 0:
		return EntryHeader{}, fmt.Errorf("%w: index 0", ErrHeader)
	case h.Kind == "":
		return EntryHeader{}, fmt.Errorf("%w: no kind", ErrHeader)
	}
	if _, err := ParseHash(h.Prev); err != nil {
		return EntryHeader{}, err
	}
	return h, nil
}

// ParseHash reads 64 lower-case hex digits.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if len(s) != 2*len(h) || strings.Trim(s, "0123456789abcdef") != "" {
		return Hash{}, fmt.Errorf("%w: not a hash", ErrHeader)
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return Hash{}, fmt.Errorf("%w: not a hash", ErrHeader)
	}
	return h, nil
}

// HashEntry returns the hash by which the next entry names this one.
func HashEntry(header []byte) Hash { return sha256.Sum256(header) }

// HashPayload returns the hash an entry keeps of a sealed payload.
func HashPayload(envelope []byte) string { return Hash(sha256.Sum256(envelope)).String() }

// SignEntry signs the exact bytes of an entry's header with the device key.
func SignEntry(device crypto.Signer, header []byte) (Entry, error) {
	digest := labelled(entryLabel, header)
	der, err := device.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return Entry{}, fmt.Errorf("seal: signing an entry: %w", err)
	}
	var s struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &s)
	if err != nil || len(rest) != 0 || s.R.Sign() <= 0 || s.S.Sign() <= 0 || s.R.BitLen() > 256 || s.S.BitLen() > 256 {
		return Entry{}, fmt.Errorf("%w: the device key did not answer with a P-256 signature", ErrKey)
	}
	raw := make([]byte, 64)
	s.R.FillBytes(raw[:32])
	s.S.FillBytes(raw[32:])
	return Entry{Header: header, Signature: raw}, nil
}

// Verify checks the entry's signature. It does not look at the chain.
func (e Entry) Verify(device *ecdsa.PublicKey) error {
	if len(e.Signature) != 64 {
		return fmt.Errorf("%w: %d bytes, not 64", ErrSignature, len(e.Signature))
	}
	digest := labelled(entryLabel, e.Header)
	r, s := new(big.Int).SetBytes(e.Signature[:32]), new(big.Int).SetBytes(e.Signature[32:])
	if !ecdsa.Verify(device, digest[:], r, s) {
		return ErrSignature
	}
	return nil
}

const entryLabel = "smartreader journal entry v1"

// labelled hashes length-prefixed parts, so that a signature made for one
// purpose cannot be passed off as one for another.
func labelled(label string, content []byte) Hash {
	b := bytes.NewBuffer(make([]byte, 0, 8+len(label)+len(content)))
	for _, part := range [][]byte{[]byte(label), content} {
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(len(part)))
		b.Write(length[:])
		b.Write(part)
	}
	return sha256.Sum256(b.Bytes())
}
