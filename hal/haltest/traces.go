package haltest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"sync"

	"smartreader/hal"
)

// HiddenPIN is a PIN of twelve random digits, kept in a form that nobody looks
// for. After it was entered at a PIN pad made of software, Traces tells what is
// left of it in this process.
type HiddenPIN struct{ masked [12]byte }

const mask = 0xA5

// NewHiddenPIN makes up a PIN.
func NewHiddenPIN() *HiddenPIN {
	p := &HiddenPIN{}
	for i := range p.masked {
		for {
			rand.Read(p.masked[i : i+1]) // never fails
			if p.masked[i] ^= mask; p.masked[i]^mask < 10 {
				break
			}
		}
	}
	return p
}

// Len is how many digits it has.
func (p *HiddenPIN) Len() int { return len(p.masked) }

// Key is the key of a digit, the first is 0.
func (p *HiddenPIN) Key(i int) hal.Key { return hal.Key0 + hal.Key(p.masked[i]^mask) }

// forms are those the digits could be found in.
func (p *HiddenPIN) forms() map[string][]byte {
	const event = 24 // bytes of an hal.InputEvent
	text, keys, packed := make([]byte, len(p.masked)), make([]byte, len(p.masked)), make([]byte, len(p.masked)/2)
	events := make([]byte, event*(len(p.masked)-1)+1)
	for i, b := range p.masked {
		d := b ^ mask
		text[i], keys[i], events[event*i] = '0'+d, byte(hal.Key0)+d, byte(hal.Key0)+d
		packed[i/2] |= d << (4 * (1 - i%2))
	}
	turned := bytes.Clone(packed)
	slices.Reverse(turned)
	return map[string][]byte{"text": text, "keys": keys, "events": events, "packed": packed, "a number": turned}
}

// pieces is the memory that memory is looked through with: were it new each time
// it would have to be looked through too.
var pieces struct {
	sync.Mutex
	piece [1 << 16]byte
}

// Traces tells in which forms the digits are anywhere on the heap or in a running
// call: as text, as keys, as events of an Input, packed as in every PIN block, or
// so as a number in memory. Garbage counts: debug.SetGCPercent(-1) keeps it to be
// found. It takes the world's time; nothing else should run.
func (p *HiddenPIN) Traces(t T) (found []string) {
	t.Helper()
	pieces.Lock()
	defer pieces.Unlock()
	f, err := os.CreateTemp("", "memory")
	if err != nil {
		t.Fatalf("memory cannot be looked at: %v", err)
	}
	defer func() { f.Close(); os.Remove(f.Name()) }()
	debug.WriteHeapDump(f.Fd())
	forms, piece := p.forms(), pieces.piece[:]
	const overlap = 24 * 12 // no form is longer
	for at := int64(0); ; at += int64(len(piece) - overlap) {
		n, err := f.ReadAt(piece, at)
		for name, form := range forms {
			if bytes.Contains(piece[:n], form) && !slices.Contains(found, name) {
				found = append(found, name)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("memory cannot be looked at: %v", err)
		}
	}
	clear(piece)
	for _, form := range forms {
		clear(form)
	}
	slices.Sort(found)
	return found
}
