package emvkernel

import (
	"bytes"
	"testing"

	"smartreader/emvkernel/tlv"
)

// The copies a snapshot makes of account number and track 2 image are gone after wipe, and neither the
// data set made of them nor the transaction's own data goes with them.
func TestSnapshotWipe(t *testing.T) {
	account := []byte{0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42}
	tx := &Transaction{
		cfg: &Config{}, app: &Application{},
		card: map[tlv.Tag][]byte{0x5A: bytes.Clone(account), 0x57: append(bytes.Clone(account), 0xD2, 0x71, 0x22, 0x01)},
	}
	s := tx.snapshot()
	set := s.with(&acAnswer{cid: 0x80, atc: []byte{0, 1}, ac: make([]byte, 8)})
	before := bytes.Clone(set)
	if !bytes.Contains(s, account) {
		t.Error("no account number in the snapshot")
	}
	s.wipe()
	if !bytes.Equal(s, make([]byte, len(s))) {
		t.Error("copies are still there")
	}
	if !bytes.Equal(set, before) || !bytes.Contains(set, account) || !bytes.Equal(tx.card[0x5A], account) {
		t.Error("more than the copies was wiped")
	}
}
