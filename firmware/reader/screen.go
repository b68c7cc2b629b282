package reader

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
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
	hal         hal.Screen // nil: no screen
	lights      *lights
	contactless bool            // the board can read a card that is tapped
	entries     display.Entries // of faces that do not say what is open
	log         *slog.Logger
	wake        chan struct{}

	mu        sync.Mutex
	faces     faces         // until the first one, notice is shown
	shown     chan struct{} // closed and renewed when a face is seen for the first time
	notice    string        // why the reader is not ready
	languages []string      // that are spoken here, the reader's own first
	shop      string
	slotFault error  // of the chip card reader, nil: none
	closed    string // why no payments are taken any more
	question  *question

	dark bool // the last picture could not be shown
}

// question is what the cardholder is asked, in the place of the payment's face.
type question struct {
	view display.View
	seen chan error // told once it was shown, or why it cannot be
}

func newScreen(board hal.Board, log *slog.Logger) *screen {
	s := &screen{
		hal: board.Screen, lights: newLights(board.Signals, log), contactless: board.Contactless != nil, log: log,
		wake: make(chan struct{}, 1), shown: make(chan struct{}), languages: display.Languages(),
	}
	switch {
	case board.Contact != nil:
		s.entries = display.Insert
	case board.Contactless != nil:
		s.entries = display.Tap
	}
	return s
}

func (s *screen) change(f func()) {
	s.mu.Lock()
	f()
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// face is the payment's next face.
func (s *screen) face(f payment.Face) {
	s.change(func() {
		if s.faces.add(f) {
			s.lights.play(sceneRead, hal.ToneSuccess)
		}
	})
}

// speak sets the languages that are spoken here, the reader's own first, by their
// codes of ISO 639. Those without texts are left out; without any all texts count.
func (s *screen) speak(codes []string) {
	codes = slices.DeleteFunc(slices.Clone(codes), func(code string) bool { return !display.HasLanguage(code) })
	if len(codes) == 0 {
		codes = display.Languages()
	}
	s.change(func() { s.languages = codes })
}

func (s *screen) merchant(name string) { s.change(func() { s.shop = name }) }
func (s *screen) slot(fault error)     { s.change(func() { s.slotFault = fault }) }

// ask puts a question on the screen, or another view of it; nil: it is over.
func (s *screen) ask(v *display.View) (q *question) {
	if v != nil {
		q = &question{*v, make(chan error, 1)}
	}
	s.change(func() {
		if s.question = q; q != nil {
			s.faces.asked()
		}
	})
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
	reminder    = 3 * time.Second        // between reminder tones
	wheelTurn   = 200 * time.Millisecond // between pictures of the wheel
	leaveTime   = time.Second            // to show a last picture
)

// run shows what is to be seen, and plays the lights, until the context ends.
func (s *screen) run(ctx context.Context) error {
	var others sync.WaitGroup
	defer others.Wait()
	light, darken := context.WithCancel(context.WithoutCancel(ctx)) // they outlast the last picture
	defer darken()
	others.Go(func() { s.lights.run(light) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	var c course
	for {
		select {
		case <-ctx.Done():
			s.leave(ctx)
			return ctx.Err()
		case <-s.wake:
		case <-timer.C:
		}
		p, asked, view, wait := s.next(&c)
		err := s.show(ctx, view)
		if asked != nil {
			select {
			case asked.seen <- err:
			default:
			}
		} else if left, next := s.saw(p); next && (wait < 0 || left < wait) {
			wait = left
		}
		timer.Stop()
		if wait >= 0 {
			timer.Reset(wait)
		}
	}
}

// course is what run remembers from one picture to the next.
type course struct {
	step int // of the wheel
	of   *picture
	lit  scene // what the lights were told of it
	card removal
}

// next goes on to the picture of the moment and begins its lights and tone. It returns
// the view of it, and after what time to look again; negative: not by itself. A
// question takes its place: the payment needs the answer. What nobody has seen then, and
// is not out of date, is seen afterwards.
func (s *screen) next(c *course) (p *picture, asked *question, v display.View, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	asked = s.question
	if asked == nil {
		s.faces.advance(now)
	}
	if p = s.faces.now; p == nil {
		return nil, asked, s.picture(c.step, false), -1
	}
	remind, again, wait := c.card.turn(p, now)
	if again {
		s.lights.ring(hal.ToneRemove)
	}
	if asked != nil {
		return p, asked, s.picture(c.step, remind), wait
	}
	if p.face.Kind == payment.FaceProcessing {
		c.step, wait = c.step+1, wheelTurn
	}
	v = s.picture(c.step, remind)
	var tone hal.Tone
	if !p.sounded {
		tone = toneOf(p.face.Kind)
		p.sounded = tone != 0
	}
	lit := sceneOf(*p, v, s.contactless)
	if !p.early && (p != c.of || lit != c.lit || tone != 0) {
		s.lights.play(lit, tone)
	}
	c.of, c.lit = p, lit
	return p, nil, v, wait
}

// saw notes that a picture is on the screen. It returns how long that still has to
// stay, if another one waits.
func (s *screen) saw(p *picture) (left time.Duration, next bool) {
	if p == nil {
		return 0, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if p.seen.IsZero() {
		p.seen = now
		close(s.shown)
		s.shown = make(chan struct{})
	}
	return p.left(now), len(s.faces.waiting) > 0
}

// seen waits until the newest face is on the screen, or ctx ends.
func (s *screen) seen(ctx context.Context) {
	for {
		s.mu.Lock()
		done := s.faces.now != nil && !s.faces.now.seen.IsZero() && len(s.faces.waiting) == 0
		shown := s.shown
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-shown:
		case <-ctx.Done():
			return
		}
	}
}

// leave shows the newest outcome if nobody has seen it yet. What waits behind it is of
// no use any more.
func (s *screen) leave(ctx context.Context) {
	s.mu.Lock()
	unseen := s.faces.last()
	s.question = nil
	s.mu.Unlock()
	if !unseen {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	p, _, v, _ := s.next(&course{})
	_ = s.show(ctx, v) // logged; there is no other way to tell
	s.saw(p)
}

// removal reminds of a card that must be taken out, again and again.
type removal struct {
	of   *picture
	next time.Time
}

// turn tells whether the cardholder is reminded now, whether with a tone, and after
// what time to look again; negative: not by itself.
func (r *removal) turn(p *picture, now time.Time) (remind, tone bool, wait time.Duration) {
	if !p.face.RemoveCard {
		return false, false, -1
	}
	if p.seen.IsZero() {
		return false, false, outcomeTime
	}
	if since := now.Sub(p.seen); since < outcomeTime {
		return false, false, outcomeTime - since
	}
	if r.of != p || !now.Before(r.next) {
		r.of, r.next, tone = p, now.Add(reminder), true
	}
	return true, tone, r.next.Sub(now)
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

// view is what is to be seen at the moment.
func (s *screen) view(step int, remind bool) display.View {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faces.advance(time.Now())
	return s.picture(step, remind)
}

// picture is view for who holds mu.
func (s *screen) picture(step int, remind bool) display.View {
	var f payment.Face
	if s.faces.now != nil {
		f = s.faces.now.face
	}
	v := display.View{
		Language: spoken(f.Languages, s.languages), Merchant: s.shop, Amount: f.Amount, Currency: f.Currency,
		Entries: entriesOf(f.Entries), Step: step,
	}
	if v.Entries == 0 {
		v.Entries = s.entries
	}
	if s.question != nil {
		v = s.question.view
		v.Merchant = s.shop
		return v
	}
	if s.faces.now == nil {
		v.Kind = display.Starting
		if s.notice != "" {
			v.Kind, v.Message = display.NotReady, s.notice
		}
		return v
	}
	if remind {
		v.Kind = display.RemoveCard
		return v
	}
	switch f.Kind {
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
		v.Kind, v.KeepCard = display.Processing, !f.Tapped
	case payment.FaceCardRead:
		v.Kind = display.CardRead
	case payment.FaceApproved:
		v.Kind, v.IssuerApproved = display.Accepted, true
	case payment.FaceAccepted:
		v.Kind = display.Accepted
	case payment.FaceDeclined, payment.FaceNotAccepted:
		v.Kind = display.Declined
	case payment.FaceTryAgain:
		v.Kind = display.TryAgain
	case payment.FaceOneCard:
		v.Kind = display.OneCard
	case payment.FaceTapAgain:
		v.Kind = display.TapAgain
	case payment.FaceSeePhone:
		v.Kind = display.SeePhone
	case payment.FaceInsertCard:
		v.Kind = display.InsertCard
	default: // FaceError, and what is not known here
		v.Kind = display.Error
	}
	return v
}

// entriesOf are the ways of a payment as the display has them.
func entriesOf(open payment.Entries) (e display.Entries) {
	for from, to := range map[payment.Entries]display.Entries{
		payment.EntryInsert: display.Insert, payment.EntryTap: display.Tap, payment.EntrySwipe: display.Swipe,
	} {
		if open&from != 0 {
			e |= to
		}
	}
	return e
}

// language is the cardholder's first choice of those the reader speaks; see spoken.
func (s *screen) language(preference string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return spoken(preference, s.languages)
}

// spoken is the cardholder's first choice of those that are spoken here, else the
// first of them: 5F2D holds up to four ISO 639 codes of two letters, most wanted
// first, which a card may write in capitals (EMV Book 4, "Language Selection").
func spoken(preference string, here []string) string {
	for ; len(preference) >= 2; preference = preference[2:] {
		if code := strings.ToLower(preference[:2]); slices.Contains(here, code) {
			return code
		}
	}
	return here[0]
}

// tone starts a tone at once.
func (s *screen) tone(t hal.Tone) { s.lights.sound(t) }
