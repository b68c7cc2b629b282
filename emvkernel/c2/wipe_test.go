package c2

import (
	"bytes"
	"testing"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// Every way out of the log overwrites what was remembered.
func TestTornLogIsWiped(t *testing.T) {
	begin := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	for name, leave := range map[string]func(*TornLog){
		"expired": func(l *TornLog) { l.expire(begin.Add(2 * time.Minute)) },
		"wiped":   (*TornLog).Wipe,
		"pushed out": func(l *TornLog) {
			l.add(&torn{account: [32]byte{2}, at: begin})
			l.add(&torn{account: [32]byte{3}, at: begin})
		},
	} {
		l, err := NewTornLog(2, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		secret := func() []byte { return []byte{1, 2, 3} }
		r := &torn{account: [32]byte{1}, at: begin, drdol: secret(), pdol: secret(), cdol1: secret(), values: map[tlv.Tag][]byte{0x9A: secret()}}
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
