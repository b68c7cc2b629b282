package pack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	mib        = 1 << 20
	sectorSize = 512

	// Signature is the disk's, in its first sector; the kernel command line has
	// it as reader.disk=, so that the reader finds its disk under whatever name
	// the kernel gives it. It tells readers from other disks, not from each other.
	Signature = 0x52445231

	// DefaultSize is an image's in bytes, if nothing else is asked for: a power
	// of two, as QEMU's SD cards must be.
	DefaultSize = 512 * mib
)

// The disk. Sizes are multiples of 4 MiB, the erase block of many SD cards.
const (
	sharedPartition = iota
	slotA
	slotB
	dataPartition
)

// partition is a piece of the disk; start and size are in bytes.
type partition struct {
	kind        byte
	start, size int64
}

// layout is the same on every board.
var layout = [4]partition{
	sharedPartition: {0x0c, 4 * mib, 40 * mib},   // FAT32; 40 MiB, because less than 33 MiB cannot be FAT32
	slotA:           {0x0c, 44 * mib, 96 * mib},  // FAT32; three times what is in it
	slotB:           {0x0c, 140 * mib, 96 * mib}, // FAT32
	dataPartition:   {0x83, 236 * mib, 64 * mib}, // ext4; last, so that the reader can grow it
}

// minSize is where the last partition ends.
const minSize = 300 * mib

// errDisk is returned for an image without the partitions of a reader.
var errDisk = errors.New("pack: not a reader's disk")

// encodeMBR makes the first sector. Cylinders, heads and sectors say "beyond
// what they can count", so everybody goes by sector numbers.
func encodeMBR(parts [4]partition) []byte {
	b := make([]byte, sectorSize)
	le := binary.LittleEndian
	le.PutUint32(b[440:], Signature)
	for i, p := range parts {
		e := b[446+16*i:]
		copy(e[1:], []byte{0xfe, 0xff, 0xff})
		e[4] = p.kind
		copy(e[5:], []byte{0xfe, 0xff, 0xff})
		le.PutUint32(e[8:], uint32(p.start/sectorSize))
		le.PutUint32(e[12:], uint32(p.size/sectorSize))
	}
	b[510], b[511] = 0x55, 0xaa
	return b
}

// decodeMBR reads the first sector of a disk.
func decodeMBR(b []byte) (parts [4]partition, signature uint32, err error) {
	if len(b) < sectorSize || b[510] != 0x55 || b[511] != 0xaa {
		return parts, 0, fmt.Errorf("%w: no partition table", errDisk)
	}
	le := binary.LittleEndian
	for i := range parts {
		e := b[446+16*i:]
		parts[i] = partition{e[4], int64(le.Uint32(e[8:])) * sectorSize, int64(le.Uint32(e[12:])) * sectorSize}
	}
	return parts, le.Uint32(b[440:]), nil
}

// section is a part of a disk to write to.
type section struct {
	w     io.WriterAt
	start int64
	size  int64
}

func (s section) WriteAt(p []byte, at int64) (int, error) {
	if at < 0 || at+int64(len(p)) > s.size {
		return 0, fmt.Errorf("pack: write at %d beyond the partition's %d bytes", at+int64(len(p)), s.size)
	}
	return s.w.WriteAt(p, s.start+at)
}
