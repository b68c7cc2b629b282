package c2

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// Every way out of the log overwrites what was remembered; the end of its life does so by itself.
func TestTornLogIsWiped(t *testing.T) {
	for name, leave := range map[string]func(*TornLog){
		"expired": func(*TornLog) { time.Sleep(time.Minute); synctest.Wait() },
		"wiped":   (*TornLog).Wipe,
		"pushed out": func(l *TornLog) {
			l.add(&torn{account: [32]byte{2}})
			l.add(&torn{account: [32]byte{3}})
		},
		"expired after it was torn again": func(l *TornLog) {
			time.Sleep(50 * time.Second)
			l.add(l.take([32]byte{1}))
			time.Sleep(10 * time.Second)
			synctest.Wait()
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			l, err := NewTornLog(2, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			secret := func() []byte { return []byte{1, 2, 3} }
			r := &torn{account: [32]byte{1}, drdol: secret(), pdol: secret(), cdol1: secret(), values: map[tlv.Tag][]byte{0x9A: secret()}}
			l.add(r)
			leave(l)
			for _, b := range [][]byte{r.drdol, r.pdol, r.cdol1, r.values[0x9A]} {
				if !bytes.Equal(b, make([]byte, 3)) {
					t.Errorf("%s: %X left", name, b)
				}
			}
			if l.take([32]byte{1}) != nil {
				t.Errorf("%s: still there", name)
			}
			for _, r := range l.records[len(l.records):cap(l.records)] {
				if r != nil && r.account == [32]byte{1} {
					t.Errorf("%s: still held", name)
				}
			}
		})
	}
}

// Number and sequence number are told apart.
func TestTornAccount(t *testing.T) {
	l, err := NewTornLog(1, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	account := func(number, sequence []byte) [32]byte {
		return l.account(func(tag tlv.Tag) []byte {
			if tag == 0x5A {
				return number
			}
			return sequence
		})
	}
	if account([]byte{1, 2}, nil) == account([]byte{1}, []byte{2}) {
		t.Error("two cards are one")
	}
	if other, err := NewTornLog(1, time.Minute); err != nil || bytes.Equal(other.key, l.key) {
		t.Error("two logs have one key", err)
	}
}

// What was taken is the taker's: the end of its life does not reach it any more.
func TestTornLogTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := NewTornLog(1, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		l.add(&torn{drdol: []byte{1}})
		r := l.take([32]byte{})
		time.Sleep(time.Hour)
		synctest.Wait()
		if r == nil || r.drdol[0] != 1 {
			t.Error("wiped under the hands of whoever took it")
		}
	})
}

// recoverer answers RECOVER AC.
type recoverer struct{}

func (recoverer) Transceive(context.Context, []byte) ([]byte, error) {
	return []byte{0x77, 0x09, 0x9F, 0x27, 0x01, 0x00, 0x9F, 0x36, 0x02, 0x00, 0x01, 0x90, 0x00}, nil
}

// Recovered or not, the record is overwritten, and what this tap sent and is not counted.
func TestTornRecordIsWiped(t *testing.T) {
	for _, amount := range []int64{0, 1} {
		l, err := NewTornLog(1, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		a := &tap.Activation{Config: &emvkernel.Config{}, Card: tap.NewLink(recoverer{})}
		given := []byte{1, 2}
		tr := &transaction{k: &Kernel{Torn: l}, a: a, o: tap.NewObjects(a, owned...), pdolData: given}
		tr.results(0, 0, 0)
		if err := tr.o.FromCard(tlv.Element{Tag: tagDRDOL, Value: []byte{0x9A, 0x03}}); err != nil {
			t.Fatal(err)
		}
		r := &torn{account: l.account(tr.o.Get), drdol: []byte{3, 4}, pdol: []byte{5}, cdol1: []byte{6}}
		r.amount = amount
		l.add(r)
		done, err := tr.recover(t.Context())
		if err != nil || done != (amount == 0) {
			t.Fatal(done, err)
		}
		if !bytes.Equal(r.drdol, []byte{0, 0}) || r.pdol[0] != 0 || r.cdol1[0] != 0 {
			t.Error("the record is left")
		}
		if done && (!bytes.Equal(given, []byte{0, 0}) || !bytes.Equal(tr.pdolData, []byte{5}) || !bytes.Equal(tr.cdol1Data, []byte{6})) {
			t.Errorf("%X, %X, %X", given, tr.pdolData, tr.cdol1Data)
		}
	}
}

// The transaction overwrites what it gave and got.
func TestTransactionIsWiped(t *testing.T) {
	given, answer := []byte{1, 2}, []byte{3, 4}
	sent := []byte{5, 6}
	tr := &transaction{pdolData: given, cdol1Data: sent, answer: acAnswer{raw: answer, elements: []byte{7}}}
	tr.o = tap.NewObjects(&tap.Activation{Config: &emvkernel.Config{}})
	tr.wipe()
	for _, b := range [][]byte{given, sent, answer, tr.answer.elements} {
		if !bytes.Equal(b, make([]byte, len(b))) {
			t.Errorf("%X left", b)
		}
	}
}
