package pn532

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// Port is a serial port: 8 data bits, no parity, one stop bit. *tty.Port is
// one. Reads and writes that pass their deadline return os.ErrDeadlineExceeded.
type Port interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
	// SetBaud changes the rate after what was written has been sent.
	SetBaud(baud int) error
}

const (
	// powerOnBaud is the chip's rate after power on.
	powerOnBaud = 115200
	// readStep is how long one read waits, so that a context can end it.
	readStep = 50 * time.Millisecond
	// gap is the longest silence inside a frame. It allows for USB adapters,
	// which hold bytes back for up to 16 ms, and for a busy host.
	gap = 100 * time.Millisecond
	// quiet is a silence after which the chip is taken to have nothing to say.
	quiet = 30 * time.Millisecond
	// babble is how long a chip is listened to that is not quiet: the longest
	// frame takes 24 ms.
	babble = 100 * time.Millisecond
)

type hsu struct {
	port Port
	rate int
	buf  []byte // received, not yet given out
}

// HSU makes a link of a serial port at 115200 baud. It owns the port.
func HSU(port Port) Link { return &hsu{port: port, rate: powerOnBaud} }

func (h *hsu) Close() error { return h.port.Close() }

func (h *hsu) String() string {
	name := "a serial port"
	if s, ok := h.port.(fmt.Stringer); ok {
		name = s.String()
	}
	return fmt.Sprintf("PN532 on %s (check power, TX to RX both ways, interface switches 0 0)", name)
}

func (h *hsu) baud() int { return h.rate }

func (h *hsu) setBaud(baud int) error {
	if err := h.port.SetBaud(baud); err != nil {
		return gone(h, err)
	}
	h.rate = baud
	return nil
}

// wake sends rising edges, five of which end the sleep, and then idles until
// the chip's clock runs (data sheet: at most 2 ms). Awake, the chip takes it
// all for a long preamble.
func (h *hsu) wake(ctx context.Context) error {
	preamble := make([]byte, 16)
	preamble[0], preamble[1] = 0x55, 0x55
	if err := h.send(ctx, preamble); err != nil {
		return err
	}
	return pause(ctx, 2*time.Millisecond)
}

func (h *hsu) send(ctx context.Context, frame []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// The longest frame takes 24 ms at 115200 baud.
	if err := h.port.SetWriteDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
		return gone(h, err)
	}
	if _, err := h.port.Write(frame); err != nil {
		return gone(h, err)
	}
	return nil
}

func (h *hsu) receive(ctx context.Context, _ int) (frame, error) {
	said, heard := spoken(h.buf), time.Now()
	var begun frame
	for {
		if len(h.buf) > 0 {
			f, used, err := decode(h.buf)
			h.buf = h.buf[used:]
			if !errors.Is(err, errShort) {
				return f, err
			}
			begun = f
		}
		news, err := h.fill(ctx)
		switch {
		case err != nil:
			return frame{}, err
		case len(news) > 0:
			said, heard = said || spoken(news), time.Now()
		case said && time.Since(heard) >= gap:
			h.buf = nil
			return begun, errDamaged
		}
	}
}

// spoken says whether bytes are more than the zeros before and after frames. A
// start code may be among bytes that were lost, so any other byte counts.
func spoken(b []byte) bool {
	return slices.ContainsFunc(b, func(x byte) bool { return x != 0 })
}

// fill reads what there is, and waits for it at most one step.
func (h *hsu) fill(ctx context.Context) (news []byte, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	until := time.Now().Add(readStep)
	if end, ok := ctx.Deadline(); ok && end.Before(until) {
		until = end
	}
	if err := h.port.SetReadDeadline(until); err != nil {
		return nil, gone(h, err)
	}
	chunk := make([]byte, maxFrame)
	n, err := h.port.Read(chunk)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, gone(h, err)
	}
	if n == 0 {
		return nil, nil
	}
	// A new array each time: frames given out before stay as they are. No card
	// data stays in the old ones.
	old := h.buf
	h.buf = slices.Concat(old, chunk[:n])
	clear(old)
	clear(chunk)
	return h.buf[len(old):], nil
}

func (h *hsu) settle(ctx context.Context) error {
	clear(h.buf)
	h.buf = nil
	for end := time.Now().Add(babble); time.Now().Before(end); {
		if err := h.port.SetReadDeadline(time.Now().Add(quiet)); err != nil {
			return gone(h, err)
		}
		var chunk [maxFrame]byte
		_, err := h.port.Read(chunk[:])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return gone(h, err)
		}
	}
	return ctx.Err()
}
