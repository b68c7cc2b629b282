package store

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"smartreader/store/seal"
)

var sampleHead = head{generation: 5, index: 42, hash: seal.Hash{1, 2, 3}, sequence: 7, floorMs: 1795262400000}

// The bytes on disk, as the first version wrote them.
const goldenSlot = "5352484541440d0a" + "00000001" + "00000000" + "0000000000000005" + "000000000000002a" +
	"0102030000000000000000000000000000000000000000000000000000000000" + "0000000000000007" + "000001a1fdfa4600" +
	"a78287d353ff903ad72cd1cc157b4df23c2cf7922c5c6cb8f61eb53c0c0cdcdd"

func TestSlotFormatIsFixed(t *testing.T) {
	got := hex.EncodeToString(sampleHead.slot())
	if got != goldenSlot {
		t.Errorf("slot is\n%s, was\n%s", got, goldenSlot)
	}
	if back, err := parseSlot(sampleHead.slot()); err != nil || back != sampleHead {
		t.Errorf("read back %+v, %v", back, err)
	}
}

func TestEveryFlippedBitOfASlotIsNoticed(t *testing.T) {
	good := sampleHead.slot()
	for bit := range len(good) * 8 {
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		if h, err := parseSlot(b); err == nil {
			t.Errorf("bit %d: read as %+v", bit, h)
		}
	}
}

func TestWritesAlternateAndTheNewerWins(t *testing.T) {
	path := filepath.Join(t.TempDir(), "head")
	if err := replaceFile(path, emptySlots(head{})); err != nil {
		t.Fatal(err)
	}
	f, err := openHead(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for generation := uint64(2); generation < 6; generation++ {
		if err := writeHead(f, head{generation: generation, index: generation * 10}); err != nil {
			t.Fatal(err)
		}
		if h, err := readHead(f); err != nil || h.generation != generation || h.index != generation*10 {
			t.Errorf("after %d: %+v, %v", generation, h, err)
		}
	}
	// The newest is torn: the one before is still there.
	if _, err := f.WriteAt(make([]byte, slotBytes/2), slotStride); err != nil {
		t.Fatal(err)
	}
	if h, err := readHead(f); err != nil || h.generation != 4 {
		t.Errorf("with a torn slot: %+v, %v", h, err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != slotsBytes {
		t.Errorf("the file grew to %d: %v", info.Size(), err)
	}
}

func FuzzParseSlot(f *testing.F) {
	f.Add(sampleHead.slot())
	f.Add(head{}.slot())
	f.Add([]byte(slotMagic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseSlot(b)
		if err != nil {
			return
		}
		if !bytes.Equal(h.slot(), b) {
			t.Errorf("%x is read as %+v, which is written as %x", b, h, h.slot())
		}
	})
}

func FuzzParseSummary(f *testing.F) {
	f.Add(summary{4, 1, Stored, 1250, "usd", 1795262400000, "visa|4242|12/2031"}.bytes())
	f.Add(summary{1, 0, Created, 0, "jpy", 0, ""}.bytes())
	f.Add([]byte{0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		sum, err := parseSummary(b)
		if err != nil {
			return
		}
		again, err := parseSummary(sum.bytes())
		if err != nil || again != sum {
			t.Errorf("%+v came back as %+v, %v", sum, again, err)
		}
	})
}

func FuzzJournalRecord(f *testing.F) {
	f.Add(journalRecord(seal.Entry{Header: []byte(`{"version":1}`), Signature: make([]byte, signatureBytes)}))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := journalEntry(b)
		if len(b) >= signatureBytes && !bytes.Equal(journalRecord(e), b) {
			t.Errorf("%x came back as %x", b, journalRecord(e))
		}
		eventOf(1, e)
	})
}
