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
	"slices"
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
// It is kept in memory only, each record for its lifetime by the process's own clock, and then overwritten. An
// account is known by a keyed hash whose key never leaves the process. Safe for concurrent use.
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
	until   time.Time // the end of its life
	findings
	drdol, pdol, cdol1 []byte // data that was sent, or is to be
	values             map[tlv.Tag][]byte
	relayed            *relayData
}

// findings are the payment, and what a tap has come to before the cryptogram. A card that is torn and comes back
// with others is asked anew: its recovered answer would be over the wrong amount, or one that this tap does not
// let it give, such as the approval of a card that is on the exception list by now. The book recovers whatever
// it finds.
type findings struct {
	amount, cashback int64
	currency         uint16
	kind             byte // '9C'
	aip              [2]byte
	able, verified   [3]byte // '9F33', '9F34'
	tvr              emvkernel.TVR
	request          byte
	combined         bool
}

func (t *transaction) findings() findings {
	p := &t.a.Params
	return findings{
		p.Amount, p.Cashback, p.Currency, p.Type, t.aip, [3]byte(t.o.Get(0x9F33)), [3]byte(t.o.Get(0x9F34)), t.tvr, t.request, t.combined,
	}
}

func (r *torn) wipe() {
	clear(r.drdol)
	clear(r.pdol)
	clear(r.cdol1)
	for _, v := range r.values {
		clear(v)
	}
}

// tornTags are what else a recovered cryptogram was computed over: what is another with every tap and payment.
var tornTags = []tlv.Tag{0x9F37, 0x9A, 0x9F21, 0x9F41}

// account is the card by number and sequence number, unreadable without the key.
func (l *TornLog) account(get func(tlv.Tag) []byte) [sha256.Size]byte {
	h := hmac.New(sha256.New, l.key)
	number, sequence := get(0x5A), get(0x5F34)
	h.Write([]byte{byte(len(number))})
	h.Write(number)
	h.Write(sequence)
	return [sha256.Size]byte(h.Sum(nil))
}

// add keeps a record to the end of its life, if need be in the place of the oldest. There is none of the same
// card: it was taken. One that is kept again does not live longer. A timer ends its life: the wall clock may be
// set meanwhile, and the record must go even if no other card comes. A timer of a record that left the log before
// finds nothing.
func (l *TornLog) add(r *torn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.records) == l.most {
		l.drop(l.records[0])
	}
	if r.until.IsZero() {
		r.until = time.Now().Add(l.lifetime)
	}
	time.AfterFunc(time.Until(r.until), func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.drop(r)
	})
	l.records = append(l.records, r)
}

// drop removes and wipes a record, if it is still there. The log is locked.
func (l *TornLog) drop(r *torn) {
	if i := slices.Index(l.records, r); i >= 0 {
		l.records = slices.Delete(l.records, i, i+1)
		r.wipe()
	}
}

// take removes the record of a card and returns it, the caller's to wipe; nil: none.
func (l *TornLog) take(account [sha256.Size]byte) *torn {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.records, func(r *torn) bool { return r.account == account })
	if i < 0 {
		return nil
	}
	r := l.records[i]
	l.records = slices.Delete(l.records, i, i+1)
	return r
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
	for len(l.records) > 0 {
		l.drop(l.records[0])
	}
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
		account: t.k.Torn.account(t.o.Get), findings: t.findings(), relayed: t.relayed, values: map[tlv.Tag][]byte{},
		drdol: drdol.Build(t.o.Get), pdol: bytes.Clone(t.pdolData), cdol1: bytes.Clone(t.cdol1Data),
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
	if r.findings != t.findings() {
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
	if r.relayed != nil { // as this tap has, or its TVR would differ
		t.keepRelay(r.relayed)
	}
	return true, t.accept(name, resp.Data)
}
