package boot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

const (
	superblockOffset = 1024
	superblockSize   = 1024
)

var errNoExt4 = errors.New("there is no ext4 file system on it")

// superblock is what we want to know of an ext4 file system.
type superblock struct {
	blockSize uint64 // bytes
	blocks    uint64
	// errors counts what the kernel found wrong while it was in use; broken
	// says that it is marked so.
	errors uint32
	broken bool
	// unclean: it was not unmounted. Its journal makes it whole when mounted.
	unclean bool
}

// parseSuperblock reads the 1024 bytes at offset 1024. Layout: Linux kernel
// documentation, "ext4 Data Structures and Algorithms", section "Super Block".
func parseSuperblock(b []byte) (superblock, error) {
	if len(b) < superblockSize {
		return superblock{}, fmt.Errorf("super block of %d bytes", len(b))
	}
	le := binary.LittleEndian
	if le.Uint16(b[0x38:]) != 0xef53 {
		return superblock{}, errNoExt4
	}
	const (
		stateError      = 0x2
		incompatRecover = 0x4
		incompat64Bit   = 0x80
		roMetadataCsum  = 0x400
	)
	if le.Uint32(b[0x64:])&roMetadataCsum != 0 {
		sum := ^crc32.Checksum(b[:0x3fc], crc32.MakeTable(crc32.Castagnoli))
		if sum != le.Uint32(b[0x3fc:]) {
			return superblock{}, errors.New("its super block is damaged: the checksum is wrong")
		}
	}
	incompat := le.Uint32(b[0x60:])
	size := le.Uint32(b[0x18:])
	if size > 6 {
		return superblock{}, errors.New("its super block is damaged: the block size is impossible")
	}
	s := superblock{
		blockSize: 1024 << size,
		blocks:    uint64(le.Uint32(b[0x4:])),
		errors:    le.Uint32(b[0x194:]),
		broken:    le.Uint16(b[0x3a:])&stateError != 0,
		unclean:   incompat&incompatRecover != 0,
	}
	if incompat&incompat64Bit != 0 {
		s.blocks |= uint64(le.Uint32(b[0x150:])) << 32
	}
	if s.blocks == 0 || s.blocks > 1<<48 {
		return superblock{}, errors.New("its super block is damaged: the size is impossible")
	}
	return s, nil
}

// size is in bytes.
func (s superblock) size() uint64 { return s.blocks * s.blockSize }
