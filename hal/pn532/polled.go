package pn532

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// transport is what I2C and SPI differ in. Both ask the chip whether it has a
// frame, and read it in one transaction of a length the host chooses.
type transport interface {
	fmt.Stringer
	// rouse addresses the chip, which wakes it. The transaction may fail.
	rouse()
	write(frame []byte) error
	ready() (bool, error)
	// read reads n bytes of the frame the chip has ready.
	read(n int) ([]byte, error)
}

// busRetries is how often a transaction that failed is repeated: a chip that
// wakes up does not acknowledge its address.
const busRetries = 3

// polled is a link over a bus whose chip has to be asked.
type polled struct{ transport }

// Close implements Link. The bus belongs to whoever opened it.
func (polled) Close() error { return nil }

func (p polled) wake(ctx context.Context) error {
	p.rouse()
	return pause(ctx, 2*time.Millisecond)
}

func (p polled) send(ctx context.Context, frame []byte) error {
	return p.try(ctx, func() error { return p.write(frame) })
}

// receive reads as much as expected. A longer answer is asked for again and
// read whole, as long as it says it is: on a slow bus cheaper than always reading
// 275 bytes.
func (p polled) receive(ctx context.Context, expected int) (frame, error) {
	b, err := p.take(ctx, expected)
	if err != nil {
		return frame{}, err
	}
	f, _, err := decode(b)
	switch {
	case !errors.Is(err, errShort):
		return f, err
	case expected == len(ack):
		return frame{}, errDamaged // a late answer in the place of an ACK
	}
	// The rest of a frame that was not read whole is lost, but the chip repeats it.
	whole := extent(b)
	clear(b)
	if err := p.send(ctx, nack[:]); err != nil {
		return frame{}, err
	}
	if b, err = p.take(ctx, whole); err != nil {
		return frame{}, err
	}
	if f, _, err = decode(b); errors.Is(err, errShort) {
		err = errDamaged
	}
	return f, err
}

// take reads n bytes once the chip has a frame.
func (p polled) take(ctx context.Context, n int) (b []byte, err error) {
	for {
		var ready bool
		if err := p.try(ctx, func() error { ready, err = p.ready(); return err }); err != nil {
			return nil, err
		}
		if ready {
			break
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return nil, err
		}
	}
	err = p.try(ctx, func() error { b, err = p.read(n); return err })
	return b, err
}

func (p polled) settle(ctx context.Context) error {
	// A frame that is read is gone. Two can be there: an acknowledgement and
	// the answer behind it.
	for range 2 {
		if err := pause(ctx, time.Millisecond); err != nil {
			return err
		}
		if ready, err := p.ready(); err != nil || !ready {
			return nil // the next command finds out
		}
		if _, err := p.read(maxFrame); err != nil {
			return nil // the next command finds out
		}
	}
	return nil
}

func (p polled) try(ctx context.Context, transaction func() error) error {
	for i := 1; ; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := transaction()
		if err == nil {
			return nil
		}
		if i > busRetries {
			return gone(p, err)
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
}
