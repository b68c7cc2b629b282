package ccid

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"smartreader/hal"
	"smartreader/hal/usbfs"
)

// How long things may take. sendTime, grace and abortTime together keep the
// promise that a cancelled call ends within a second.
const (
	quick      = 2 * time.Second        // to take a message; to answer what needs no card
	sendTime   = 300 * time.Millisecond // to take a message after the context ended
	grace      = 250 * time.Millisecond // for an answer after the context ended
	abortTime  = 400 * time.Millisecond // for an abort to be acknowledged
	busyPause  = 50 * time.Millisecond  // before a busy slot is asked again
	longest    = 60 * time.Second       // one time extension
	patience   = 2 * time.Minute        // all time extensions of one command
	extensions = 4000                   // the same, counted
	busyTries  = 20
	strays     = 64 // messages of earlier commands before the one waited for
)

// link is an opened reader and one of its slots. It is for one goroutine at a
// time, except change.
type link struct {
	device         Device
	out, in, event usbfs.Endpoint
	events         bool // there is an interrupt endpoint
	iface          uint16
	descriptor     descriptor
	slot, seq      byte
	volts          byte // of the last power on
	broken         bool // out of step: must be reset before it is used again
	gone           bool // unplugged
	name           string
}

func newLink(d Device, i usbfs.Info, slot byte) (*link, error) {
	face, ok := i.Interface(class)
	if !ok {
		return nil, fmt.Errorf("no smart card interface: %w", hal.ErrUnsupported)
	}
	l := &link{device: d, iface: uint16(face.Number), slot: slot, name: name(i)}
	var err error
	if l.descriptor, err = usable(face); err != nil {
		return nil, hal.Advise(err, "%s: %v", l.name, err)
	}
	if slot > l.descriptor.maxSlot {
		return nil, hal.Advise(hal.ErrUnsupported, "%s has no slot %d: its slots are 0 to %d", l.name, slot, l.descriptor.maxSlot)
	}
	var okOut, okIn bool
	l.out, okOut = face.Endpoint(usbfs.Bulk, false)
	l.in, okIn = face.Endpoint(usbfs.Bulk, true)
	if !okOut || !okIn || l.in.MaxPacket < headerSize {
		return nil, hal.Advise(hal.ErrUnsupported, "%s has no bulk endpoints: use another reader", l.name)
	}
	l.event, l.events = face.Endpoint(usbfs.Interrupt, true)
	return l, nil
}

// command sends a message and returns its answer. patience per answer is wait,
// longer when the reader asks for it. A command that failed is a slotError. The
// reader is in step afterwards, or broken.
func (l *link) command(ctx context.Context, kind byte, param [3]byte, data []byte, wait time.Duration) (response, error) {
	for try := 0; ; try++ {
		r, err := l.once(ctx, kind, param, data, wait)
		var failed slotError
		if !errors.As(err, &failed) || failed.code != slotBusy && failed.code != autoSequence || try == busyTries {
			return r, err
		}
		if err := sleep(ctx, busyPause); err != nil {
			return response{}, err
		}
	}
}

func (l *link) once(ctx context.Context, kind byte, param [3]byte, data []byte, wait time.Duration) (response, error) {
	if err := ctx.Err(); err != nil {
		return response{}, err
	}
	// Half a message would bring the reader out of step, so it does not end
	// with ctx.
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), quick)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(sendTime, cancel) })()
	if err := l.send(sending, kind, param, data); err != nil {
		return response{}, err
	}
	r, err := l.answer(ctx, answers[kind], wait)
	var late *lateError
	switch {
	case err == nil:
	case errors.As(err, &late):
		l.abort()
		if ctx.Err() != nil {
			return response{}, ctx.Err()
		}
		return response{}, fmt.Errorf("%w: %w", hal.ErrMute, err)
	default:
		l.broken = true
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return response{}, err
	}
	if r.command == commandFailed {
		return response{}, slotError{code: r.err, icc: r.icc}
	}
	return r, nil
}

// send sends one message under the next sequence number.
func (l *link) send(ctx context.Context, kind byte, param [3]byte, data []byte) error {
	l.seq++
	b := make([]byte, headerSize+len(data))
	b[0] = kind
	binary.LittleEndian.PutUint32(b[1:], uint32(len(data)))
	b[5], b[6] = l.slot, l.seq
	copy(b[7:], param[:])
	copy(b[headerSize:], data)
	n, err := l.device.Transfer(ctx, l.out, b)
	switch {
	case err == nil && n == len(b):
		return nil
	case err == nil:
		err = fmt.Errorf("%d of %d bytes taken", n, len(b))
	}
	l.broken = true
	return l.fault(ctx, "send", err)
}

// lateError is the error of an answer that did not come in time.
type lateError struct{ wait time.Duration }

func (e *lateError) Error() string {
	return fmt.Sprintf("ccid: the reader did not answer within %v", e.wait)
}

// answer waits for the answer to the command sent last.
func (l *link) answer(ctx context.Context, kind byte, wait time.Duration) (response, error) {
	end := time.Now().Add(patience)
	granted, stray := 0, 0
	for left := wait; ; {
		r, err := l.receive(ctx, left)
		if err != nil {
			return response{}, err
		}
		switch {
		case r.seq != l.seq || r.slot != l.slot:
			if stray++; stray > strays {
				return response{}, fmt.Errorf("%w: answers to other commands only", errMessage)
			}
		case r.command == timeExtension:
			if granted++; granted > extensions || time.Now().After(end) {
				return response{}, &lateError{patience}
			}
			left = min(wait*time.Duration(max(r.err, 1)), longest)
		case r.kind != kind && r.command != commandFailed:
			return response{}, fmt.Errorf("%w: %02X instead of %02X", errMessage, r.kind, kind)
		default:
			return r, nil
		}
	}
}

// receive reads one message. It asks for one packet first, and then for what
// the header announces, so that it does not matter whether the reader ends a
// message of full packets with an empty one.
func (l *link) receive(ctx context.Context, wait time.Duration) (response, error) {
	timed, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	b := make([]byte, l.in.MaxPacket)
	n := 0
	for empty := 0; n == 0; empty++ {
		if empty > 2 {
			return response{}, fmt.Errorf("%w: empty", errMessage)
		}
		var err error
		if n, err = l.device.Transfer(timed, l.in, b); err != nil {
			return response{}, l.late(timed, wait, n, err)
		}
	}
	r, size, err := parseHeader(b[:n], max(l.descriptor.maxMessage, shortMessage)-headerSize)
	if err != nil {
		return response{}, err
	}
	got := b[headerSize:n]
	if missing := size - len(got); missing > 0 {
		if n%l.in.MaxPacket != 0 {
			return response{}, fmt.Errorf("%w: %d bytes missing", errMessage, missing)
		}
		rest := make([]byte, (missing+l.in.MaxPacket-1)/l.in.MaxPacket*l.in.MaxPacket)
		n, err := l.device.Transfer(timed, l.in, rest)
		if err != nil {
			return response{}, l.late(timed, wait, 1, err)
		}
		if n < missing {
			return response{}, fmt.Errorf("%w: %d bytes missing", errMessage, missing-n)
		}
		got = append(got[:len(got):len(got)], rest[:n]...)
	}
	r.data = got[:size]
	return r, nil
}

// late tells an answer that has not begun from other faults.
func (l *link) late(ctx context.Context, wait time.Duration, got int, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) && got == 0 {
		return &lateError{wait}
	}
	return l.fault(ctx, "receive", err)
}

// fault gives a transfer's error a meaning for the caller: only an unplugged
// device is hal.ErrNotFound, the others are mended by a reset over USB.
func (l *link) fault(ctx context.Context, what string, err error) error {
	if errors.Is(err, hal.ErrNotFound) {
		l.gone = true
		return unplugged(l.name, err)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %s: timed out", errMessage, what)
	}
	return fmt.Errorf("%w: %s: %w", errMessage, what, err)
}

// abort brings the reader back in step when the answer to the last command did
// not come: it waits a little longer, then aborts the command (CCID section
// "Abort": the control request and the bulk message go together).
func (l *link) abort() {
	ctx, cancel := context.WithTimeout(context.Background(), grace+abortTime)
	defer cancel()
	first, stop := context.WithTimeout(ctx, grace)
	defer stop()
	if l.seen(first, false) || l.broken {
		return
	}
	// A reader that does not know the request stalls it; the bulk message alone
	// may help with others.
	_, _ = l.device.Control(ctx, toInterface, controlAbort, uint16(l.seq+1)<<8|uint16(l.slot), l.iface, nil)
	if err := l.send(ctx, bulkAbort, [3]byte{}, nil); err != nil || !l.seen(ctx, true) {
		l.broken = true
	}
}

// seen reads until the answer to the command sent last has come. If that is an
// abort, which must succeed, the answer to the command before it will do too.
func (l *link) seen(ctx context.Context, aborting bool) bool {
	for range strays {
		r, err := l.receive(ctx, grace+abortTime)
		var late *lateError
		switch {
		case errors.As(err, &late):
			return false
		case err != nil: // half a message, say: nothing behind it makes sense
			l.broken = true
			return false
		case r.command == timeExtension:
		case r.seq == l.seq && !(aborting && r.command == commandFailed), aborting && r.seq == l.seq-1:
			return true
		}
	}
	return false
}

// status asks what is in the slot.
func (l *link) status(ctx context.Context) (icc, error) {
	r, err := l.command(ctx, getSlotStatus, [3]byte{}, nil, quick)
	var failed slotError
	if errors.As(err, &failed) {
		// Readers answer this with an error about an empty slot, too.
		return failed.icc, nil
	}
	return r.icc, err
}

// change waits until something may have happened in the slot: until the reader
// says so where it can, else for a moment. It may run beside a command.
func (l *link) change(ctx context.Context) error {
	const (
		pace  = 100 * time.Millisecond // of a reader that says nothing
		check = time.Second            // of one that does: notices get lost
	)
	if !l.events {
		return sleep(ctx, pace)
	}
	timed, cancel := context.WithTimeout(ctx, check)
	defer cancel()
	if _, err := l.device.Transfer(timed, l.event, make([]byte, max(l.event.MaxPacket, 1))); err != nil && timed.Err() == nil {
		return sleep(ctx, pace) // the next command shows what is wrong
	}
	return ctx.Err()
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
