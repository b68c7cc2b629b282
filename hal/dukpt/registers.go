package dukpt

import "math/bits"

// registers are the keys of the branches that a device has not been on: what the
// standards call intermediate derivation keys (AES) and future keys (TDES).
//
// Register k holds the key of the branch that begins with the counter's bits
// above k and a 1 at k. Of the next counter c, the key itself is in the register
// of its lowest 1, and registers above are in use where c has a 0: counting on
// from c, those are the carries to come. Registers below are made when c is used.
// So the set of registers in use, as bits, is the two's complement of c, and
// needs no book of its own.
type registers struct {
	width   int    // bits of a counter
	ones    int    // as many of them may be 1
	counter uint32 // of the next key; 0: there is none left
	keys    [32][]byte
}

// child derives the key of a branch or leaf: parent's, one 1 deeper, at counter.
type child func(parent []byte, counter uint32) []byte

// load makes the first registers out of the initial key, which it does not keep.
func (r *registers) load(initial []byte, derive child) {
	for k := range r.width {
		r.keys[k] = derive(initial, 1<<k)
	}
	r.counter = 1
}

// used says which registers are in use at a counter.
func (r *registers) used(counter uint32) uint32 { return -counter & r.mask() }

func (r *registers) mask() uint32 { return 1<<r.width - 1 }

// valid says whether a device can be at this counter.
func (r *registers) valid(counter uint32) bool {
	return counter != 0 && counter <= r.mask() && bits.OnesCount32(counter) <= r.ones
}

// next returns the key of the counter, which the caller wipes, and leaves it
// behind. The caller has seen that there is one.
//
// X9.24-3's pseudo code goes on to leaves with 17 ones ("<= MAX_WORK" where the
// branches below are derived); its text and its test vectors end at 16, and so
// does this.
func (r *registers) next(derive child) (key []byte, counter uint32) {
	counter = r.counter
	at := bits.TrailingZeros32(counter)
	key, r.keys[at] = r.keys[at], nil
	if bits.OnesCount32(counter) < r.ones {
		for k := range at {
			r.keys[k] = derive(key, counter|1<<k)
		}
		r.counter++
	} else {
		r.counter += 1 << at // all in between have too many ones
	}
	r.counter &= r.mask()
	return key, counter
}

// walk is the host's way: from the initial key down to a counter's key.
func walk(initial []byte, counter uint32, derive child) []byte {
	key := initial
	for k := 31; k >= 0; k-- {
		if counter>>k&1 == 1 {
			key = derive(key, counter>>k<<k)
		}
	}
	return key
}

func (r *registers) wipe() {
	for k := range r.keys {
		clear(r.keys[k])
		r.keys[k] = nil
	}
	r.counter = 0
}
