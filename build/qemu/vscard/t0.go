package vscard

import (
	"bytes"
	"context"

	"smartreader/hal/sim"
)

// atr is the answer to reset of every card: protocol T=0, nothing optional
// (EMV Book 1, "Basic ATR for T=0 Only").
var atr = []byte{0x3B, 0x60, 0x00, 0x00}

const insGetResponse = 0xC0

var wrongLength = []byte{0x67, 0x00}

// t0 is a chip behind the protocol T=0, as a reader sees it that deals with
// the procedure bytes itself: a header of five bytes, the last of which is P3,
// and the data of a command that has some. EMV Book 1, "Transport of APDUs by
// T=0"; ISO/IEC 7816-3, "Protocol T=0".
type t0 struct {
	chip sim.Chip
	held []byte // data and status word that GET RESPONSE will fetch
}

// exchange answers one command. An answer shorter than a status word is none.
func (t *t0) exchange(ctx context.Context, unit []byte) ([]byte, error) {
	if len(unit) < 5 || len(unit) > 5 && len(unit) != 5+int(unit[4]) {
		return wrongLength, nil
	}
	p3 := int(unit[4])
	if unit[1] == insGetResponse && len(t.held) > 0 {
		return t.fetch(p3), nil
	}
	t.held = nil
	answer, err := t.chip.Exchange(ctx, unit)
	if err == nil && len(unit) > 5 && bytes.Equal(answer, wrongLength) {
		// T=0 has no Le behind data. A chip made for T=1 insists on it where it
		// has data to answer, and has done nothing yet.
		answer, err = t.chip.Exchange(ctx, append(unit[:len(unit):len(unit)], 0))
	}
	if err != nil || len(answer) <= 2 {
		return answer, err
	}
	switch n := len(answer) - 2; {
	case len(unit) > 5: // data went there; the answer's has to be fetched
		t.held = answer
		return more(n), nil
	case n != length(p3):
		return []byte{0x6C, byte(n)}, nil
	}
	return answer, nil
}

// fetch answers GET RESPONSE.
func (t *t0) fetch(p3 int) []byte {
	n, want := len(t.held)-2, length(p3)
	if want > n {
		return []byte{0x6C, byte(n)}
	}
	part := append([]byte(nil), t.held[:want]...)
	t.held = t.held[want:]
	if left := len(t.held) - 2; left > 0 {
		return append(part, more(left)...)
	}
	part = append(part, t.held...)
	t.held = nil
	return part
}

// length is what P3 asks for: 0 is 256.
func length(p3 int) int {
	if p3 == 0 {
		return 256
	}
	return p3
}

// more is the status word that says how much there is to fetch.
func more(n int) []byte {
	if n >= 256 {
		return []byte{0x61, 0x00}
	}
	return []byte{0x61, byte(n)}
}
