package panel

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"

	"smartreader/hal"
)

// Keypad is a matrix of keys. One goroutine at a time calls Next; Close may be
// called from anywhere.
type Keypad struct {
	rows    []gpio.PinOut
	columns []gpio.PinIn
	layout  [][]hal.Key
	wrong   error // the layout does not fit

	ready  bool // pins are set up
	once   sync.Once
	halted chan struct{}
}

var _ hal.Input = (*Keypad)(nil)

// Scanning.
const (
	scanEvery = 10 * time.Millisecond // a press takes 50 ms at least
	same      = 3                     // scans in a row that make a change real; contacts bounce for 5 ms, bad ones 20
)

// NewKeypad returns a keypad of at most 64 keys, and touches no pin yet. Layout
// says which key is where, row by row; 0 is a place without one.
func NewKeypad(rows []gpio.PinOut, columns []gpio.PinIn, layout [][]hal.Key) *Keypad {
	k := &Keypad{rows: rows, columns: columns, layout: layout, halted: make(chan struct{})}
	fits := len(rows) > 0 && len(columns) > 0 && len(rows)*len(columns) <= 64 && len(layout) == len(rows)
	for _, row := range layout {
		fits = fits && len(row) == len(columns)
	}
	if !fits {
		k.wrong = fmt.Errorf("the layout does not have %d rows of %d keys, 64 at most: %w", len(rows), len(columns), hal.ErrUnsupported)
	}
	return k
}

// Next implements hal.Input. A key held down since before is not pressed: it
// must be let go first.
func (k *Keypad) Next(ctx context.Context) (hal.InputEvent, error) {
	key, err := k.next(ctx)
	if err != nil {
		return hal.InputEvent{}, fmt.Errorf("panel: keypad: %w", err)
	}
	return hal.InputEvent{Key: key}, nil
}

func (k *Keypad) next(ctx context.Context) (hal.Key, error) {
	if err := errors.Join(k.wrong, k.ended(ctx)); err != nil {
		return 0, err
	}
	if err := k.setUp(); err != nil {
		return 0, err
	}
	held, err := k.scan()
	if err != nil {
		return 0, err
	}
	// What is down now, even bouncing, is no answer to this question.
	keys := debouncer{down: held, last: held}
	ticker := time.NewTicker(scanEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
		case <-k.halted:
		}
		if err := k.ended(ctx); err != nil {
			return 0, err
		}
		now, err := k.scan()
		if err != nil {
			return 0, err
		}
		for pressed := keys.take(now); pressed != 0; pressed &= pressed - 1 {
			at := bits.TrailingZeros64(pressed)
			if key := k.layout[at/len(k.columns)][at%len(k.columns)]; key != 0 {
				return key, nil
			}
		}
	}
}

func (k *Keypad) ended(ctx context.Context) error {
	select {
	case <-k.halted:
		return hal.ErrHalted
	default:
		return ctx.Err()
	}
}

func (k *Keypad) setUp() error {
	if k.ready {
		return nil
	}
	for _, column := range k.columns {
		if err := column.In(gpio.PullUp, gpio.NoEdge); err != nil {
			return fmt.Errorf("column on pin %s: %w", column.Name(), err)
		}
	}
	for _, row := range k.rows {
		if err := release(row); err != nil {
			return fmt.Errorf("row on pin %s: %w", row.Name(), err)
		}
	}
	k.ready = true
	return nil
}

// scan returns the keys that are down, bit r * columns + c for row r, column c.
func (k *Keypad) scan() (down uint64, err error) {
	for r, row := range k.rows {
		if err := row.Out(gpio.Low); err != nil {
			return 0, fmt.Errorf("row on pin %s: %w", row.Name(), err)
		}
		for c, column := range k.columns {
			if column.Read() == gpio.Low {
				down |= 1 << (r*len(k.columns) + c)
			}
		}
		if err := release(row); err != nil {
			return 0, fmt.Errorf("row on pin %s: %w", row.Name(), err)
		}
	}
	return down, nil
}

// release lets a row go, or where it can only be an output sets it high. It is
// pulled up, not left to float: half of a Raspberry Pi's pins are pulled down
// from power on, and would take a column with them through a key.
func release(row gpio.PinOut) error {
	if pin, ok := row.(gpio.PinIn); ok {
		return pin.In(gpio.PullUp, gpio.NoEdge)
	}
	return row.Out(gpio.High)
}

// Close makes a call in flight and later calls return hal.ErrHalted. A second
// call does nothing. No row is driven any more.
func (k *Keypad) Close() error {
	k.once.Do(func() { close(k.halted) })
	return nil
}

// debouncer turns scans into presses. A change counts when several scans in a
// row agree on it.
type debouncer struct {
	down  uint64 // as agreed
	last  uint64 // scan
	equal int    // scans like it
}

// take takes a scan and returns the keys that went down. Three keys at once may
// look like a fourth, so such scans do not count.
func (d *debouncer) take(now uint64) (pressed uint64) {
	if bits.OnesCount64(now) > 2 {
		return 0
	}
	if now != d.last {
		d.last, d.equal = now, 0
	}
	if d.equal++; d.equal < same {
		return 0
	}
	pressed = now &^ d.down
	d.down = now
	return pressed
}
