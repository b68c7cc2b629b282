package acme100

import "encoding/binary"

// frame is what travels on the line, both ways:
//
//	5A  sequence  length  kind  payload  check
//	1   1         2       1     0..400   1      bytes
//
// Length is that of the payload, high byte first. Check is the exclusive or of
// everything between 5A and check. An answer repeats the sequence number of its
// command, so that an answer nobody waits for any more is known as such.
type frame struct {
	sequence byte
	kind     byte
	payload  []byte
}

const (
	start      = 0x5A
	overhead   = 6
	maxPayload = 400
)

func (f frame) encode() []byte {
	b := []byte{start, f.sequence}
	b = binary.BigEndian.AppendUint16(b, uint16(len(f.payload)))
	b = append(b, f.kind)
	b = append(b, f.payload...)
	return append(b, check(b[1:]))
}

// decode takes the first frame from b, and says how many bytes to drop. Noise
// and damaged frames are dropped; ok is false when more bytes are needed.
func decode(b []byte) (f frame, drop int, ok bool) {
	for ; drop < len(b); drop++ {
		rest := b[drop:]
		if rest[0] != start {
			continue
		}
		if len(rest) < overhead {
			return frame{}, drop, false
		}
		length := int(binary.BigEndian.Uint16(rest[2:]))
		if length > maxPayload {
			continue
		}
		if len(rest) < overhead+length {
			return frame{}, drop, false
		}
		if check(rest[1:overhead+length-1]) == rest[overhead+length-1] {
			return frame{rest[1], rest[4], rest[5 : 5+length]}, drop + overhead + length, true
		}
	}
	return frame{}, drop, false
}

func check(b []byte) (x byte) {
	for _, c := range b {
		x ^= c
	}
	return x
}
