package boot

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	sectorSize = 512
	// alignment in sectors: 1 MiB, the erase blocks of flash are no larger
	// than that or a multiple of it.
	alignment = 2048

	mbrSignature  = 440 // offset of the disk signature
	mbrPartitions = 446 // offset of four entries of 16 bytes
	mbrMagic      = 510

	typeLinux = 0x83
)

// mbr is the first sector of a disk, with a partition table.
type mbr [sectorSize]byte

// partition is one entry, in sectors. Count 0: there is none.
type partition struct {
	kind         byte
	start, count uint64
}

func (m *mbr) valid() bool { return m[mbrMagic] == 0x55 && m[mbrMagic+1] == 0xaa }

func (m *mbr) signature() uint32 { return binary.LittleEndian.Uint32(m[mbrSignature:]) }

// partition returns entry 0 to 3.
func (m *mbr) partition(i int) partition {
	e := m[mbrPartitions+16*i:]
	return partition{kind: e[4], start: uint64(binary.LittleEndian.Uint32(e[8:])), count: uint64(binary.LittleEndian.Uint32(e[12:]))}
}

// grow extends the last entry to the end of a disk of so many sectors. It
// reports whether anything changed. The whole change is in one sector, which a
// disk writes completely or not at all.
func (m *mbr) grow(disk uint64) (changed bool, err error) {
	if !m.valid() {
		return false, errors.New("no partition table")
	}
	last := m.partition(3)
	if last.kind != typeLinux || last.count == 0 || last.start == 0 {
		return false, fmt.Errorf("partition 4 is not the data partition (type %02x, %d sectors)", last.kind, last.count)
	}
	if last.start+last.count > disk {
		return false, fmt.Errorf("the disk has %d sectors, the data partition ends at %d: it is too small for this image", disk, last.start+last.count)
	}
	for i := range 3 {
		if p := m.partition(i); p.count > 0 && p.start+p.count > last.start {
			return false, fmt.Errorf("partition %d reaches behind the start of partition 4", i+1)
		}
	}
	end := disk / alignment * alignment
	// Entries hold 32-bit numbers: 2 TiB at most.
	end = min(end, last.start+0xffffffff)
	if end <= last.start+last.count {
		return false, nil
	}
	binary.LittleEndian.PutUint32(m[mbrPartitions+16*3+12:], uint32(end-last.start))
	// The end as cylinder, head and sector: beyond what these can say.
	copy(m[mbrPartitions+16*3+5:], []byte{0xfe, 0xff, 0xff})
	return true, nil
}
