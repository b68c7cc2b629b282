package c2

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// TornLog remembers transactions whose card left the field before it answered GENERATE AC (Book C-2, "Torn
// Transaction Recovery"). Such a card may have counted the payment already; presented again it is asked for
// the answer it gave, and does not count a second one.
//
// It is kept in memory only. An account is known by a keyed hash whose key never leaves the process. Safe for
// concurrent use.
type TornLog struct {
	mu       sync.Mutex
	most     int
	lifetime time.Duration
	key      []byte
	records  []*torn // oldest first
}

// NewTornLog returns a log of at most so many records (DF811D), each for so long (DF811C; published is 300 s).
func NewTornLog(records int, lifetime time.Duration) (*TornLog, error) {
	if records < 1 || records > 255 || lifetime <= 0 {
		return nil, fmt.Errorf("%w: torn log of %d records for %v, want 1 to 255 and a lifetime; for none leave it out",
			tap.ErrConfig, records, lifetime)
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("c2: torn log: %w", err)
	}
	return &TornLog{most: records, lifetime: lifetime, key: key}, nil
}

// torn is one transaction as it stood when GENERATE AC was sent.
type torn struct {
	account [sha256.Size]byte
	at      time.Time
	payment payment

	drdol, pdol, cdol1 []byte // data that was sent, or is to be
	values             map[tlv.Tag][]byte
	tvr                emvkernel.TVR
	request            byte
	combined           bool
	relayed            *relayData
	cvm                tap.CVM
	receipt            bool
}

// payment tells one payment from another. A card that was torn in another one is asked anew: its recovered
// answer would be over the wrong amount. The book recovers whatever it finds.
type payment struct {
	amount, cashback int64
	currency         uint16
	kind             byte
}

func (t *transaction) payment() payment {
	p := &t.a.Params
	return payment{p.Amount, p.Cashback, p.Currency, p.Type}
}

func (r *torn) wipe() {
	clear(r.drdol)
	clear(r.pdol)
	clear(r.cdol1)
	for _, v := range r.values {
		clear(v)
	}
}

// tornTags are the values a recovered cryptogram was computed over, where they can differ from this tap's; the
// TVR is apart.
var tornTags = []tlv.Tag{0x9F37, 0x9F33, 0x9F34, 0x9A, 0x9F21, 0x9F41, 0x9F39}

// account is the card by number and sequence number, unreadable without the key.
func (l *TornLog) account(get func(tlv.Tag) []byte) [sha256.Size]byte {
	h := hmac.New(sha256.New, l.key)
	number, sequence := get(0x5A), get(0x5F34)
	h.Write([]byte{byte(len(number))})
	h.Write(number)
	h.Write(sequence)
	return [sha256.Size]byte(h.Sum(nil))
}

// expire drops what is too old, or from the future: the clock was changed. Nil: nothing.
func (l *TornLog) expire(now time.Time) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(func(r *torn) bool { age := now.Sub(r.at); return age < 0 || age > l.lifetime })
}

// drop removes and wipes records.
func (l *TornLog) drop(which func(*torn) bool) {
	kept := l.records[:0]
	for _, r := range l.records {
		if which(r) {
			r.wipe()
		} else {
			kept = append(kept, r)
		}
	}
	clear(l.records[len(kept):])
	l.records = kept
}

// add keeps a record, if need be in the place of the oldest. There is none of the same card: it was taken.
func (l *TornLog) add(r *torn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.records) == l.most {
		l.records[0].wipe()
		l.records = append(l.records[:0], l.records[1:]...)
	}
	l.records = append(l.records, r)
}

// take removes the record of a card and returns it; nil: none.
func (l *TornLog) take(account [sha256.Size]byte) *torn {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, r := range l.records {
		if r.account == account {
			l.records = append(l.records[:i:i], l.records[i+1:]...)
			return r
		}
	}
	return nil
}

// Len returns how many records there are.
func (l *TornLog) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.records)
}

// Wipe drops all records.
func (l *TornLog) Wipe() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(func(*torn) bool { return true })
}

// Format keeps fmt away from the fields.
func (l *TornLog) Format(f fmt.State, _ rune) { io.WriteString(f, "c2.TornLog") }

// LogValue keeps loggers away from the fields.
func (l *TornLog) LogValue() slog.Value { return slog.StringValue("c2.TornLog") }

// tear remembers the transaction, if the card can recover it.
func (t *transaction) tear() {
	raw := t.o.Get(tagDRDOL)
	if t.k.Torn == nil || len(raw) == 0 {
		return
	}
	drdol, err := tlv.ParseDOL(raw)
	if err != nil || drdol.Size() > apdu.MaxData {
		return
	}
	r := &torn{
		account: t.k.Torn.account(t.o.Get), at: t.a.Params.Time, payment: t.payment(),
		drdol: drdol.Build(t.o.Get), pdol: bytes.Clone(t.pdolData), cdol1: bytes.Clone(t.cdol1Data),
		values: map[tlv.Tag][]byte{}, tvr: t.tvr, request: t.request, combined: t.combined,
		relayed: t.relayed, cvm: t.cvm, receipt: t.receipt,
	}
	for _, tag := range tornTags {
		r.values[tag] = bytes.Clone(t.o.Get(tag))
	}
	t.k.Torn.add(r)
}

// recover asks a card whose last transaction was torn for the answer it gave then. Done is false when there
// is none to be had: the card is asked for a new cryptogram.
func (t *transaction) recover(ctx context.Context) (done bool, err error) {
	if t.k.Torn == nil || !t.o.Has(tagDRDOL) {
		return false, nil
	}
	r := t.k.Torn.take(t.k.Torn.account(t.o.Get))
	if r == nil {
		return false, nil
	}
	kept := false
	defer func() {
		if !kept {
			r.wipe()
		}
	}()
	if r.payment != t.payment() {
		return false, nil
	}
	const name = "RECOVER AC"
	resp, err := t.send(ctx, apdu.Command{CLA: 0x80, INS: 0xD0, Data: r.drdol})
	if err != nil {
		if end, ok := errors.AsType[*ending](err); ok && end.again {
			t.k.Torn.add(r) // torn again
			kept = true
		}
		return true, err
	}
	if resp.SW != apdu.OK {
		return false, nil
	}
	clear(t.pdolData)
	t.pdolData, t.cdol1Data = bytes.Clone(r.pdol), bytes.Clone(r.cdol1)
	for tag, v := range r.values {
		t.o.Set(tag, bytes.Clone(v)...)
	}
	t.tvr, t.request, t.combined, t.cvm, t.receipt = r.tvr, r.request, r.combined, r.cvm, r.receipt
	if t.relayed = r.relayed; r.relayed != nil {
		t.keepRelay(r.relayed)
	}
	return true, t.accept(name, resp.Data)
}
