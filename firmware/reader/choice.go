package reader

import (
	"context"
	"image"
	"sync"
	"time"

	"smartreader/display"
	"smartreader/firmware/payment"
	"smartreader/hal"
)

const (
	choiceTime = time.Minute     // a question is given up then, whatever is pressed
	cardPeriod = time.Second / 4 // between looks whether the card is still in
)

// chooser is how the cardholder is asked about the card's applications; nil where
// nobody can be asked.
func (r *Reader) chooser() func(context.Context, payment.Choice) (int, error) {
	if s := r.opt.Simulator; s != nil {
		return func(_ context.Context, c payment.Choice) (int, error) { return s.ChooseApplication(c.Labels), nil }
	}
	if r.board.Input == nil || r.board.Screen == nil {
		return nil
	}
	return r.choose
}

// choose implements payment.Options.Choose. Keys count once the question is seen.
//
// The cancel key declines here even where the POS forbids to cancel collecting:
// that forbids to walk away from a payment, but to a question about consent there
// must be a no. Taking the card out is a no as well.
func (r *Reader) choose(ctx context.Context, c payment.Choice) (int, error) {
	view := display.View{
		Kind: display.Choose, Language: r.screen.language(c.Languages), Amount: c.Amount, Currency: c.Currency, Options: c.Labels,
	}
	ctx, stop := r.whileCardIsIn(ctx)
	defer stop()
	defer r.screen.ask(nil)
	if err := r.screen.askSeen(ctx, view); err != nil {
		return 0, err
	}
	keys, err := r.keys.ask(ctx)
	if err != nil {
		return 0, context.Cause(ctx)
	}
	defer keys.close()
	ctx, end := context.WithTimeoutCause(ctx, choiceTime, payment.ErrTimedOut)
	defer end()
	for size := r.board.Screen.Bounds().Size(); ; {
		event, err := nextKey(ctx, keys, r.opt.AnswerTimeout)
		if err != nil {
			return 0, err
		}
		r.screen.tone(hal.ToneKey)
		taken, err := press(&view, size, event)
		if taken || err != nil {
			return view.Selected, err
		}
		r.screen.ask(&view)
	}
}

// nextKey waits for an answer, and for keys that answer; its error is why there is
// none.
func nextKey(ctx context.Context, keys hal.Input, timeout time.Duration) (hal.InputEvent, error) {
	ctx, stop := context.WithTimeoutCause(ctx, timeout, payment.ErrTimedOut)
	defer stop()
	for {
		event, err := keys.Next(ctx)
		switch {
		case err == nil:
			return event, nil
		case ctx.Err() != nil:
			return hal.InputEvent{}, context.Cause(ctx)
		}
	}
}

// press is what one key or touch does to a question: it changes what is marked,
// takes that, or declines.
func press(v *display.View, size image.Point, event hal.InputEvent) (taken bool, err error) {
	first, n := display.Shown(*v, size)
	last := len(v.Options) - 1
	turn := func() { // to the next page, from the last to the first
		if v.Selected = first + n; v.Selected > last {
			v.Selected = 0
		}
	}
	switch key := event.Key; {
	case key == 0:
		switch field, option := display.FieldAt(*v, size, event.At); field {
		case display.OptionField:
			v.Selected = option
			return true, nil
		case display.MoreField:
			turn()
		case display.CancelField:
			return false, payment.ErrCanceled
		}
	case key == hal.KeyEnter:
		return true, nil
	case key == hal.KeyCancel:
		return false, payment.ErrCanceled
	case key == hal.KeyUp:
		v.Selected = max(v.Selected-1, 0)
	case key == hal.KeyDown:
		v.Selected = min(v.Selected+1, last)
	case key == hal.Key0:
		turn()
	// One option alone has no number: the digit was meant for something else.
	case key >= hal.Key1 && key <= hal.Key9 && last > 0:
		if i := int(key - hal.Key1); i < n {
			v.Selected = first + i
			return true, nil
		}
	}
	return false, nil
}

// whileCardIsIn is a context that ends, with hal.ErrCardRemoved as its cause, when
// the card is taken out. Stop waits until nobody looks after the card any more.
func (r *Reader) whileCardIsIn(ctx context.Context) (in context.Context, stop func()) {
	in, end := context.WithCancelCause(ctx)
	if r.board.Contact == nil {
		return in, func() { end(nil) }
	}
	var watch sync.WaitGroup
	watch.Go(func() {
		for pause(in, cardPeriod) == nil {
			// A look is not broken off when the question is over: it may stand between
			// the reader and the next command to the card. A slot that cannot tell is
			// for that command to find out.
			if present, err := r.board.Contact.Present(ctx); err == nil && !present {
				end(hal.ErrCardRemoved)
			}
		}
	})
	return in, func() {
		end(nil)
		watch.Wait()
	}
}
