package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/transcript"
	"smartreader/hal"
	"smartreader/hal/ccid"
)

// source is a card to run a transaction with.
type source struct {
	card   emvkernel.Transceiver
	atr    []byte
	close  func()
	player *transcript.Player     // of a transcript
	played *transcript.Transcript // of a transcript
	soft   *emvtest.Profile       // of a software card
}

// loadProfile finds a software card by its name or its file.
func loadProfile(name string) (*emvtest.Profile, error) {
	if !strings.HasSuffix(name, ".card") {
		if !slices.Contains(emvtest.Profiles(), name) {
			return nil, usage("-card: there is no software card %q; \"emv cards\" lists them, or give a .card file", name)
		}
		p, err := emvtest.Load(name)
		if err != nil {
			return nil, setup(err)
		}
		return p, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, setup(err)
	}
	defer f.Close()
	p, err := emvtest.ParseProfile(f)
	if err != nil {
		return nil, setup(err)
	}
	return p, nil
}

// open finds the card the flags name.
func (o *runOptions) open(ctx context.Context, played *transcript.Transcript) (*source, error) {
	if err := o.oneCard(); err != nil {
		return nil, err
	}
	switch {
	case o.card != "":
		p, err := loadProfile(o.card)
		if err != nil {
			return nil, err
		}
		c := emvtest.NewCard(p, nil)
		return &source{card: c, atr: c.ATR(), close: func() {}, soft: p}, nil
	case o.tcp != "":
		c, err := o.dialTCP(ctx)
		if err != nil {
			return nil, err
		}
		if c.tapped() {
			c.Close()
			return nil, usage("-tcp %s: the card there is tapped, not inserted; add -contactless", o.tcp)
		}
		return &source{card: c, atr: c.atr, close: func() { c.Close() }}, nil
	case played != nil:
		p := transcript.NewPlayer(played)
		return &source{card: p, atr: p.ATR(), close: func() {}, player: p, played: played}, nil
	}
	return openReader(ctx, ccid.Options{Match: o.reader, Slot: byte(o.slot)})
}

// readTranscript reads a file; "-" is standard input.
func readTranscript(path string, from io.Reader) (*transcript.Transcript, error) {
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, setup(err)
		}
		defer f.Close()
		from = f
	}
	t, err := transcript.Parse(from)
	if err != nil {
		return nil, setup(fmt.Errorf("%s: %w", path, err))
	}
	return t, nil
}

// openReader waits for a card in a USB chip card reader.
func openReader(ctx context.Context, o ccid.Options) (*source, error) {
	r := ccid.New(o)
	card, err := r.Activate(ctx)
	if err != nil {
		r.Close()
		if errors.Is(err, hal.ErrMute) {
			return nil, fmt.Errorf("%w: take the card out and put it in again, chip first", err)
		}
		return nil, readerError(err)
	}
	return &source{card: card, atr: card.ATR(), close: func() { card.Close(); r.Close() }}, nil
}

// readerError tells a reader that cannot be used from a wait that ended.
func readerError(err error) error {
	if errors.Is(err, hal.ErrNotFound) || errors.Is(err, hal.ErrUnsupported) || errors.Is(err, fs.ErrPermission) {
		return setup(err)
	}
	return fmt.Errorf("waiting for a card: %w", err)
}
