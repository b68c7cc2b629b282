package boot

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"
)

// Made by: mke2fs -t ext4 -b 4096 -E resize=33554432 (64 MiB), bytes 1024 to 2047.
//
//go:embed testdata/superblock
var fresh []byte

// spoiled returns the fresh super block changed, with a right checksum.
func spoiled(change func(b []byte)) []byte {
	b := append([]byte(nil), fresh...)
	change(b)
	binary.LittleEndian.PutUint32(b[0x3fc:], ^crc32.Checksum(b[:0x3fc], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

func TestSuperblock(t *testing.T) {
	s, err := parseSuperblock(fresh)
	want := superblock{blockSize: 4096, blocks: 16384}
	if err != nil || s != want || s.size() != 64<<20 {
		t.Fatalf("got %+v, %v, want %+v", s, err, want)
	}
	s, err = parseSuperblock(spoiled(func(b []byte) { b[0x3a] = 3; b[0x194] = 7; b[0x60] |= 4; b[0x150] = 1 }))
	want = superblock{blockSize: 4096, blocks: 1<<32 + 16384, errors: 7, broken: true, unclean: true}
	if err != nil || s != want {
		t.Errorf("got %+v, %v, want %+v", s, err, want)
	}
}

func TestDamagedSuperblockIsRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"short":      fresh[:1000],
		"checksum":   append([]byte{fresh[0] + 1}, fresh[1:]...),
		"block size": spoiled(func(b []byte) { b[0x18] = 7 }),
		"no blocks":  spoiled(func(b []byte) { clear(b[4:8]) }),
		"too many":   spoiled(func(b []byte) { b[0x153] = 1 }),
	} {
		if s, err := parseSuperblock(b); err == nil || errors.Is(err, errNoExt4) {
			t.Errorf("%s: got %+v, %v", name, s, err)
		}
	}
	if _, err := parseSuperblock(make([]byte, superblockSize)); !errors.Is(err, errNoExt4) {
		t.Errorf("an empty one: %v", err)
	}
}

func FuzzParseSuperblock(f *testing.F) {
	f.Add(fresh)
	f.Add(spoiled(func(b []byte) { b[0x64] = 0; b[0x18] = 6 }))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSuperblock(b)
		if err == nil && (s.blockSize < 1024 || s.blockSize > 65536 || s.size()/s.blockSize != s.blocks) {
			t.Errorf("impossible: %+v", s)
		}
	})
}
