package report

import (
	"context"
	"fmt"
	"image"
	"io"
	"time"

	"smartreader/hal"
	"smartreader/hal/haltest"
)

// Hands do what only a hand can do. A nil one is not there: what needs it is
// skipped.
type Hands struct {
	Contact     haltest.Hand // holds an EMV chip card
	Contactless haltest.Hand // holds an EMV contactless card, or two: haltest.TwoCards
	Swiper      haltest.Swiper
	Finger      *haltest.Finger // its Area is set to the board's screen
	PINPad      haltest.PINHand
	OpenCase    func() // leaves the reader tampered with
	// Look announces what only a person can judge; it may be nil.
	Look func(what string)
}

// Person is a person who reads out, one "HAND: ..." line for each thing to do,
// and who has keys (none: nothing to press). Cards have to be moved by the time
// the suites wait at the most, three minutes for each.
func Person(out io.Writer, keys ...hal.Key) Hands {
	ask := func(what string) { fmt.Fprintf(out, "HAND: %s\n", what) }
	h := Hands{
		Contact:     mover{ask, "insert the chip card", "remove the chip card"},
		Contactless: mover{ask, "hold the contactless card to the reader", "take the contactless card away"},
		Swiper:      swiper{ask},
		PINPad:      pinHand{ask},
		Look:        func(what string) { fmt.Fprintf(out, "LOOK: %s\n", what) },
	}
	if len(keys) > 0 {
		h.Finger = &haltest.Finger{Keys: keys, Press: func(k hal.Key) { ask("press key " + k.String()) }}
	}
	return h
}

// AddTwoCards lets the person hold two contactless cards at once.
func (h *Hands) AddTwoCards(out io.Writer) {
	h.Contactless = twoCards{h.Contactless, func() { fmt.Fprintln(out, "HAND: hold two contactless cards to the reader") }}
}

// AddTouch lets the person touch the screen.
func (h *Hands) AddTouch(out io.Writer) {
	if h.Finger == nil {
		h.Finger = &haltest.Finger{}
	}
	h.Finger.Touch = func(at image.Point) { fmt.Fprintf(out, "HAND: touch the screen at %d,%d\n", at.X, at.Y) }
}

// AddOpenCase lets the person open the case.
func (h *Hands) AddOpenCase(out io.Writer) {
	h.OpenCase = func() { fmt.Fprintln(out, "HAND: open the case") }
}

type mover struct {
	ask        func(string)
	in, remove string
}

func (m mover) Insert() { m.ask(m.in) }
func (m mover) Remove() { m.ask(m.remove) }

type twoCards struct {
	haltest.Hand
	both func()
}

func (h twoCards) InsertBoth() { h.both() }

type swiper struct{ ask func(string) }

func (s swiper) Swipe() { s.ask("swipe the card") }

// pinHand is told what to do before the prompt is there.
type pinHand struct{ ask func(string) }

func (h pinHand) Enter(pin string) { h.ask("when the PIN pad asks, enter " + pin + " and press enter") }
func (h pinHand) Cancel()          { h.ask("when the PIN pad asks, press cancel") }
func (h pinHand) Bypass()          { h.ask("when the PIN pad asks, press enter without digits") }
func (h pinHand) Leave()           { h.ask("when the PIN pad asks, press nothing") }

// settled is how long an empty slot may take to be known as empty before the
// hand is asked to empty it.
const settled = 2 * time.Second

// empty gets a card out that is there before the suite begins. What goes wrong
// is for the suite to report.
func empty(ctx context.Context, wait func(context.Context) error, hand haltest.Hand) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The suite begins with the same call and reports its error.
		_ = wait(ctx)
	}()
	timer := time.NewTimer(settled)
	defer timer.Stop()
	select {
	case <-done:
		return
	case <-timer.C:
		hand.Remove()
	}
	<-done
}
