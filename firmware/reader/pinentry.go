package reader

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"smartreader/display"
	"smartreader/hal"
	"smartreader/hal/softpad"
)

// pinEntry is a PIN pad made of the reader's own keys and screen, for development
// boards. The digits are softpad's alone: here a key is only handed on, the screen
// learns how many there are, and nothing of either is logged.
type pinEntry struct {
	r   *Reader
	pad *softpad.Pad

	one     sync.Mutex // held by the call that runs
	keys    *answers   // of that call; nil until its prompt was seen
	entered int        // as shown
}

var _ hal.PINPad = (*pinEntry)(nil)

// pinPad is the board's PIN pad, or the software one in its place; nil: none. What
// becomes of the setting is told to POS among what the board does not have.
func (r *Reader) pinPad() hal.PINPad {
	if r.board.PINPad != nil || !r.opt.SoftwarePIN {
		return r.board.PINPad
	}
	keys, keeps := r.board.Keys.(hal.SecretKeeper)
	var lacks []string
	if r.board.Input == nil {
		lacks = append(lacks, "there are no keys"+r.whyMissing("keys"))
	}
	if r.board.Screen == nil {
		lacks = append(lacks, "there is no screen"+r.whyMissing("screen"))
	}
	if !keeps {
		lacks = append(lacks, "the key store keeps no secrets")
	}
	if len(lacks) > 0 {
		why := "softwarePinPad is on, but " + strings.Join(lacks, " and ")
		r.log.Warn("no PIN pad", "board", r.board.Name, "reason", why)
		r.noPINPad(why)
		return nil
	}
	r.noPINPad("keys and screen take its place (softwarePinPad), for tests and not for real PINs")
	e := &pinEntry{r: r}
	e.pad = softpad.New(keys, softpad.NewKeypad(pinKeys{e}, e.show))
	return e
}

// whyMissing is what the board says of a device it does not have, in brackets.
func (r *Reader) whyMissing(device string) string {
	for _, m := range r.board.Missing {
		if m.Device == device {
			return " (" + hal.AdviceOf(m.Err) + ")"
		}
	}
	return ""
}

// noPINPad says why there is none, instead of what the board says: it knows nothing
// of the setting. The board's own list is left alone.
func (r *Reader) noPINPad(why string) {
	const device = "PIN pad"
	others := slices.DeleteFunc(slices.Clone(r.board.Missing), func(m hal.Missing) bool { return m.Device == device })
	r.board.Missing = append(others, hal.Missing{Device: device, Err: hal.Advise(hal.ErrNotFound, "%s", why)})
}

// OnlineBlock implements hal.PINPad.
func (e *pinEntry) OnlineBlock(ctx context.Context, req hal.OnlinePIN) (b hal.PINBlock, err error) {
	err = e.call(ctx, func(ctx context.Context) (err error) {
		b, err = e.pad.OnlineBlock(ctx, req)
		return err
	})
	return b, err
}

// VerifyOffline implements hal.PINPad.
func (e *pinEntry) VerifyOffline(ctx context.Context, card hal.Card, req hal.OfflinePIN) (v hal.OfflineVerdict, err error) {
	err = e.call(ctx, func(ctx context.Context) (err error) {
		v, err = e.pad.VerifyOffline(ctx, card, req)
		return err
	})
	return v, err
}

// call is one entry. It ends when the card is taken out, and gives keys and screen
// back whatever becomes of it.
func (e *pinEntry) call(ctx context.Context, work func(context.Context) error) error {
	if err := e.allowed(); err != nil {
		return err
	}
	e.one.Lock()
	defer e.one.Unlock()
	ctx, stop := e.r.whileCardIsIn(ctx)
	defer stop()
	defer e.end()
	err := work(ctx)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, hal.ErrCardRemoved) {
		return fmt.Errorf("reader: PIN entry: %w", cause)
	}
	return err
}

func (e *pinEntry) end() {
	e.r.screen.ask(nil)
	if e.keys != nil {
		e.keys.close()
		e.keys = nil
	}
}

// allowed: whatever the platform says later, real PINs are not typed here.
func (e *pinEntry) allowed() error {
	if c := e.r.configured(); c == nil || c.platform.Livemode {
		return hal.Advise(hal.ErrUnsupported, "softwarePinPad is for test mode, a keypad on a general-purpose processor is no PIN entry device: connect a PIN pad")
	}
	return nil
}

// show implements the softpad's side of the screen. No key counts before the
// prompt was seen.
func (e *pinEntry) show(ctx context.Context, p hal.PINPrompt, entered int) error {
	view := display.View{
		Kind: display.EnterPIN, Language: e.r.screen.language(p.Language), Amount: p.Amount, Currency: p.Currency,
		Entered: entered, WrongPIN: p.WrongPINLast, LastTry: p.TriesLeft == 1, MayBypass: p.AllowBypass,
	}
	if e.keys != nil {
		if entered != e.entered {
			e.r.screen.tone(hal.ToneKey)
		}
		e.entered = entered
		e.r.screen.ask(&view)
		return nil
	}
	if err := e.r.screen.askSeen(ctx, view); err != nil {
		return unusable(ctx, err)
	}
	keys, err := e.r.keys.ask(ctx)
	if err != nil {
		return err
	}
	e.keys, e.entered = keys, entered
	return nil
}

// pinKeys are the keys of an entry, once it is shown.
type pinKeys struct{ e *pinEntry }

// Next implements hal.Input.
func (k pinKeys) Next(ctx context.Context) (hal.InputEvent, error) {
	event, err := k.e.keys.Next(ctx)
	return event, unusable(ctx, err)
}

// unusable: keys or a screen that fail are a PIN pad that is not there, and neither
// the card's fault nor a cardholder who walked away.
func unusable(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	return hal.Advise(fmt.Errorf("%w: %w", hal.ErrNotFound, err), "no PIN can be entered: %s", hal.AdviceOf(err))
}
