package pn532

import (
	"bytes"
	"errors"
)

// Lengths of the data field, which is the frame identifier and what follows it
// (User Manual, "Normal information frame", "Extended information frame").
const (
	maxNormal   = 255
	maxExtended = 265
	// maxFrame is the longest frame on the wire: preamble, start code, extended
	// length, data, checksum, postamble.
	maxFrame = 1 + 2 + 5 + maxExtended + 2
)

// Frame identifiers: who speaks.
const (
	fromHost = 0xD4
	fromChip = 0xD5
)

// kind says what a frame is for.
type kind uint8

const (
	information kind = iota // data: an answer
	acknowledge             // ACK
	negative                // NACK
	refusal                 // the chip refused a command (syntax error)
)

// frame is one frame from the chip. Data is what follows the frame identifier.
type frame struct {
	kind kind
	data []byte
}

var (
	// errShort means that the frame is not complete yet.
	errShort = errors.New("incomplete frame")
	// errDamaged means that bytes were lost or changed on the way.
	errDamaged = errors.New("damaged frame")
)

var (
	ack  = [...]byte{0x00, 0x00, 0xFF, 0x00, 0xFF, 0x00}
	nack = [...]byte{0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00}
)

// encode builds the frame of a command. Data is the command code and its
// parameters, at most maxExtended-1 bytes.
func encode(data []byte) []byte {
	length := len(data) + 1
	out := make([]byte, 0, maxFrame)
	out = append(out, 0x00, 0x00, 0xFF)
	if length <= maxNormal {
		out = append(out, byte(length), -byte(length))
	} else {
		m, l := byte(length>>8), byte(length)
		out = append(out, 0xFF, 0xFF, m, l, -(m + l))
	}
	out = append(out, fromHost)
	out = append(out, data...)
	return append(out, -(fromHost + sum(data)), 0x00)
}

// decode looks for the first frame in b. Used is how many bytes the caller
// drops: up to the end of the frame, or bytes that are part of none. With
// errShort, what is left may be the start of a frame. The data is not copied;
// with an error, it is what a frame says whose header is correct.
func decode(b []byte) (f frame, used int, err error) {
	start := bytes.Index(b, []byte{0x00, 0xFF})
	if start < 0 {
		// The last byte may be the first of a start code.
		if n := len(b); n > 0 && b[n-1] == 0x00 {
			return frame{}, n - 1, errShort
		}
		return frame{}, len(b), errShort
	}
	header := b[start+2:]
	if len(header) < 2 {
		return frame{}, start, errShort
	}
	length, at := int(header[0]), 2
	switch {
	case header[0] == 0x00 && header[1] == 0xFF:
		return frame{kind: acknowledge}, start + 4, nil
	case header[0] == 0xFF && header[1] == 0x00:
		return frame{kind: negative}, start + 4, nil
	case header[0] == 0xFF && header[1] == 0xFF:
		if len(header) < 5 {
			return frame{}, start, errShort
		}
		if header[2]+header[3]+header[4] != 0 {
			return frame{}, start + 2, errDamaged
		}
		length, at = int(header[2])<<8|int(header[3]), 5
	case header[0]+header[1] != 0:
		return frame{}, start + 2, errDamaged
	}
	if length == 0 || length > maxExtended {
		return frame{}, start + 2, errDamaged
	}
	if len(header) < at+length+2 {
		return claim(header[at:]), start, errShort
	}
	body, end := header[at:at+length], start+2+at+length+2
	switch {
	// A frame that lost a zero has a good checksum one byte early: the checksum
	// passes for data, and the postamble for the checksum. Only that there is no
	// postamble behind it gives it away.
	case sum(body)+header[at+length] != 0 || header[at+length+1] != 0:
		// The whole frame goes: what is inside it must not be taken for frames.
		return claim(body), end, errDamaged
	case length == 1:
		return frame{kind: refusal}, end, nil
	case body[0] != fromChip:
		return frame{}, end, errDamaged
	}
	return frame{information, body[1:]}, end, nil
}

// extent is how many bytes of the front of b a frame takes whose beginning is
// there; maxFrame if that cannot be told.
func extent(b []byte) int {
	start := bytes.Index(b, []byte{0x00, 0xFF})
	if start < 0 {
		return maxFrame
	}
	switch head := b[start+2:]; {
	case len(head) >= 5 && head[0] == 0xFF && head[1] == 0xFF && head[2]+head[3]+head[4] == 0:
		return min(maxFrame, start+2+5+(int(head[2])<<8|int(head[3]))+2)
	case len(head) >= 2 && head[0] != 0 && head[0]+head[1] == 0:
		return min(maxFrame, start+2+2+int(head[0])+2)
	}
	return maxFrame
}

// claim is what a frame says that is not complete or not correct.
func claim(body []byte) frame {
	if len(body) < 2 || body[0] != fromChip {
		return frame{}
	}
	return frame{information, body[1:]}
}

func sum(b []byte) (s byte) {
	for _, x := range b {
		s += x
	}
	return s
}
