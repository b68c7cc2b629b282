package ccidtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"smartreader/hal"
	"smartreader/hal/usbfs"
)

// Endpoint addresses.
const (
	bulkOut     = 0x01
	bulkIn      = 0x82
	interruptIn = 0x83
)

// Slot states.
const (
	stateActive   = 0
	stateInactive = 1
	stateAbsent   = 2
)

// device is the reader as one who opened it sees it. The reader's mu guards it.
type device struct {
	reader *Reader
	life   chan struct{}
	work   sync.WaitGroup

	gone, closed bool
	queue        [][]byte // what the bulk-IN endpoint has to send, a message each
	empty        bool     // an empty packet is due
	stalled      bool
	busy         context.CancelFunc // ends the command at work; nil: none
	current      []byte             // header of the command at work
	hung         bool               // it hangs until it is aborted
	aborting     int                // sequence number of the control request; -1: none
}

// Close implements ccid.Device.
func (d *device) Close() error {
	r := d.reader
	r.mu.Lock()
	if d.closed {
		r.mu.Unlock()
		return nil
	}
	d.closed = true
	close(d.life)
	if r.open == d {
		r.open = nil
	}
	if d.busy != nil {
		d.busy()
	}
	r.powerOff()
	r.announce()
	r.mu.Unlock()
	d.work.Wait()
	return nil
}

// Reset implements ccid.Device.
func (d *device) Reset() error {
	r := d.reader
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := d.dead(); err != nil {
		return err
	}
	r.resets++
	r.powerOff()
	d.queue, d.stalled, d.hung = nil, false, false
	if d.busy != nil {
		d.busy()
	}
	return nil
}

// Control implements ccid.Device.
func (d *device) Control(ctx context.Context, requestType, request byte, value, _ uint16, data []byte) (int, error) {
	r := d.reader
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := errors.Join(ctx.Err(), d.dead()); err != nil {
		return 0, err
	}
	if requestType == 0xA1 && request == 3 && len(r.options.Rates) > 0 {
		var list []byte
		for _, rate := range r.options.Rates {
			list = binary.LittleEndian.AppendUint32(list, uint32(rate))
		}
		return copy(data, list), nil
	}
	if requestType != 0x21 || request != 1 || r.options.NoAbort {
		return 0, usbfs.ErrStall
	}
	d.aborting = int(value >> 8)
	return 0, nil
}

// Transfer implements ccid.Device.
func (d *device) Transfer(ctx context.Context, e usbfs.Endpoint, data []byte) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	switch e.Address {
	case bulkOut:
		return d.take(data)
	case bulkIn:
		if len(data) == 0 || len(data)%d.reader.options.MaxPacket != 0 {
			return 0, fmt.Errorf("ccidtest: %d bytes are no whole packets", len(data))
		}
		return d.give(ctx, data)
	case interruptIn:
		return d.notify(ctx, data)
	}
	return 0, errors.New("ccidtest: no such endpoint")
}

// dead is called with mu held.
func (d *device) dead() error {
	switch {
	case d.closed:
		return fmt.Errorf("ccidtest: %w", hal.ErrHalted)
	case d.gone:
		return fmt.Errorf("ccidtest: unplugged: %w", hal.ErrNotFound)
	}
	return nil
}

// until waits for ready, which is called with mu held and returns with it.
func (d *device) until(ctx context.Context, ready func() bool) error {
	r := d.reader
	for {
		r.mu.Lock()
		if err := d.dead(); err != nil {
			r.mu.Unlock()
			return err
		}
		if ready() {
			return nil
		}
		changed := r.changed
		r.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *device) give(ctx context.Context, data []byte) (int, error) {
	if err := d.until(ctx, func() bool { return d.stalled || d.empty || len(d.queue) > 0 }); err != nil {
		return 0, err
	}
	defer d.reader.mu.Unlock()
	switch {
	case d.stalled:
		return 0, usbfs.ErrStall
	case d.empty:
		d.empty = false
		return 0, nil
	}
	n := copy(data, d.queue[0])
	if d.queue[0] = d.queue[0][n:]; len(d.queue[0]) == 0 {
		d.queue = d.queue[1:]
		// A read that ended with a full packet does not know that it was the last.
		d.empty = d.reader.options.EmptyEnd && n == len(data)
	}
	return n, nil
}

func (d *device) notify(ctx context.Context, data []byte) (int, error) {
	r := d.reader
	if err := d.until(ctx, func() bool { return r.notice }); err != nil {
		return 0, err
	}
	defer r.mu.Unlock()
	r.notice = false
	state := byte(2)
	if r.chip != nil {
		state = 3
	}
	return copy(data, []byte{0x50, state}), nil
}

// take receives one message from the host.
func (d *device) take(b []byte) (int, error) {
	r := d.reader
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := d.dead(); err != nil {
		return 0, err
	}
	if len(b) < 10 || int(binary.LittleEndian.Uint32(b[1:])) != len(b)-10 {
		return 0, fmt.Errorf("ccidtest: message of %d bytes", len(b))
	}
	d.command(append([]byte(nil), b...))
	r.announce()
	return len(b), nil
}

// reply, fail and state are called with mu held.

func (d *device) state() byte {
	switch r := d.reader; {
	case r.chip == nil:
		return stateAbsent
	case r.card == nil:
		return stateInactive
	}
	return stateActive
}

func (d *device) reply(request []byte, kind, status, code, chain byte, data []byte) {
	m := make([]byte, 10, 10+len(data))
	m[0], m[5], m[6], m[7], m[8], m[9] = kind, request[5], request[6], status<<6|d.state(), code, chain
	binary.LittleEndian.PutUint32(m[1:], uint32(len(data)))
	d.queue = append(d.queue, append(m, data...))
	d.reader.announce()
}

func (d *device) fail(request []byte, kind, code byte) { d.reply(request, kind, 1, code, 0, nil) }
