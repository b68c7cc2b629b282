package ccidtest

import (
	"context"
	"errors"
)

// t0 is the card's side of T=0, below the procedure bytes. What a chip says by
// 61xx and 6Cxx itself passes.
type t0 struct {
	chip Chip
	held []byte // what GET RESPONSE will fetch
}

// tpdu answers a header with P3 and data.
func (t *t0) tpdu(ctx context.Context, unit []byte) ([]byte, error) {
	if len(unit) < 5 || len(unit) > 5 && len(unit) != 5+int(unit[4]) {
		return nil, errCard
	}
	p3 := int(unit[4])
	if unit[1] == 0xC0 && len(t.held) > 2 {
		return t.fetch(p3), nil
	}
	t.held = nil
	answer, err := t.chip.Exchange(ctx, unit)
	if err != nil || len(answer) < 2 {
		return nil, errors.Join(errCard, err)
	}
	data := len(answer) - 2
	switch {
	case data == 0 || answer[data] == 0x61:
	case len(unit) > 5:
		t.held = answer
		return []byte{0x61, byte(min(data, 255))}, nil
	case data != p3 && (p3 != 0 || data != 256):
		return []byte{0x6C, byte(data)}, nil
	}
	return answer, nil
}

func (t *t0) fetch(le int) []byte {
	data := len(t.held) - 2
	if le == 0 {
		le = 256
	}
	if le > data {
		return []byte{0x6C, byte(data)}
	}
	answer := append([]byte(nil), t.held[:le]...)
	t.held = t.held[le:]
	if left := len(t.held) - 2; left > 0 {
		return append(answer, 0x61, byte(min(left, 255)))
	}
	answer = append(answer, t.held...)
	t.held = nil
	return answer
}
