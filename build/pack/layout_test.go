package pack

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

func TestLayout(t *testing.T) {
	at := int64(4 * mib)
	for i, p := range layout {
		if p.start != at || p.size%(4*mib) != 0 {
			t.Errorf("partition %d: %d bytes from %d, want it from %d and a multiple of 4 MiB", i+1, p.size, p.start, at)
		}
		at += p.size
	}
	if at != minSize {
		t.Errorf("the last one ends at %d, not at %d", at, int64(minSize))
	}
	if layout[slotA].size != layout[slotB].size {
		t.Error("the slots are not of one size")
	}
	parts, signature, err := decodeMBR(encodeMBR(layout))
	if err != nil || parts != layout || signature != Signature {
		t.Errorf("read back %v, %08x, %v", parts, signature, err)
	}
	if _, _, err := decodeMBR(make([]byte, sectorSize)); !errors.Is(err, errDisk) {
		t.Errorf("an empty sector: %v", err)
	}
}

// TestDataPartition: the numbers are those of the Linux kernel's documentation,
// "ext4 Data Structures and Algorithms", section "Super Block".
func TestDataPartition(t *testing.T) {
	z, err := gzip.NewReader(bytes.NewReader(emptyData))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil || int64(len(data)) != layout[dataPartition].size {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	super := data[1024:2048]
	le := binary.LittleEndian
	if le.Uint16(super[0x38:]) != 0xef53 || le.Uint16(super[0x3a:]) != 1 {
		t.Error("not an ext4 file system, or not clean")
	}
	if blocks := le.Uint32(super[4:]); int64(blocks)*4096 != int64(len(data)) || le.Uint32(super[0x18:]) != 2 {
		t.Errorf("%d blocks", blocks)
	}
	if label := string(bytes.TrimRight(super[0x78:0x88], "\x00")); label != "data" {
		t.Errorf("label %q", label)
	}
	if le.Uint16(super[0x3c:]) != 2 {
		t.Error("it does not become read-only when damaged")
	}
	if le.Uint16(super[0xce:]) == 0 {
		t.Error("it cannot grow")
	}
}
