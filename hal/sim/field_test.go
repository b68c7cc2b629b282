package sim_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/hal"
	"smartreader/hal/haltest"
	"smartreader/hal/sim"
)

// TestWholeTapInTheField: cards in a field need no answer to reset.
func TestWholeTapInTheField(t *testing.T) {
	f := open(t).Field
	if err := f.Tap("test", &haltest.TestCard{}); err != nil {
		t.Fatal(err)
	}
	for range 30 {
		card, err := f.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(card.ATR()) != 0 {
			t.Errorf("ATR % X", card.ATR())
		}
		if tap, err := haltest.ReadCard(t.Context(), card); err != nil || tap.Ended != "" {
			t.Fatalf("%+v, %v", tap, err)
		}
		if err := f.FieldOff(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCardsInTheFieldHaveNames(t *testing.T) {
	f := open(t).Field
	want := func(want ...string) {
		t.Helper()
		if got := f.Held(); !slices.Equal(got, want) {
			t.Errorf("%q in the field, want %q", got, want)
		}
	}
	alone := func(want error) {
		t.Helper()
		if _, err := f.Activate(t.Context()); !errors.Is(err, want) {
			t.Errorf("Activate: got %v, want %v", err, want)
		}
	}
	want()
	if err := f.TakeOne("visa"); !errors.Is(err, sim.ErrEmpty) {
		t.Errorf("one of none: %v", err)
	}
	for _, name := range []string{"visa", "mastercard", "door"} {
		if err := f.Tap(name, newChip()); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Tap("nothing", nil); err == nil {
		t.Error("no chip was held there")
	}
	want("visa", "mastercard", "door")
	alone(hal.ErrCollision)
	for _, step := range []struct {
		take  string
		err   error
		leave []string
		alone error
	}{
		{"amex", sim.ErrEmpty, []string{"visa", "mastercard", "door"}, hal.ErrCollision},
		{"mastercard", nil, []string{"visa", "door"}, hal.ErrCollision},
		{"visa", nil, []string{"door"}, nil},
		{"visa", sim.ErrEmpty, []string{"door"}, nil},
	} {
		if err := f.TakeOne(step.take); !errors.Is(err, step.err) {
			t.Errorf("taking %s: %v, want %v", step.take, err, step.err)
		}
		want(step.leave...)
		alone(step.alone)
	}
	if err := f.TakeOne("door"); err != nil {
		t.Error(err)
	}
	want()
	if err := f.Take(); !errors.Is(err, sim.ErrEmpty) {
		t.Errorf("none is left: %v", err)
	}
}

// TestTheOtherCardIsAnother: when the first of two cards leaves in the middle of
// an exchange, that is over, and the second is not taken for it.
func TestTheOtherCardIsAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t).Field
		first, second := &haltest.TestCard{Delay: time.Second}, &haltest.TestCard{}
		f.Tap("first", first)
		card, err := f.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f.Tap("second", second)
		time.AfterFunc(500*time.Millisecond, func() { f.TakeOne("first") })
		for range 2 {
			if _, err := card.Transceive(t.Context(), []byte{0x80, 0xE0, 0, 0, 1, 7}); !errors.Is(err, hal.ErrCardRemoved) {
				t.Errorf("got %v, want hal.ErrCardRemoved", err)
			}
		}
		if n := second.Commands(); n != 0 {
			t.Errorf("the second card was asked %d times", n)
		}
		if card, err = f.Activate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := card.Transceive(t.Context(), []byte{0x80, 0xE0, 0, 0, 1, 7}); err != nil || second.Commands() != 1 {
			t.Errorf("%v, the second card was asked %d times", err, second.Commands())
		}
	})
}

// measured is a test card that says how long its answers took.
type measured struct {
	*haltest.TestCard
	took time.Duration
	ok   bool
}

func (m *measured) TransceiveTimed(ctx context.Context, command []byte) ([]byte, time.Duration, bool, error) {
	answer, err := m.Exchange(ctx, command)
	return answer, m.took, m.ok, err
}

func TestTimedCards(t *testing.T) {
	b := open(t)
	chip := &measured{&haltest.TestCard{}, 300 * time.Microsecond, true}
	b.Field.Tap("timed", chip)
	card, err := b.Field.Activate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	timed, is := card.(hal.TimedCard)
	if !is {
		t.Fatal("the card of a TimedChip is no hal.TimedCard")
	}
	echo := []byte{0x80, 0xE0, 0, 0, 1, 7, 0}
	if answer, took, ok, err := timed.TransceiveTimed(t.Context(), echo); string(answer) != "\x07\x90\x00" || took != chip.took || !ok || err != nil {
		t.Errorf("% X, %v, %v, %v", answer, took, ok, err)
	}
	chip.ok = false // and nothing may be made of the time
	if answer, took, ok, err := timed.TransceiveTimed(t.Context(), echo); len(answer) != 3 || took != 0 || ok || err != nil {
		t.Errorf("not known: % X, %v, %v, %v", answer, took, ok, err)
	}
	if answer, err := timed.Transceive(t.Context(), echo); len(answer) != 3 || err != nil {
		t.Errorf("without a time: % X, %v", answer, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, _, err := timed.TransceiveTimed(ctx, echo); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	b.Field.Take()
	chip.ok = true
	if answer, took, ok, err := timed.TransceiveTimed(t.Context(), echo); answer != nil || took != 0 || ok || !errors.Is(err, hal.ErrCardRemoved) {
		t.Errorf("taken away: % X, %v, %v, %v", answer, took, ok, err)
	}

	b.Field.Tap("untimed", &haltest.TestCard{})
	if card, err = b.Field.Activate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, is := card.(hal.TimedCard); is {
		t.Error("a card whose times are not known is a hal.TimedCard")
	}
	b.Tray.Insert("timed", &inSlot{chip})
	if card, err = b.Tray.Activate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, is := card.(hal.TimedCard); is {
		t.Error("a card in a slot is a hal.TimedCard: there is no air in it")
	}
}

// inSlot has what slots ask for.
type inSlot struct{ *measured }

func (inSlot) ATR() []byte { return []byte{0x3B, 0x00} }

// TestContactWins: waiting for a tap ends when a card is inserted; the field is
// off then, and a card that is held there is activated at once by the next tap.
func TestContactWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := open(t).Field
		ctx, inserted := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, inserted)
		if _, err := f.Activate(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Activate: %v", err)
		}
		f.Tap("card", &haltest.TestCard{})
		card, err := f.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Activate(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Activate: %v", err)
		}
		if _, err := card.Transceive(t.Context(), []byte{0x80, 0xE0, 0, 0, 1, 7}); !errors.Is(err, hal.ErrHalted) {
			t.Errorf("the card before: got %v, want hal.ErrHalted", err)
		}
	})
}

// TestTheOtherCardIsThereAllTheTime: while one of two cards is taken away, nobody
// who waits for an empty field sees one.
func TestTheOtherCardIsThereAllTheTime(t *testing.T) {
	f := open(t).Field
	f.Tap("0", newChip())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer cancel()
	for range 4 {
		waiting.Go(func() {
			if err := f.WaitRemoval(ctx); err == nil {
				t.Error("WaitRemoval with a card there: got nil")
			}
		})
	}
	for n := range 20000 {
		f.Tap(strconv.Itoa(n+1), newChip())
		if err := f.TakeOne(strconv.Itoa(n)); err != nil {
			t.Fatal(err)
		}
	}
}
