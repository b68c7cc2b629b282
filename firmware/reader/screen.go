package reader

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"smartreader/display"
	"smartreader/firmware/payment"
	"smartreader/hal"
)

// screen turns the state of the payment into pictures, lights and tones. Its
// methods only note what is to be seen; run does the showing, so that a slow
// screen never holds up a payment.
type screen struct {
	hal     hal.Screen  // nil: no screen
	signals hal.Signals // nil: no signals
	entries display.Entries
	log     *slog.Logger
	wake    chan struct{}

	mu        sync.Mutex
	now       payment.Face
	started   bool   // a first face arrived; until then notice is shown
	notice    string // why the reader is not ready
	shop      string
	slotFault error  // of the chip card reader, nil: none
	closed    string // why no payments are taken any more
	question  *question
	revision  int

	dark bool // the last picture could not be shown
}

// question is what the cardholder is asked, in the place of the payment's face.
type question struct {
	view display.View
	seen chan error // told once it was shown, or why it cannot be
}

func newScreen(board hal.Board, log *slog.Logger) *screen {
	s := &screen{hal: board.Screen, signals: board.Signals, log: log, wake: make(chan struct{}, 1)}
	if board.Contact != nil {
		s.entries |= display.Insert
	}
	return s
}

func (s *screen) change(f func()) {
	s.mu.Lock()
	f()
	s.revision++
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *screen) face(f payment.Face)  { s.change(func() { s.now, s.started = f, true }) }
func (s *screen) merchant(name string) { s.change(func() { s.shop = name }) }
func (s *screen) slot(fault error)     { s.change(func() { s.slotFault = fault }) }

// ask puts a question on the screen, or another view of it; nil: it is over.
func (s *screen) ask(v *display.View) (q *question) {
	if v != nil {
		q = &question{*v, make(chan error, 1)}
	}
	s.change(func() { s.question = q })
	return q
}

// askSeen puts a question on the screen and returns when it is there: nobody
// answers what cannot be read.
func (s *screen) askSeen(ctx context.Context, v display.View) error {
	select {
	case err := <-s.ask(&v).seen:
		if err != nil {
			return hal.Advise(err, "the screen does not work: %s", hal.AdviceOf(err))
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// outOfUse says that no payments are taken any more, once the outcome of the last
// one has been seen.
func (s *screen) outOfUse(why string) { s.change(func() { s.closed = why }) }

// outOfOrder says that the reader could not start, and why in few words. What a
// payment has shown since is left alone: it may be an outcome. Run must not be
// running.
func (s *screen) outOfOrder(ctx context.Context, why string) {
	s.change(func() { s.notice = why })
	if v := s.view(0, false); v.Kind == display.NotReady {
		_ = s.show(ctx, v) // logged; there is no other way to tell
	}
}

const (
	// outcomeTime is how long an outcome is seen before the cardholder is
	// reminded of the card.
	outcomeTime = 2500 * time.Millisecond
	reminder    = 3 * time.Second // between reminder tones
	turn        = 200 * time.Millisecond
)

func (s *screen) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	seen, since := -1, time.Now()
	var sounded payment.Face
	step, remind := 0, false
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.wake:
		case <-timer.C:
		}
		s.mu.Lock()
		face, revision, asked := s.now, s.revision, s.question
		s.mu.Unlock()
		if face != sounded {
			s.sound(face)
			if face.Kind != sounded.Kind {
				since = time.Now()
			}
			sounded = face
		}
		if revision != seen {
			seen, remind = revision, false
		}
		wait := time.Duration(-1)
		switch {
		case face.RemoveCard && time.Since(since) < outcomeTime:
			wait = outcomeTime - time.Since(since)
		case face.RemoveCard:
			remind, wait = true, reminder
			s.tone(hal.ToneRemove)
		case face.Kind == payment.FaceProcessing && asked == nil:
			step, wait = step+1, turn
		}
		err := s.show(ctx, s.view(step, remind))
		if asked != nil {
			select {
			case asked.seen <- err:
			default:
			}
		}
		timer.Stop()
		if wait >= 0 {
			timer.Reset(wait)
		}
	}
}

func (s *screen) show(ctx context.Context, v display.View) error {
	if s.hal == nil {
		return nil
	}
	frame := display.Render(v, s.hal.Bounds().Size())
	err := s.hal.Show(ctx, frame)
	if ctx.Err() != nil {
		return err
	}
	if err != nil && !s.dark { // once: there are five pictures a second
		s.log.Warn("screen", "err", err)
	}
	s.dark = err != nil
	return err
}

// view is the picture of the moment.
func (s *screen) view(step int, remind bool) display.View {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := display.View{
		Language: language(s.now.Languages), Merchant: s.shop, Amount: s.now.Amount, Currency: s.now.Currency,
		Entries: s.entries, Step: step,
	}
	if !s.started {
		v.Kind = display.Starting
		if s.notice != "" {
			v.Kind, v.Message = display.NotReady, s.notice
		}
		return v
	}
	if s.question != nil {
		v = s.question.view
		v.Merchant = s.shop
		return v
	}
	if remind {
		v.Kind = display.RemoveCard
		return v
	}
	switch s.now.Kind {
	case payment.FaceIdle, payment.FaceCanceled:
		v.Kind = display.Idle
		switch {
		case s.closed != "":
			v.Kind, v.Message = display.NotReady, s.closed
		case errors.Is(s.slotFault, hal.ErrNotFound):
			v.Kind, v.Message = display.NotReady, "Chip card reader not found. Plug it in."
		case s.slotFault != nil:
			v.Kind, v.Message = display.NotReady, "Chip card reader does not work."
		}
	case payment.FacePresentCard:
		v.Kind = display.PresentCard
	case payment.FaceProcessing:
		v.Kind, v.KeepCard = display.Processing, true
	case payment.FaceApproved:
		v.Kind, v.IssuerApproved = display.Accepted, true
	case payment.FaceAccepted:
		v.Kind = display.Accepted
	case payment.FaceDeclined, payment.FaceNotAccepted:
		v.Kind = display.Declined
	case payment.FaceTryAgain:
		v.Kind = display.TryAgain
	case payment.FaceError:
		v.Kind = display.Error
	}
	return v
}

// language is the cardholder's first choice: 5F2D holds up to four ISO 639
// codes of two letters, most wanted first (EMV Book 4, "Language Selection").
func language(preference string) string {
	for ; len(preference) >= 2; preference = preference[2:] {
		if display.HasLanguage(preference[:2]) {
			return preference[:2]
		}
	}
	return "en"
}

func (s *screen) sound(f payment.Face) {
	if s.signals == nil {
		return
	}
	lights := byte(0)
	switch f.Kind {
	case payment.FaceApproved, payment.FaceAccepted:
		lights = hal.AllLEDs
		if f.RemoveCard {
			s.tone(hal.ToneSuccess)
		}
	case payment.FaceDeclined, payment.FaceNotAccepted, payment.FaceTryAgain, payment.FaceError:
		if f.RemoveCard {
			s.tone(hal.ToneAlert)
		}
	case payment.FacePresentCard:
		lights = hal.LED1
	}
	if err := s.signals.LEDs(lights); err != nil {
		s.log.Warn("lights", "err", err)
	}
}

func (s *screen) tone(t hal.Tone) {
	if s.signals == nil {
		return
	}
	if err := s.signals.Tone(t); err != nil {
		s.log.Warn("beeper", "err", err)
	}
}
