package ccidtest

import (
	"bytes"
	"context"
	"testing"
)

// three is a chip that answers three bytes to everything.
type three struct{}

func (three) ATR() []byte { return []byte{0x3B, 0x00} }
func (three) Reset()      {}
func (three) Exchange(context.Context, []byte) ([]byte, error) {
	return []byte{1, 2, 3, 0x90, 0x00}, nil
}

func TestT0(t *testing.T) {
	c := t0{chip: three{}}
	for _, step := range []struct{ unit, want []byte }{
		{[]byte{0, 0xA4, 4, 0, 2, 1, 2}, []byte{0x61, 3}},
		{[]byte{0, 0xC0, 0, 0, 4}, []byte{0x6C, 3}},
		{[]byte{0, 0xC0, 0, 0, 1}, []byte{1, 0x61, 2}},
		{[]byte{0, 0xC0, 0, 0, 2}, []byte{2, 3, 0x90, 0}},
		{[]byte{0, 0xB2, 1, 0x0C, 0}, []byte{0x6C, 3}},
		{[]byte{0, 0xB2, 1, 0x0C, 3}, []byte{1, 2, 3, 0x90, 0}},
	} {
		if got, err := c.tpdu(t.Context(), step.unit); err != nil || !bytes.Equal(got, step.want) {
			t.Errorf("% X: got % X, %v; want % X", step.unit, got, err, step.want)
		}
	}
	if _, err := c.tpdu(t.Context(), []byte{0, 0xA4}); err == nil {
		t.Error("half a header was answered")
	}
}
