package emvkernel

import (
	"bytes"
	"testing"
)

// A key certified for PINs that cannot carry one.
func TestCarriesPIN(t *testing.T) {
	key := func(size int, first, last byte) []byte {
		k := bytes.Repeat([]byte{0x55}, size)
		k[0], k[size-1] = first, last
		return k
	}
	for _, c := range []struct {
		key  []byte
		want bool
	}{
		{nil, false}, {key(1, 0x81, 0x81), false}, {key(16, 0x80, 0x01), false}, {key(17, 0x80, 0x01), true}, {key(248, 0xFF, 0xFF), true},
		{key(128, 0x7F, 0x01), false}, {key(128, 0x80, 0x02), false},
	} {
		if carriesPIN(c.key) != c.want {
			t.Errorf("key of %d bytes, % X...: want %v", len(c.key), c.key[:min(1, len(c.key))], c.want)
		}
	}
}
