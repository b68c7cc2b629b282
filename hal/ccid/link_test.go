package ccid

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/hal"
	"smartreader/hal/usbfs"
)

// scripted is a device whose bulk-IN messages a test writes.
type scripted struct {
	Device
	answer func(sent []byte) [][]byte // to one message; nil: nothing
	queue  [][]byte
	sent   [][]byte
	value  uint16        // of the last control request
	slow   time.Duration // to take a message
}

func (s *scripted) Transfer(ctx context.Context, e usbfs.Endpoint, data []byte) (int, error) {
	if !e.In() {
		if err := sleep(ctx, s.slow); err != nil {
			return 0, err
		}
		s.sent = append(s.sent, data)
		s.queue = append(s.queue, s.answer(data)...)
		return len(data), nil
	}
	if len(s.queue) == 0 || ctx.Err() != nil {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	n := copy(data, s.queue[0])
	s.queue = s.queue[1:]
	return n, nil
}

func (s *scripted) Control(_ context.Context, _, _ byte, value, _ uint16, _ []byte) (int, error) {
	s.value = value
	return 0, nil
}

// reply is the header of an answer to sent.
func reply(sent []byte, kind, status, code byte) []byte {
	m := make([]byte, headerSize)
	m[0], m[5], m[6], m[7], m[8] = kind, sent[5], sent[6], status, code
	return m
}

func (s *scripted) link(slot byte) *link {
	return &link{device: s, slot: slot, in: usbfs.Endpoint{Address: 0x82, MaxPacket: 64}, out: usbfs.Endpoint{Address: 1}}
}

// TestAbort checks that a reader that aborts a command stays in use, whatever
// the sequence number is at that moment.
func TestAbort(t *testing.T) {
	for _, seq := range []byte{0, 17, 253, 254, 255} {
		synctest.Test(t, func(t *testing.T) {
			s := &scripted{answer: func(sent []byte) [][]byte {
				if sent[0] != bulkAbort {
					return nil
				}
				return [][]byte{reply(sent, slotStatus, 0, 0)}
			}}
			l := s.link(3)
			l.seq = seq
			if _, err := l.command(t.Context(), xfrBlock, [3]byte{}, nil, time.Second); !errors.Is(err, hal.ErrMute) {
				t.Errorf("got %v, want hal.ErrMute", err)
			}
			if l.broken {
				t.Errorf("sequence number %d: an aborted command put the reader out of step", seq)
			}
			bulk := s.sent[1]
			if want := uint16(bulk[6])<<8 | 3; s.value != want {
				t.Errorf("sequence number %d: abort by control request %04X, want %04X", seq, s.value, want)
			}
		})
	}
}

// TestSlowToTake checks that a message has the time it needs to get out, except
// that a call must end soon after its context.
func TestSlowToTake(t *testing.T) {
	for _, tt := range []struct {
		slow, cancel time.Duration
		err          error
	}{
		{time.Second, time.Minute, nil},
		{time.Second, 900 * time.Millisecond, context.DeadlineExceeded},
		{time.Second, 500 * time.Millisecond, errMessage},
		{time.Hour, time.Minute, errMessage},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &scripted{slow: tt.slow, answer: func(sent []byte) [][]byte { return [][]byte{reply(sent, slotStatus, 0, 0)} }}
			l := s.link(0)
			ctx, cancel := context.WithTimeout(t.Context(), tt.cancel)
			defer cancel()
			start := time.Now()
			if _, err := l.command(ctx, getSlotStatus, [3]byte{}, nil, time.Second); !errors.Is(err, tt.err) {
				t.Errorf("slow by %v, cancelled after %v: got %v, want %v", tt.slow, tt.cancel, err, tt.err)
			}
			if l.broken != (tt.err == errMessage) {
				t.Errorf("slow by %v, cancelled after %v: broken is %v", tt.slow, tt.cancel, l.broken)
			}
			if took := time.Since(start); took > min(tt.slow, tt.cancel, quick)+sendTime+grace+abortTime {
				t.Errorf("slow by %v, cancelled after %v: ended after %v", tt.slow, tt.cancel, took)
			}
		})
	}
}

// TestDataRates checks that the request for the data rates names no slot.
func TestDataRates(t *testing.T) {
	s := &scripted{value: 0xFFFF}
	l := s.link(1)
	l.descriptor = descriptor{features: automaticBaudRate | levelTPDU, clock: 4000, maxRate: 344086, rates: 2}
	if l.can(t.Context(), 0x13) || s.value != 0 {
		t.Errorf("asked with wValue %04X, want 0000", s.value)
	}
}

// TestAbortOfHalf checks that nothing is made of what follows half a message.
func TestAbortOfHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{}
		s.answer = func(sent []byte) [][]byte {
			if sent[0] == bulkAbort {
				return [][]byte{reply(sent, slotStatus, 0, 0)}
			}
			return nil
		}
		l := s.link(0)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		time.AfterFunc(time.Second, func() {
			synctest.Wait()
			half := reply(s.sent[0], dataBlock, 0, 0)
			binary.LittleEndian.PutUint32(half[1:], 100)
			s.queue = append(s.queue, half)
			cancel()
		})
		if _, err := l.command(ctx, xfrBlock, [3]byte{}, nil, time.Minute); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if !l.broken {
			t.Error("a reader that sent half a message is used on")
		}
	})
}
