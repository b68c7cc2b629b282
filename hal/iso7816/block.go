package iso7816

import (
	"errors"
	"fmt"
)

// Kinds of T=1 blocks by their protocol control byte (PCB).
const (
	sequenceI = 0x40 // N(S) of an I-block
	moreI     = 0x20 // an I-block of a chain that goes on
	blockR    = 0x80
	sequenceR = 0x10 // N(R) of an R-block
	blockS    = 0xC0
	responseS = 0x20 // an S-block that answers
)

// Errors an R-block reports.
const (
	edcError   = 1
	otherError = 2
)

// S-blocks.
const (
	requestIFS = 0xC1
	requestWTX = 0xC3
)

// maxField is the longest information field.
const maxField = 254

var (
	errBlock = errors.New("iso7816: bad T=1 block")
	// errEDC is the error of a block whose check bytes are wrong.
	errEDC = fmt.Errorf("%w: wrong check bytes", errBlock)
)

// block is a T=1 block without its node address, which is always 00 in EMV.
type block struct {
	pcb byte
	inf []byte
}

func (b block) isI() bool      { return b.pcb&0x80 == 0 }
func (b block) isR() bool      { return b.pcb&0xC0 == blockR }
func (b block) more() bool     { return b.pcb&moreI != 0 }
func (b block) isError() bool  { return b.pcb&0x0F != 0 } // of an R-block
func (b block) nextR() byte    { return b.pcb & sequenceR >> 4 }
func (b block) sentI() byte    { return b.pcb & sequenceI >> 6 }
func blockI(n byte) byte       { return n << 6 }
func blockRFor(n, e byte) byte { return blockR | n<<4 | e }

// append encodes the block.
func (b block) append(to []byte, crc bool) []byte {
	start := len(to)
	to = append(to, 0, b.pcb, byte(len(b.inf)))
	to = append(to, b.inf...)
	if crc {
		sum := crc16(to[start:])
		return append(to, byte(sum>>8), byte(sum))
	}
	return append(to, xor(to[start:]))
}

// parseBlock decodes one block. The information field shares memory with raw.
func parseBlock(raw []byte, crc bool) (block, error) {
	tail := 1
	if crc {
		tail = 2
	}
	if len(raw) < 3+tail {
		return block{}, fmt.Errorf("%w: %d bytes", errBlock, len(raw))
	}
	size := int(raw[2])
	if size > maxField || len(raw) != 3+size+tail {
		return block{}, fmt.Errorf("%w: LEN %d in %d bytes", errBlock, size, len(raw))
	}
	body := raw[:3+size]
	if crc && crc16(body) != uint16(raw[3+size])<<8|uint16(raw[4+size]) || !crc && xor(raw) != 0 {
		return block{}, errEDC
	}
	if raw[0] != 0 {
		return block{}, fmt.Errorf("%w: NAD %02X", errBlock, raw[0])
	}
	b := block{pcb: raw[1], inf: body[3:]}
	switch {
	case b.isI() && b.pcb&0x1F == 0:
	case b.isR() && b.pcb&0x2F <= otherError && size == 0:
	case b.pcb&0xC0 == blockS:
	default:
		return block{}, fmt.Errorf("%w: PCB %02X with LEN %d", errBlock, b.pcb, size)
	}
	return b, nil
}

// crc16 is the cyclic redundancy code of ISO/IEC 13239: polynomial 1021
// reflected, all ones at the start and inverted at the end.
//
// ISO/IEC 7816-3 does not repeat the order of the two bytes; most significant
// first is what readers do. [unverified]
func crc16(b []byte) uint16 {
	sum := uint16(0xFFFF)
	for _, c := range b {
		sum ^= uint16(c)
		for range 8 {
			carry := sum & 1
			sum >>= 1
			sum ^= carry * 0x8408
		}
	}
	return ^sum
}
