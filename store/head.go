package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"smartreader/store/seal"
)

// head says how far the journal has gone. It lives outside the database, which
// cannot be trusted to notice its own missing end.
type head struct {
	generation uint64 // counts the writes; its lowest bit chooses the slot
	index      uint64 // last journal entry; 0: none yet
	hash       seal.Hash
	sequence   uint64 // last payment sequence given out
	floorMs    int64  // no time before this is believed
}

// A head slot, integers big endian:
//
//	magic       8 bytes  "SRHEAD\r\n"
//	version     4 bytes  1
//	zero        4 bytes
//	generation  8 bytes
//	index       8 bytes
//	hash       32 bytes
//	sequence    8 bytes
//	floorMs     8 bytes
//	checksum   32 bytes  SHA-256 of all before
//
// Two slots are enough: a power cut can tear only the one being written, and
// the other then holds the head before, whose successor was told to nobody.
// They lie so far apart that one torn flash page, however large, cannot take
// both.
const (
	slotMagic   = "SRHEAD\r\n"
	slotVersion = 1
	slotBytes   = 112
	slotStride  = 64 << 10
	slotsBytes  = 2 * slotStride
)

// slotFile is the head file: a file of fixed size whose blocks are allocated
// and written once, so that syncing a slot changes no metadata.
type slotFile interface {
	io.ReaderAt
	io.WriterAt
	Sync() error // of data; metadata does not change
	Close() error
}

var errSlot = errors.New("store: bad head slot")

func (h head) slot() []byte {
	b := make([]byte, 0, slotBytes)
	b = append(b, slotMagic...)
	b = binary.BigEndian.AppendUint32(b, slotVersion)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint64(b, h.generation)
	b = binary.BigEndian.AppendUint64(b, h.index)
	b = append(b, h.hash[:]...)
	b = binary.BigEndian.AppendUint64(b, h.sequence)
	b = binary.BigEndian.AppendUint64(b, uint64(h.floorMs))
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func parseSlot(b []byte) (head, error) {
	if len(b) != slotBytes {
		return head{}, fmt.Errorf("%w: %d bytes, not %d", errSlot, len(b), slotBytes)
	}
	body := b[:slotBytes-sha256.Size]
	sum := sha256.Sum256(body)
	switch {
	case !bytes.HasPrefix(b, []byte(slotMagic)):
		return head{}, fmt.Errorf("%w: no magic", errSlot)
	case !bytes.Equal(sum[:], b[len(body):]):
		return head{}, fmt.Errorf("%w: wrong checksum", errSlot)
	case binary.BigEndian.Uint64(b[8:]) != slotVersion<<32:
		return head{}, fmt.Errorf("%w: version is not %d", errSlot, slotVersion)
	}
	h := head{
		generation: binary.BigEndian.Uint64(b[16:]),
		index:      binary.BigEndian.Uint64(b[24:]),
		sequence:   binary.BigEndian.Uint64(b[64:]),
		floorMs:    int64(binary.BigEndian.Uint64(b[72:])),
	}
	copy(h.hash[:], b[32:])
	return h, nil
}

// writeHead writes the slot that the generation chooses and syncs it.
func writeHead(f slotFile, h head) error {
	if _, err := f.WriteAt(h.slot(), int64(h.generation%2)*slotStride); err != nil {
		return fmt.Errorf("store: writing the head: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("store: syncing the head: %w", err)
	}
	return nil
}

// readHead returns the newer of the readable slots; errSlot if neither is.
func readHead(f slotFile) (head, error) {
	var newest head
	var found bool
	var failures []error
	for i := range int64(2) {
		b := make([]byte, slotBytes)
		if _, err := f.ReadAt(b, i*slotStride); err != nil {
			failures = append(failures, fmt.Errorf("%w: %w", errSlot, err))
			continue
		}
		h, err := parseSlot(b)
		switch {
		case err != nil:
			failures = append(failures, err)
		case !found || h.generation > newest.generation:
			newest, found = h, true
		}
	}
	if !found {
		return head{}, errors.Join(failures...)
	}
	return newest, nil
}
