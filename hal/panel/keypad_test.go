package panel

import (
	"context"
	"errors"
	"math/bits"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"smartreader/hal"
	"smartreader/hal/haltest"
)

var telephone = [][]hal.Key{
	{hal.Key1, hal.Key2, hal.Key3},
	{hal.Key4, hal.Key5, hal.Key6},
	{hal.Key7, hal.Key8, hal.Key9},
	{hal.KeyCancel, hal.Key0, hal.KeyEnter},
}

// matrix is the wires and switches of a keypad.
type matrix struct {
	t *testing.T

	mu   sync.Mutex
	down map[[2]int]bool // row, column
	low  map[int]bool    // rows driven low
	high map[int]bool    // rows driven high: would burn with a low one
	weak map[int]bool    // rows let go with what pulls them down after power on
}

func (m *matrix) press(row, column int, down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down[[2]int{row, column}] = down
}

// level of a column: low when a way through keys that are down leads to a row
// that is low. Rows that are let go conduct; one that is still pulled down takes
// the column to half of the supply voltage, which may read as low too.
func (m *matrix) level(column int) gpio.Level {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := map[int]bool{column: true}
	for ways := []int{column}; len(ways) > 0; ways = ways[1:] {
		for at, down := range m.down {
			if !down || at[1] != ways[0] {
				continue
			}
			if m.low[at[0]] || m.weak[at[0]] {
				return gpio.Low
			}
			for other, down := range m.down {
				if down && other[0] == at[0] && !seen[other[1]] {
					seen[other[1]] = true
					ways = append(ways, other[1])
				}
			}
		}
	}
	return gpio.High
}

type rowPin struct {
	*wire
	m *matrix
}

func (r *rowPin) Out(l gpio.Level) error {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	r.m.low[r.n], r.m.high[r.n] = l == gpio.Low, l == gpio.High
	if len(r.m.low) > 1 && r.m.low[r.n] {
		for other, low := range r.m.low {
			if low && other != r.n {
				r.m.t.Errorf("rows %d and %d are low together", other, r.n)
			}
		}
	}
	return nil
}

// In leaves the pull resistor of the chip's start as it is, like periph's GPIO
// driver, unless told to pull.
func (r *rowPin) In(pull gpio.Pull, _ gpio.Edge) error {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	r.m.low[r.n], r.m.high[r.n], r.m.weak[r.n] = false, false, pull != gpio.PullUp
	return nil
}

type columnPin struct {
	*wire
	m *matrix
}

func (c *columnPin) Read() gpio.Level { return c.m.level(c.n) }

// outputOnly is a row that cannot be let go.
type outputOnly struct{ gpio.PinOut }

func newMatrix(t *testing.T, plain bool) (*matrix, *Keypad) {
	m := &matrix{t: t, down: map[[2]int]bool{}, low: map[int]bool{}, high: map[int]bool{}, weak: map[int]bool{}}
	var rows []gpio.PinOut
	var columns []gpio.PinIn
	for i := range telephone {
		var row gpio.PinOut = &rowPin{newWire(i, gpio.High), m}
		if plain {
			row = outputOnly{row}
		}
		rows = append(rows, row)
	}
	for i := range telephone[0] {
		columns = append(columns, &columnPin{newWire(i, gpio.High), m})
	}
	return m, NewKeypad(rows, columns, telephone)
}

func place(k hal.Key) (row, column int) {
	for row, keys := range telephone {
		for column, key := range keys {
			if key == k {
				return row, column
			}
		}
	}
	panic("no such key")
}

func TestKeypadConformance(t *testing.T) {
	for name, plain := range map[string]bool{"rows let go": false, "outputs only": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, k := newMatrix(t, plain)
				var keys []hal.Key
				for _, row := range telephone {
					keys = append(keys, row...)
				}
				haltest.Input(t, k, haltest.Finger{Keys: keys, Press: func(key hal.Key) {
					row, column := place(key)
					for range 3 { // bounces
						m.press(row, column, true)
						time.Sleep(2 * ms)
						m.press(row, column, false)
						time.Sleep(2 * ms)
					}
					m.press(row, column, true)
					time.Sleep(80 * ms)
					m.press(row, column, false)
				}})
				haltest.Closing(t, k, k.Close)
				for row := range telephone {
					if m.low[row] || m.high[row] != plain {
						t.Errorf("row %d is driven", row)
					}
				}
			})
		})
	}
}

func TestAKeyHeldDownAnswersNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, k := newMatrix(t, false)
		m.press(3, 2, true) // Enter, of the question before
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if e, err := k.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, %v", e, err)
		}
		done := make(chan hal.InputEvent, 1)
		go func() {
			e, _ := k.Next(t.Context())
			done <- e
		}()
		time.Sleep(100 * ms)
		m.press(3, 2, false)
		time.Sleep(100 * ms)
		m.press(3, 2, true)
		if e := <-done; e.Key != hal.KeyEnter {
			t.Errorf("got %v", e)
		}
	})
}

func TestDebouncer(t *testing.T) {
	const a, b, c = 1, 2, 4
	for name, step := range map[string]struct{ scans, want []uint64 }{
		"one press":        {[]uint64{0, a, a, a, a, 0, 0, 0}, []uint64{0, 0, 0, a, 0, 0, 0, 0}},
		"too short":        {[]uint64{0, a, a, 0, a, a, 0, 0}, []uint64{0, 0, 0, 0, 0, 0, 0, 0}},
		"one on another":   {[]uint64{a, a, a, a | b, a | b, a | b, b, b, b}, []uint64{0, 0, a, 0, 0, b, 0, 0, 0}},
		"again":            {[]uint64{a, a, a, 0, 0, 0, a, a, a}, []uint64{0, 0, a, 0, 0, 0, 0, 0, a}},
		"bounces up":       {[]uint64{a, a, a, 0, a, 0, a, a, a}, []uint64{0, 0, a, 0, 0, 0, 0, 0, 0}},
		"three are ghosts": {[]uint64{a | b | c, a | b | c, a | b | c, a | b | c}, []uint64{0, 0, 0, 0}},
	} {
		var d debouncer
		for i, scan := range step.scans {
			if got := d.take(scan); got != step.want[i] {
				t.Errorf("%s: scan %d gives %b, want %b", name, i, got, step.want[i])
			}
		}
	}
}

// FuzzDebouncer: a key is pressed only after as many scans with it down as make
// a change real, and again only after as many without.
func FuzzDebouncer(f *testing.F) {
	f.Add([]byte{1, 1, 1, 0, 0, 0, 3, 3, 3, 7, 7, 7})
	f.Add([]byte{1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1})
	f.Fuzz(func(t *testing.T, scans []byte) {
		var d debouncer
		var down, up, held [8]int // scans in a row; held: pressed and not let go
		for i, scan := range scans {
			pressed := d.take(uint64(scan))
			if bits.OnesCount8(scan) > 2 {
				continue
			}
			for key := range 8 {
				if scan>>key&1 == 1 {
					down[key], up[key] = down[key]+1, 0
				} else if down[key], up[key] = 0, up[key]+1; up[key] >= same {
					held[key] = 0
				}
				if pressed>>key&1 == 1 {
					if down[key] < same || held[key] == 1 {
						t.Fatalf("scan %d: key %d pressed, down for %d scans, held %d", i, key, down[key], held[key])
					}
					held[key] = 1
				}
			}
		}
	})
}

func TestALayoutThatDoesNotFit(t *testing.T) {
	row, column := newWire(0, gpio.High), newWire(1, gpio.High)
	for _, k := range []*Keypad{
		NewKeypad(nil, nil, nil),
		NewKeypad([]gpio.PinOut{row}, []gpio.PinIn{column}, nil),
		NewKeypad([]gpio.PinOut{row}, []gpio.PinIn{column}, [][]hal.Key{{1, 2}}),
		NewKeypad(make([]gpio.PinOut, 9), make([]gpio.PinIn, 8), make([][]hal.Key, 9)),
	} {
		if _, err := k.Next(t.Context()); !errors.Is(err, hal.ErrUnsupported) {
			t.Errorf("got %v, want hal.ErrUnsupported", err)
		}
	}
}
