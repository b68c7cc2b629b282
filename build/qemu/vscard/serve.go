package vscard

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// iccMute is the error that tells the guest of a card that does not answer:
// USB CCID specification, "Slot error register when bmCommandStatus = 1".
const iccMute = 0xFE

const (
	// apart is the least time between one card and the next. QEMU keeps the
	// latest state of the slot only, and the guest asks for it four times a
	// second: of a hand that is quicker it would see nothing.
	apart = time.Second
	// leaveTime is how long QEMU may take to notice that the slot goes away.
	leaveTime = 900 * time.Millisecond
)

// line is one connection to QEMU. Only run uses what follows received.
type line struct {
	slot     *Slot
	peer     io.ReadWriteCloser
	received chan message // closed when there will be no more

	told    *insertion       // the card that QEMU was told of
	t0      t0               // its protocol
	emptied time.Time        // when QEMU was last told that a card went
	later   <-chan time.Time // when it may be told of the next
	open    int              // of what was told, how much QEMU has not answered
	busy    *exchange        // what the card works on; nil: nothing
}

// exchange is a command that a card works on.
type exchange struct {
	cancel context.CancelFunc
	answer chan message // gets one
}

// Serve is the slot's side of one reader in QEMU: from plug to unplug, or to
// the end of QEMU. It returns nil when the peer closes the connection, and the
// context's error when ctx ends. It closes peer.
func (s *Slot) Serve(ctx context.Context, peer io.ReadWriteCloser) error {
	l := &line{slot: s, peer: peer, received: make(chan message)}
	over := make(chan struct{})
	var wg sync.WaitGroup
	var why error // why nothing more comes; valid once received is closed
	wg.Go(func() {
		defer close(l.received)
		why = l.read(over)
	})
	err := l.run(ctx)
	l.drop()
	if ctx.Err() != nil {
		l.leave()
	}
	close(over)
	peer.Close()
	wg.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.Is(err, errEnded):
		return err
	case errors.Is(why, io.EOF):
		return nil
	}
	return why
}

// read hands messages on until one of them ends, or over is closed.
func (l *line) read(over <-chan struct{}) error {
	for {
		m, err := readMessage(l.peer)
		if err != nil {
			return err
		}
		select {
		case l.received <- m:
		case <-over:
			return nil
		}
	}
}

// errEnded is the error of run when received is closed.
var errEnded = errors.New("vscard: the connection has ended")

// run returns nil when the context ends.
func (l *line) run(ctx context.Context) error {
	if err := l.greet(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	for {
		card, changed := l.slot.look()
		if err := l.tell(card); err != nil {
			return err
		}
		var answer chan message
		if l.busy != nil {
			answer = l.busy.answer
		}
		var err error
		select {
		case <-changed:
		case <-l.later:
		case m, ok := <-l.received:
			if !ok {
				return errEnded
			}
			err = l.handle(ctx, m)
		case m := <-answer:
			l.busy.cancel()
			l.busy = nil
			err = l.send(m)
		case <-ctx.Done():
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// greet plugs the slot in.
func (l *line) greet(ctx context.Context) error {
	if err := l.send(hello()); err != nil {
		return err
	}
	select {
	case m, ok := <-l.received:
		if !ok {
			return errEnded
		}
		if err := checkHello(m); err != nil {
			return err
		}
	case <-ctx.Done():
		return nil
	}
	l.open++
	return l.send(message{kind: kindReaderAdd, reader: anyReader})
}

// leave unplugs the slot: QEMU forgets the card and the command that waits for
// its answer. QEMU 7.2 falls over a reader that is unplugged with either.
func (l *line) leave() {
	defer time.AfterFunc(leaveTime, func() { l.peer.Close() }).Stop()
	l.open++
	if l.send(message{kind: kindReaderRemove}) != nil {
		return // QEMU has gone
	}
	for l.open > 0 {
		m, ok := <-l.received
		if !ok {
			return
		}
		if m.kind == kindError {
			l.open--
		}
	}
}

// tell brings QEMU up to date with the slot.
func (l *line) tell(card *insertion) error {
	if l.told == card {
		return nil
	}
	if l.told != nil {
		l.drop()
		l.told, l.emptied = nil, time.Now()
		l.open++
		if err := l.send(message{kind: kindCardRemove}); err != nil {
			return err
		}
	}
	if card == nil {
		return nil
	}
	if wait := apart - time.Since(l.emptied); wait > 0 {
		l.later = time.After(wait)
		return nil
	}
	l.later = nil
	card.chip.Reset()
	l.told, l.t0 = card, t0{chip: card.chip}
	l.open++
	return l.send(message{kind: kindATR, data: atr})
}

func (l *line) handle(ctx context.Context, m message) error {
	switch m.kind {
	case kindError:
		if len(m.data) != 4 {
			return fmt.Errorf("%w: an error code of %d bytes", errProtocol, len(m.data))
		}
		if code := binary.BigEndian.Uint32(m.data); code != 0 {
			return fmt.Errorf("vscard: QEMU refused with error %d", code)
		}
		l.open = max(l.open-1, 0)
		return nil
	case kindAPDU:
		l.begin(ctx, m.data)
		return nil
	case kindInit, kindFlush, kindFlushDone, kindReaderRemove:
		return nil // nothing here waits for them
	default:
		return fmt.Errorf("%w: unexpected message of type %d", errProtocol, m.kind)
	}
}

// begin gives the card a command. What QEMU sent before it knew of the last
// change of cards was meant for a card that is gone, and gets no answer: QEMU
// gives the guest one by itself.
//
// A command that the card still works on has been given up: the guest resets a
// reader whose answer it no longer waits for, and QEMU would take the late
// answer for this command's.
func (l *line) begin(ctx context.Context, command []byte) {
	l.drop()
	if l.told == nil || l.open > 0 {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	l.busy = &exchange{cancel, make(chan message, 1)}
	go func(t *t0, answer chan<- message) {
		response, err := t.exchange(ctx, command)
		if err != nil || len(response) < 2 {
			answer <- message{kind: kindError, data: binary.BigEndian.AppendUint32(nil, iccMute)}
			return
		}
		answer <- message{kind: kindAPDU, data: response}
	}(&l.t0, l.busy.answer)
}

// drop ends what the card works on and forgets its answer.
func (l *line) drop() {
	if l.busy != nil {
		l.busy.cancel()
		<-l.busy.answer
		l.busy = nil
	}
}

func (l *line) send(m message) error {
	if _, err := l.peer.Write(m.append(nil)); err != nil {
		return fmt.Errorf("vscard: %w", err)
	}
	return nil
}
