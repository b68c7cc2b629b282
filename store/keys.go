package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"smartreader/store/seal"
)

// schemaVersion is the version of the layout below. Software refuses a newer
// one; an older one is migrated at Open, once there is an older one.
const schemaVersion = 1

// Keys of the database.
var (
	keySchema = []byte("schema") // decimal number
	keyDevice = []byte("device") // genesis hash: which device key signs

	prefixJournal = []byte("j/") // index (8 bytes) -> signature (64 bytes), header
	prefixPayment = []byte("p/") // local id -> pointer to its newest journal entry
	prefixOpen    = []byte("o/") // local id of a payment not in a final state -> summary
	prefixSealed  = []byte("s/") // local id -> sealed payload
	prefixIntent  = []byte("i/") // the platform's id -> local id
	prefixSecret  = []byte("e/") // the platform's client secret -> local id
	prefixNumber  = []byte("q/") // payment sequence (8 bytes) -> local id
	prefixKey     = []byte("k/") // idempotency key -> local id
	prefixRequest = []byte("r/") // POS, zero byte, request id -> JSON
	prefixCursor  = []byte("c/") // POS -> index (8 bytes)
	prefixBlob    = []byte("b/") // name -> bytes
)

func key(prefix []byte, name string) []byte {
	return append(append(make([]byte, 0, len(prefix)+len(name)), prefix...), name...)
}

func journalKey(index uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 10), prefixJournal...), index)
}

func sequenceKey(sequence uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 10), prefixNumber...), sequence)
}

func requestKey(pos, id string) []byte { return key(prefixRequest, pos+"\x00"+id) }

// signatureBytes is the length of what precedes the header in a journal record.
const signatureBytes = 64

func journalRecord(e seal.Entry) []byte {
	return append(append(make([]byte, 0, signatureBytes+len(e.Header)), e.Signature...), e.Header...)
}

// journalEntry splits a record. A record too short is an entry that does not
// verify; it need not be told apart from other damage.
func journalEntry(record []byte) seal.Entry {
	if len(record) < signatureBytes {
		return seal.Entry{}
	}
	return seal.Entry{Header: record[signatureBytes:], Signature: record[:signatureBytes]}
}

// pointer leads from a payment to its newest journal entry, and tells whether
// that entry is still the one that was written.
type pointer struct {
	index uint64
	hash  seal.Hash
}

func (p pointer) bytes() []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 40), p.index), p.hash[:]...)
}

func parsePointer(b []byte) (p pointer, err error) {
	if len(b) != 40 {
		return pointer{}, fmt.Errorf("%w: payment pointer of %d bytes", ErrDamaged, len(b))
	}
	p.index = binary.BigEndian.Uint64(b)
	copy(p.hash[:], b[8:])
	return p, nil
}

// summary is what Open needs of a payment that is not finished, so that it need
// not read them all.
type summary struct {
	index         uint64
	sequence      uint64
	state         State
	amount        int64
	currency      string
	nextAttemptMs int64
	lane          string // never holds a zero byte
}

func summarize(p *Payment) summary {
	return summary{p.Index, p.Sequence, p.State, p.Amount, p.Currency, p.NextAttemptAtMs, p.lane()}
}

var errSummary = errors.New("store: bad summary of an open payment")

func (s summary) bytes() []byte {
	b := binary.AppendUvarint(nil, s.index)
	b = binary.AppendUvarint(b, s.sequence)
	b = binary.AppendUvarint(b, uint64(s.amount))
	b = binary.AppendUvarint(b, uint64(s.nextAttemptMs))
	b = append(b, s.currency...)
	b = append(b, s.state...)
	if s.lane == "" {
		return b
	}
	return append(append(b, 0), s.lane...)
}

func parseSummary(b []byte) (summary, error) {
	var numbers [4]uint64
	for i := range numbers {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return summary{}, errSummary
		}
		numbers[i], b = n, b[size:]
	}
	if len(b) < 3 || numbers[2] > math.MaxInt64 || numbers[3] > math.MaxInt64 {
		return summary{}, errSummary
	}
	state, lane, _ := strings.Cut(string(b[3:]), "\x00")
	s := summary{
		index: numbers[0], sequence: numbers[1], amount: int64(numbers[2]), nextAttemptMs: int64(numbers[3]),
		currency: string(b[:3]), state: State(state), lane: lane,
	}
	if !s.state.Valid() {
		return summary{}, errSummary
	}
	return s, nil
}
