package entry_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
)

// What the cardholder is asked for, and what the antenna does, until one card is there.
func TestProtocolActivation(t *testing.T) {
	const found = `
		on
		ui 16/03
		> PPSE
		> A0000000031010
		kernel 3 at A
		off`
	tests := []struct {
		name  string
		cards []any
		want  string
	}{
		{"a card", []any{plain(visa)}, `
			ui 15/02 1250` + found},
		{"two cards, both taken away, one of them again", []any{entry.ErrCollision, plain(visa)}, `
			ui 15/02 1250
			on: entry: more than one card in the field
			ui 19/07
			off
			removed
			ui 19/02
			hold 200ms` + found},
		{"two cards twice", []any{entry.ErrCollision, entry.ErrCollision, plain(visa)}, `
			ui 15/02 1250
			on: entry: more than one card in the field
			ui 19/07
			off
			removed
			ui 19/02
			hold 200ms
			on: entry: more than one card in the field
			ui 19/07
			off
			removed
			ui 19/02
			hold 200ms` + found},
		{"unreadable for a while, told once", []any{entry.ErrUnreadable, entry.ErrUnreadable, plain(visa)}, `
			ui 15/02 1250
			on: entry: a card that cannot be activated
			ui 21/02
			off
			hold 200ms
			on: entry: a card that cannot be activated
			off
			hold 200ms` + found},
		{"unreadable, then two", []any{entry.ErrUnreadable, entry.ErrCollision, entry.ErrUnreadable, plain(visa)}, `
			ui 15/02 1250
			on: entry: a card that cannot be activated
			ui 21/02
			off
			hold 200ms
			on: entry: more than one card in the field
			ui 19/07
			off
			removed
			ui 19/02
			hold 200ms
			on: entry: a card that cannot be activated
			ui 21/02
			off
			hold 200ms` + found},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t, tt.cards...)
			if out := s.run(t); out.Kind != tap.Declined {
				t.Errorf("%+v", out)
			}
			s.expect(t, tt.want)
		})
	}
}

// What ends the wait for a card reaches the caller, and the field is off.
func TestActivationEnds(t *testing.T) {
	inserted, broken := errors.New("a card was inserted"), errors.New("no antenna")
	tests := []struct {
		name  string
		setup func(*shop)
		want  error
	}{
		{"the caller's own reason", func(s *shop) { s.cards = []any{inserted} }, inserted},
		{"the end of time", func(*shop) {}, context.DeadlineExceeded},
		{"while cards are removed", func(s *shop) { s.cards, s.removal = []any{entry.ErrCollision}, inserted }, inserted},
		{"while the field is off", func(s *shop) { s.cards, s.hold = []any{entry.ErrUnreadable}, context.Canceled }, context.Canceled},
		{"an antenna that cannot be switched off", func(s *shop) { s.cards, s.dead = []any{entry.ErrUnreadable}, broken }, broken},
		{"the same after a collision", func(s *shop) { s.cards, s.dead = []any{entry.ErrCollision}, broken }, broken},
		{"the same at the end", func(s *shop) { s.cards, s.dead = []any{plain(visa)}, broken }, broken},
		{"the same with a lost card", func(s *shop) { s.cards, s.dead = []any{&card{answers: map[string][]string{ppse: {"gone"}}}}, broken }, broken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t)
			tt.setup(s)
			out, err := s.begin(t).Run(t.Context())
			if !errors.Is(err, tt.want) || out.Kind != tap.NoOutcome || out.Reading != nil {
				t.Fatalf("%+v, %v", out, err)
			}
			if !strings.HasPrefix(err.Error(), "entry: ") {
				t.Errorf("%v: nobody knows who says so", err)
			}
			if s.powered() {
				t.Errorf("the field is on:\n%s", strings.Join(s.journal, "\n"))
			}
			if text := strings.Join(s.journal, "\n"); s.dead == nil && strings.Count(text, "off") != 1 {
				t.Errorf("switched off more than once:\n%s", text)
			}
		})
	}
}

// blocked is an antenna nobody holds a card to.
type blocked struct{ bench }

func (b *blocked) Activate(ctx context.Context) (emvkernel.Transceiver, error) {
	<-ctx.Done()
	return nil, entry.ErrUnreadable // a driver that does not know why it was interrupted
}

// The end of the context ends the wait whatever the driver calls it.
func TestActivationEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		env := entry.Environment{Field: &blocked{}}
		tx, err := entry.New(s.cfg, s.p, env)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		out, err := tx.Run(ctx)
		if err == nil || out.Kind != tap.NoOutcome || time.Since(start) != time.Minute {
			t.Errorf("%+v, %v after %v", out, err, time.Since(start))
		}
	})
}

// Without a Hold of the caller's a timer keeps the field off, and ends with the context.
func TestHold(t *testing.T) {
	seePhone := tap.Outcome{Kind: tap.TryAgain, FieldOff: 1300 * time.Millisecond}
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, plain(visa), plain(visa))
		s.k3.outcomes = []any{seePhone, s.k3.outcomes[0]}
		env := s.environment()
		env.Hold = nil
		tx, err := entry.New(s.cfg, s.p, env)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if out, err := tx.Run(t.Context()); err != nil || out.Kind != tap.Declined {
			t.Fatalf("%+v, %v", out, err)
		}
		if took := time.Since(start); took != 1300*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t, plain(visa), plain(visa))
		s.k3.outcomes = []any{seePhone}
		env := s.environment()
		env.Hold = nil
		tx, err := entry.New(s.cfg, s.p, env)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if out, err := tx.Run(ctx); !errors.Is(err, context.DeadlineExceeded) || out.Kind != tap.NoOutcome {
			t.Fatalf("%+v, %v", out, err)
		}
	})
}

// A card that is lost while it is selected is asked for again, from the directory on, as often as it takes.
func TestLostDuringSelection(t *testing.T) {
	lost := func(answers map[string][]string) *card { return &card{answers: answers} }
	listing := directory(listed(visa))
	s := newShop(t,
		lost(map[string][]string{ppse: {"gone"}}),
		lost(map[string][]string{ppse: {"90"}}),                      // shorter than a status word
		lost(map[string][]string{ppse: {strings.Repeat("00", 259)}}), // longer than any answer
		lost(map[string][]string{ppse: {listing}, visa: {"gone"}}),   // the application
		lost(map[string][]string{ppse: {listing}, visa: {""}}),       // nothing at all
		plain(visa))
	if out := s.run(t); out.Kind != tap.Declined {
		t.Errorf("%+v", out)
	}
	again := `
		off
		hold 200ms
		ui 21/02
		on
		ui 16/03
		> PPSE`
	s.expect(t, `
		ui 15/02 1250
		on
		ui 16/03
		> PPSE`+again+again+again+`
		> A0000000031010`+again+`
		> A0000000031010`+again+`
		> A0000000031010
		kernel 3 at B
		off`)
	if s.k3.given[0].Again {
		t.Error("no kernel saw the card before: this is no second try")
	}
}

// While a card is lost the context can end.
func TestLostAtTheEnd(t *testing.T) {
	s := newShop(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.cards = []any{&card{answers: map[string][]string{ppse: {"gone"}}}}
	env := s.environment()
	env.Trace = func(c emvkernel.Transceiver) emvkernel.Transceiver { cancel(); return c }
	tx, err := entry.New(s.cfg, s.p, env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := strings.Join(s.journal, " "); strings.Contains(got, "hold") || s.powered() {
		t.Errorf("%s", got)
	}
}
