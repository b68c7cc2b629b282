package dukpt

import (
	"encoding/binary"
	"math/bits"
	"testing"
)

// branch is a key that says which branch it is of, and from where it was derived.
func branch(t *testing.T) child {
	return func(parent []byte, counter uint32) []byte {
		from := binary.BigEndian.Uint32(parent)
		if bits.OnesCount32(counter) != bits.OnesCount32(from)+1 || counter&from != from || from != 0 && counter&^from >= from&-from {
			t.Fatalf("branch %#x derived from %#x", counter, from)
		}
		return binary.BigEndian.AppendUint32(nil, counter)
	}
}

// Every counter with few enough ones is used once, in order, with its own key, and
// no other. At any time the device holds only branches it has not been on: it cannot
// make a key again that it has used.
func TestEveryKeyOnceAndForgotten(t *testing.T) {
	for _, c := range []struct{ width, ones, keys int }{
		{4, 4, 15}, {10, 3, 10 + 45 + 120}, {12, 6, 12 + 66 + 220 + 495 + 792 + 924},
		{21, 10, 1<<20 - 1}, // TDES DUKPT's "over a million"
	} {
		r := &registers{width: c.width, ones: c.ones}
		derive := branch(t)
		r.load(make([]byte, 4), derive)
		n, last := 0, uint32(0)
		for r.counter != 0 {
			if c.width < 20 || n < 1000 {
				for k, key := range r.keys {
					if (key != nil) != (r.used(r.counter)>>k&1 == 1) {
						t.Fatalf("at %#x, register %d in use: %v", r.counter, k, key != nil)
					}
					if key != nil && (binary.BigEndian.Uint32(key) < r.counter || bits.TrailingZeros32(binary.BigEndian.Uint32(key)) != k) {
						t.Fatalf("at %#x, register %d holds branch %X", r.counter, k, key)
					}
				}
			}
			key, counter := r.next(derive)
			if binary.BigEndian.Uint32(key) != counter || counter <= last || !r.valid(counter) {
				t.Fatalf("key %X for counter %#x after %#x", key, counter, last)
			}
			n, last = n+1, counter
		}
		if n != c.keys || last != (1<<c.ones-1)<<(c.width-c.ones) {
			t.Errorf("%d bits, %d ones: %d keys, the last %#x", c.width, c.ones, n, last)
		}
		for k, key := range r.keys {
			if key != nil {
				t.Errorf("register %d is not empty at the end", k)
			}
		}
	}
}

// at moves a device that was just loaded to a counter, as if it had come there
// key by key.
func at(r *registers, initial []byte, counter uint32, derive child) {
	r.wipe()
	for k := range r.width {
		if r.used(counter)>>k&1 == 1 {
			r.keys[k] = walk(initial, counter>>k>>1<<1<<k|1<<k, derive)
		}
	}
	r.counter = counter
}
