package vscard

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// iccMute is the error that tells the guest of a card that does not answer:
// USB CCID specification, "Slot error register when bmCommandStatus = 1".
const iccMute = 0xFE

// line is one connection to QEMU. Only run uses what follows peer.
type line struct {
	slot *Slot
	peer io.ReadWriteCloser

	told *insertion // the card that QEMU was told of
	t0   t0         // its protocol
	open int        // of what was told, how much QEMU has not answered
}

// Serve is the slot's side of one reader in QEMU: from plug to unplug, or to
// the end of QEMU. It returns nil when the peer closes the connection, and the
// context's error when ctx ends. It closes peer.
func (s *Slot) Serve(ctx context.Context, peer io.ReadWriteCloser) error {
	l := &line{slot: s, peer: peer}
	reading, stop := context.WithCancelCause(ctx)
	received := make(chan message)
	var wg sync.WaitGroup
	wg.Go(func() { stop(l.read(reading, received)) })
	err := l.run(reading, received)
	stop(err)
	peer.Close()
	wg.Wait()
	if err == nil {
		err = context.Cause(reading)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, io.EOF):
		return nil
	}
	return err
}

// read hands messages to run until one of them ends.
func (l *line) read(ctx context.Context, received chan<- message) error {
	for {
		m, err := readMessage(l.peer)
		if err != nil {
			return err
		}
		select {
		case received <- m:
		case <-ctx.Done():
			return nil
		}
	}
}

// run returns nil when the context ends.
func (l *line) run(ctx context.Context, received <-chan message) error {
	if err := l.greet(ctx, received); err != nil {
		return err
	}
	for {
		card, changed := l.slot.look()
		if err := l.tell(card); err != nil {
			return err
		}
		select {
		case <-changed:
		case m := <-received:
			if err := l.handle(ctx, m); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// greet plugs the slot in.
func (l *line) greet(ctx context.Context, received <-chan message) error {
	if err := l.send(hello()); err != nil {
		return err
	}
	select {
	case m := <-received:
		if err := checkHello(m); err != nil {
			return err
		}
	case <-ctx.Done():
		return nil
	}
	l.open++
	return l.send(message{kind: kindReaderAdd, reader: anyReader})
}

// tell brings QEMU up to date with the slot.
func (l *line) tell(card *insertion) error {
	if l.told == card {
		return nil
	}
	if l.told != nil {
		l.told = nil
		l.open++
		if err := l.send(message{kind: kindCardRemove}); err != nil {
			return err
		}
	}
	if card == nil {
		return nil
	}
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
		return l.exchange(ctx, m.data)
	case kindInit, kindFlush, kindFlushDone, kindReaderRemove:
		return nil // nothing here waits for them
	default:
		return fmt.Errorf("%w: unexpected message of type %d", errProtocol, m.kind)
	}
}

// exchange asks the card. What QEMU sent before it knew of the last change of
// cards was meant for a card that is gone, and gets no answer: QEMU gives the
// guest one by itself.
func (l *line) exchange(ctx context.Context, command []byte) error {
	card := l.told
	if card == nil || l.open > 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(card.gone, cancel)()
	response, err := l.t0.exchange(ctx, command)
	switch {
	case card.gone.Err() != nil, ctx.Err() != nil:
		return nil
	case err != nil || len(response) < 2:
		return l.send(message{kind: kindError, data: binary.BigEndian.AppendUint32(nil, iccMute)})
	}
	return l.send(message{kind: kindAPDU, data: response})
}

func (l *line) send(m message) error {
	if _, err := l.peer.Write(m.append(nil)); err != nil {
		return fmt.Errorf("vscard: %w", err)
	}
	return nil
}
