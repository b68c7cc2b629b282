package haltest_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"image"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/hal"
	"smartreader/hal/haltest"
	"smartreader/hal/sim"
)

// recorder is a test that only notes what was found: how it is said, and said of
// what.
type recorder struct {
	*testing.T
	found []string
}

// end is what Fatalf leaves a suite with.
type end struct{}

func (r *recorder) Helper()             {}
func (r *recorder) Logf(string, ...any) {}
func (r *recorder) Errorf(format string, args ...any) {
	r.found = append(r.found, format+"\n"+fmt.Sprintf(format, args...))
}
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(end{})
}

// findings runs a suite and returns what it found.
func findings(t *testing.T, suite func(haltest.T)) (found []string) {
	r := &recorder{T: t}
	defer func() {
		if p := recover(); p != nil && p != any(end{}) {
			panic(p)
		}
		found = r.found
	}()
	suite(r)
	return nil
}

// Every way of being bad, one at a time, of a reader that is otherwise good.
func TestSuitesNoticeBadDevices(t *testing.T) {
	for name, c := range map[string]struct {
		suite func(t haltest.T, b *sim.Board)
		want  string // part of a finding
	}{
		"slot sees a card that is not there":   {contact(func(s *slot) { s.always = true }), "Present"},
		"slot ends its waits by itself":        {contact(func(s *slot) { s.hasty = true }), "%s: got"},
		"slot does not look at the context":    {contact(func(s *slot) { s.deaf = true }), "%s with a cancelled"},
		"slot is slow to give up":              {contact(func(s *slot) { s.slow = true }), "after its context"},
		"slot does not close the card before":  {contact(func(s *slot) { s.card.lively = true }), "activated again since"},
		"slot lets a closed card live":         {contact(func(s *slot) { s.card.unclosed = true }), "on a closed card"},
		"slot says mute instead of removed":    {contact(func(s *slot) { s.card.mute = true }), "taken out"},
		"slot shares the answer":               {contact(func(s *slot) { s.card.shared = true }), "changed the first response"},
		"slot shares the ATR":                  {contact(func(s *slot) { s.card.sharedATR = true }), "ATR returns the same"},
		"slot changes the command":             {contact(func(s *slot) { s.card.scribble = true }), "changed the command"},
		"slot drops the status word":           {contact(func(s *slot) { s.card.short = true }), "with its status word"},
		"field sees a card that is not there":  {contactless(func(f *field) { f.eager = true }), "%s: got"},
		"field stays on":                       {contactless(func(f *field) { f.on = true }), "after FieldOff"},
		"field chooses one of two cards":       {contactless(func(f *field) { f.greedy = true }), "with two cards"},
		"field lets a closed card live":        {contactless(func(f *field) { f.card.unclosed = true }), "on a closed card"},
		"field says mute instead of removed":   {contactless(func(f *field) { f.card.mute = true }), "being taken away"},
		"field cuts long answers":              {contactless(func(f *field) { f.card.brief = true }), "arrived changed"},
		"field cuts long commands":             {contactless(func(f *field) { f.card.curt = true }), "came back changed"},
		"field does not reset the card":        {contactless(func(f *field) { f.sticky = true }), "with nothing selected"},
		"field leaves a card when it fails":    {contactless(func(f *field) { f.lax = true }), "after an Activate that failed"},
		"field tires of taps":                  {contactless(func(f *field) { f.tires = true }), "with a card that stayed"},
		"field waits and closes the card":      {contactless(func(f *field) { f.rash = true }), "want an answer"},
		"field never gets over a collision":    {contactless(func(f *field) { f.shy = true }), "one of two cards"},
		"field hands out another card":         {contactless(func(f *field) { f.fickle = true }), "another one than before"},
		"timed card has another answer":        {contactless(func(f *field) { f.times = &stopwatch{answer: "\x69\x85"} }), "another status word"},
		"timed card takes no time":             {contactless(func(f *field) { f.times = &stopwatch{ok: true} }), "the answer took"},
		"timed card counts in other units":     {contactless(func(f *field) { f.times = &stopwatch{ok: true, times: 1000} }), "the answer took"},
		"timed card knows what it does not":    {contactless(func(f *field) { f.times = &stopwatch{times: 1} }), "not known"},
		"timed card changes the command":       {contactless(func(f *field) { f.times = &stopwatch{ok: true, times: 1, scribble: true} }), "changed the command"},
		"timed card does not see the context":  {contactless(func(f *field) { f.times = &stopwatch{ok: true, times: 1, deaf: true} }), "%s with a cancelled"},
		"timed card fails":                     {contactless(func(f *field) { f.times = &stopwatch{fails: true} }), "TransceiveTimed: got"},
		"timed card outlives its end":          {contactless(func(f *field) { f.times = &stopwatch{ok: true, times: 1, undead: true} }), "TransceiveTimed on a closed card"},
		"head leaves the sentinels":            {swipe(head{track: ";4000000000000002=3012201?"}), "between the sentinels"},
		"head leaves the check character":      {swipe(head{track: "4000000000000002=3012201:"}), "between the sentinels"},
		"head returns nothing":                 {swipe(head{}), "got no track and no error"},
		"head uses its memory again":           {swipe(head{track: "4000000000000002=3012201", shared: true}), "wiped the next"},
		"screen takes any size":                {screen(func(s *glass) { s.any = true }), "Show of %s"},
		"screen does not start at zero":        {screen(func(s *glass) { s.moved = true }), "Bounds: got"},
		"screen does not look at the context":  {screen(func(s *glass) { s.deaf = true }), "%s with a cancelled"},
		"screen keeps to one kind of image":    {screen(func(s *glass) { s.picky = true }), "Show of %s"},
		"keys have each other's names":         {input(keypad{swapped: true}), "pressing %v: got %s"},
		"keys are queued":                      {input(keypad{queued: true}), "nobody waited"},
		"touches are turned around":            {input(keypad{mirrored: true}), "touching %v: got %s"},
		"lights are broken":                    {signals(lamp{broken: true}), "LEDs(%04b)"},
		"tones are waited for":                 {signals(lamp{slow: true}), "as long as they sound"},
		"tamper cries wolf":                    {tamper(alarm{wolf: true}), "%s: got"},
		"tamper forgets":                       {tamper(alarm{forgets: true}), "that was opened"},
		"tamper has no words":                  {tamper(alarm{wordless: true}), "the case being opened"},
		"watchdog does not answer":             {watchdog(dog{stuck: true}), "still waiting"},
		"watchdog is broken":                   {watchdog(dog{}), "Kick: got"},
		"key store knows every name":           {keyStore(func(k *keys) { k.lax = true }), "Create(%q)"},
		"key store has one key for all":        {keyStore(func(k *keys) { k.same = true }), "the same key"},
		"key store comes back after erasure":   {keyStore(func(k *keys) { k.undead = true }), "erased store"},
		"board does not end a call in flight":  {closing(func(b *hal.Board) { b.Input = sleeper{} }), "the call in flight"},
		"board never ends a call in flight":    {closing(func(b *hal.Board) { b.Input = stone{} }), "the call in flight is still"},
		"board works on after it was closed":   {closing(func(b *hal.Board) { b.Signals = lamp{} }), "a call after Close"},
		"board that is closed before its time": {closing(func(b *hal.Board) { b.Tamper = alarm{wolf: true} }), "before it was closed"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := open(t)
				found := findings(t, func(t haltest.T) { c.suite(t, b) })
				time.Sleep(2 * hang) // what hangs gets to its end
				if !strings.Contains(strings.Join(found, "\n"), c.want) {
					t.Errorf("found %q, want %q", found, c.want)
				}
			})
		})
	}
}

func open(t *testing.T) *sim.Board {
	t.Helper()
	b, err := sim.Open(sim.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.HAL.Close() })
	return b
}

type chip struct{}

func (chip) ATR() []byte                                      { return []byte{0x3B, 0x00} }
func (chip) Reset()                                           {}
func (chip) Exchange(context.Context, []byte) ([]byte, error) { return []byte{0x6A, 0x82}, nil }

// badCard is a card with one flaw, the flaws of its reader.
type badCard struct {
	hal.Card
	flaws  *flaws
	closed bool
}

type flaws struct{ lively, unclosed, mute, shared, sharedATR, scribble, short, brief, curt bool }

func (c *badCard) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	if c.flaws.curt && len(command) > 200 {
		command = append(bytes.Clone(command[:200]), make([]byte, len(command)-200)...)
	}
	answer, err := c.Card.Transceive(ctx, command)
	switch f := c.flaws; {
	case errors.Is(err, hal.ErrHalted) && (f.lively && !c.closed || f.unclosed && c.closed):
		return []byte{0x90, 0x00}, nil
	case errors.Is(err, hal.ErrCardRemoved) && f.mute:
		return nil, hal.ErrMute
	case err != nil:
		return nil, err
	case f.shared:
		sharedAnswer[1]++
		return sharedAnswer, nil
	case f.scribble:
		clear(command)
	case f.short:
		return answer[:1], nil
	case f.brief && len(answer) > 252:
		return answer[len(answer)-252:], nil
	}
	return answer, nil
}

var sharedAnswer = []byte{0x90, 0x00}

func (c *badCard) ATR() []byte {
	if c.flaws.sharedATR {
		return sharedAnswer
	}
	return c.Card.ATR()
}

func (c *badCard) Close() error {
	c.closed = true
	return c.Card.Close()
}

type slot struct {
	hal.ContactReader
	card                      flaws
	always, hasty, deaf, slow bool
}

func (s *slot) Present(ctx context.Context) (bool, error) {
	if s.deaf {
		ctx = context.WithoutCancel(ctx)
	}
	here, err := s.ContactReader.Present(ctx)
	return here || s.always, err
}

func (s *slot) Activate(ctx context.Context) (hal.Card, error) {
	if s.hasty {
		return nil, errors.New("busy")
	}
	card, err := s.ContactReader.Activate(ctx)
	if s.slow && ctx.Err() != nil {
		time.Sleep(10 * time.Second) // an exchange on the wire, not interrupted
	}
	if err != nil {
		return nil, err
	}
	return &badCard{Card: card, flaws: &s.card}, nil
}

func contact(spoil func(*slot)) func(haltest.T, *sim.Board) {
	return func(t haltest.T, b *sim.Board) {
		s := &slot{ContactReader: b.HAL.Contact}
		spoil(s)
		haltest.ContactReader(t, s, hand{
			func() { b.Tray.Insert("card", chip{}) },
			func() { b.Tray.Remove() },
			nil,
		})
	}
}

type field struct {
	hal.ContactlessReader
	board             *sim.Board
	card              flaws
	eager, on, greedy bool

	sticky, lax, tires, rash, shy, fickle bool
	times                                 *stopwatch // nil: cards are not timed

	taps    int
	crowded bool
}

func (f *field) Activate(ctx context.Context) (hal.Card, error) {
	if f.eager {
		return nil, hal.ErrMute
	}
	if f.lax && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	card, err := f.ContactlessReader.Activate(ctx)
	f.crowded = f.crowded || errors.Is(err, hal.ErrCollision)
	f.taps++
	switch {
	case errors.Is(err, hal.ErrCollision) && f.greedy:
		return nil, nil
	case f.crowded && f.shy:
		return nil, hal.ErrCollision
	case f.tires && f.taps > 20:
		return nil, hal.ErrMute
	case err != nil:
		return nil, err
	case f.sticky:
		if _, err := haltest.ReadCard(ctx, card); err != nil {
			return nil, err
		}
	case f.fickle && f.taps > 4:
		f.board.Field.Take()
		f.board.Field.Tap("other", chip{})
		card, err = f.ContactlessReader.Activate(ctx)
		if err != nil {
			return nil, err
		}
	}
	bad := &badCard{Card: card, flaws: &f.card}
	if f.times != nil {
		return timedCard{bad, f.times}, nil
	}
	return bad, nil
}

// stopwatch measures the times of a timed card, well or badly.
type stopwatch struct {
	ok     bool
	times  int    // what it makes of the true time
	answer string // instead of the card's

	scribble, deaf, fails, undead bool
}

type timedCard struct {
	*badCard
	*stopwatch
}

func (c timedCard) TransceiveTimed(ctx context.Context, command []byte) ([]byte, time.Duration, bool, error) {
	switch {
	case c.fails:
		return nil, 0, false, hal.ErrMute
	case c.deaf && ctx.Err() != nil, c.undead && c.closed:
		return []byte{0x90, 0x00}, 0, false, nil
	}
	answer, err := c.Transceive(ctx, command)
	if err != nil {
		return nil, 0, false, err
	}
	time.Sleep(time.Millisecond) // of the bubble
	if c.scribble {
		clear(command)
	}
	if c.answer != "" {
		answer = []byte(c.answer)
	}
	return answer, time.Duration(c.times) * time.Millisecond, c.ok, nil
}

func (f *field) WaitRemoval(ctx context.Context) error {
	err := f.ContactlessReader.WaitRemoval(ctx)
	if f.rash && err != nil {
		return errors.Join(err, f.ContactlessReader.FieldOff())
	}
	return err
}

func (f *field) FieldOff() error {
	if f.on {
		return nil
	}
	return f.ContactlessReader.FieldOff()
}

func contactless(spoil func(*field)) func(haltest.T, *sim.Board) {
	return func(t haltest.T, b *sim.Board) {
		f := &field{ContactlessReader: b.HAL.Contactless, board: b}
		spoil(f)
		tap := func() { b.Field.Tap("card", &haltest.TestCard{}) }
		haltest.ContactlessReader(t, f, hands{hand{tap, func() { b.Field.Take() }, func() { tap(); tap() }}, func() { b.Field.TakeOne("card") }})
	}
}

// hands can take one of two cards away.
type hands struct {
	hand
	removeOne func()
}

func (h hands) RemoveOne() { h.removeOne() }

type hand struct{ insert, remove, both func() }

func (h hand) Insert()     { h.insert() }
func (h hand) Remove()     { h.remove() }
func (h hand) InsertBoth() { h.both() }

// head returns the same track for every swipe.
type head struct {
	track  string
	shared bool
	*sim.Head
}

func (h head) Read(ctx context.Context) (hal.Tracks, error) {
	tracks, err := h.Head.Read(ctx)
	if errors.Is(err, hal.ErrMute) {
		err = nil
	}
	return tracks, err
}

func swipe(h head) func(haltest.T, *sim.Board) {
	track := hal.NewSecret([]byte(h.track))
	return func(t haltest.T, b *sim.Board) {
		h.Head = b.Head
		haltest.SwipeReader(t, h, swiper(func() {
			if !h.shared {
				track = hal.NewSecret([]byte(h.track))
			}
			b.Head.Swipe(hal.Tracks{Two: track})
		}))
	}
}

type swiper func()

func (s swiper) Swipe() { s() }

type glass struct {
	hal.Screen
	any, moved, deaf, picky bool
}

func (g *glass) Bounds() image.Rectangle {
	if g.moved {
		return g.Screen.Bounds().Add(image.Pt(1, 0))
	}
	return g.Screen.Bounds()
}

func (g *glass) Show(ctx context.Context, frame image.Image) error {
	if g.deaf {
		ctx = context.WithoutCancel(ctx)
	}
	if _, rgba := frame.(*image.RGBA); g.picky && !rgba {
		return hal.ErrUnsupported
	}
	err := g.Screen.Show(ctx, frame)
	if g.any && errors.Is(err, hal.ErrUnsupported) {
		return nil
	}
	return err
}

func screen(spoil func(*glass)) func(haltest.T, *sim.Board) {
	return func(t haltest.T, b *sim.Board) {
		g := &glass{Screen: b.HAL.Screen}
		spoil(g)
		haltest.Screen(t, g)
	}
}

type keypad struct {
	*sim.Keys
	swapped, mirrored, queued bool
	queue                     chan hal.InputEvent
	size                      image.Point
}

func (k keypad) Next(ctx context.Context) (hal.InputEvent, error) {
	if k.queued {
		select {
		case e := <-k.queue:
			return e, nil
		case <-ctx.Done():
			return hal.InputEvent{}, ctx.Err()
		}
	}
	e, err := k.Keys.Next(ctx)
	switch {
	case e.Key != 0 && k.swapped:
		e.Key++
	case e.Key == 0 && k.mirrored:
		e.At.X = k.size.X - e.At.X
	}
	return e, err
}

func input(k keypad) func(haltest.T, *sim.Board) {
	return func(t haltest.T, b *sim.Board) {
		k.Keys, k.size = b.Keys, b.Screen.Bounds().Max
		press := func(key hal.Key) { b.Keys.Press(key) }
		if k.queued {
			k.queue = make(chan hal.InputEvent, 9)
			press = func(key hal.Key) { k.queue <- hal.InputEvent{Key: key} }
		}
		haltest.Input(t, k, haltest.Finger{
			Keys: []hal.Key{hal.Key5, hal.KeyEnter}, Press: press,
			Area: b.Screen.Bounds(), Touch: func(at image.Point) { b.Keys.Touch(at) },
		})
	}
}

type lamp struct{ broken, slow bool }

func (l lamp) LEDs(byte) error {
	if l.broken {
		return errors.New("no light")
	}
	return nil
}

func (l lamp) Tone(tone hal.Tone) error {
	if l.slow {
		for _, beep := range tone.Beeps() {
			time.Sleep(beep.Length)
		}
	}
	return nil
}

func signals(l lamp) func(haltest.T, *sim.Board) {
	return func(t haltest.T, _ *sim.Board) { haltest.Signals(t, l) }
}

type alarm struct {
	wolf, forgets, wordless bool
	*sim.Tamper
	rung chan struct{}
}

func (a alarm) Watch(ctx context.Context) (string, error) {
	if a.wolf {
		return "case open", nil
	}
	select {
	case <-a.rung:
		return "", hal.ErrUnsupported
	default:
	}
	reason, err := a.Tamper.Watch(ctx)
	if err == nil && a.forgets {
		close(a.rung)
	}
	if a.wordless {
		reason = ""
	}
	return reason, err
}

func tamper(a alarm) func(haltest.T, *sim.Board) {
	return func(t haltest.T, b *sim.Board) {
		a.Tamper, a.rung = b.Tamper, make(chan struct{})
		haltest.Tamper(t, a, func() { b.Tamper.Trigger("case open") })
	}
}

// hang is how long a device hangs that hangs.
const hang = time.Hour

type dog struct{ stuck bool }

func (d dog) Kick() error {
	if d.stuck {
		time.Sleep(hang)
	}
	return errors.New("no dog")
}

func watchdog(d dog) func(haltest.T, *sim.Board) {
	return func(t haltest.T, _ *sim.Board) { haltest.Watchdog(t, d) }
}

type keys struct {
	hal.KeyStore
	lax, same, undead bool
}

func (k *keys) Create(ctx context.Context, name string) (crypto.Signer, error) {
	if k.lax && !strings.Contains(name, "-") && name != "identity" {
		return nil, nil
	}
	if k.same && name != "identity" {
		return k.Key(ctx, "identity")
	}
	return k.KeyStore.Create(ctx, name)
}

func (k *keys) Key(ctx context.Context, name string) (crypto.Signer, error) {
	key, err := k.KeyStore.Key(ctx, name)
	if k.undead && errors.Is(err, hal.ErrErased) {
		return nil, nil
	}
	return key, err
}

func keyStore(spoil func(*keys)) func(haltest.T, *sim.Board) {
	return func(t haltest.T, b *sim.Board) {
		k := &keys{KeyStore: b.HAL.Keys}
		spoil(k)
		haltest.KeyStore(t, func() hal.KeyStore { return k })
	}
}

// sleeper waits for its context and nothing else.
type sleeper struct{}

func (sleeper) Next(ctx context.Context) (hal.InputEvent, error) {
	<-ctx.Done()
	return hal.InputEvent{}, ctx.Err()
}

// stone does not even look at its context.
type stone struct{}

func (stone) Next(context.Context) (hal.InputEvent, error) {
	time.Sleep(hang)
	return hal.InputEvent{}, nil
}

func closing(spoil func(*hal.Board)) func(haltest.T, *sim.Board) {
	return func(t haltest.T, b *sim.Board) {
		spoil(b.HAL)
		haltest.Closing(t, b.HAL, b.HAL.Close)
	}
}

// A person does what was asked for a while after it was asked. That is no fault
// of the device.
func TestSuitesWaitForAHand(t *testing.T) {
	const reaction = 100 * time.Millisecond
	for name, suite := range map[string]func(haltest.T, *sim.Board){
		"keys": func(t haltest.T, b *sim.Board) {
			haltest.Input(t, b.HAL.Input, haltest.Finger{Keys: []hal.Key{hal.Key5, hal.KeyEnter}, Press: func(key hal.Key) {
				time.AfterFunc(reaction, func() { b.Keys.Press(key) })
			}})
		},
		"two cards, one after the other": func(t haltest.T, b *sim.Board) {
			tap := func() { b.Field.Tap("card", chip{}) }
			later := func(do func()) { time.AfterFunc(reaction, do) }
			haltest.ContactlessReader(t, b.HAL.Contactless, hand{
				func() { later(tap) }, func() { later(func() { b.Field.Take() }) },
				func() { later(tap); time.AfterFunc(20*time.Second, tap) },
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := open(t)
				if found := findings(t, func(t haltest.T) { suite(t, b) }); len(found) > 0 {
					t.Errorf("found %q", found)
				}
			})
		})
	}
}

// Hardware that measures is not found fault with, nor where it sometimes cannot.
func TestTimedCardsConform(t *testing.T) {
	for _, watch := range []stopwatch{{ok: true, times: 1}, {ok: false}} {
		synctest.Test(t, func(t *testing.T) {
			b := open(t)
			if found := findings(t, func(t haltest.T) { contactless(func(f *field) { f.times = &watch })(t, b) }); len(found) > 0 {
				t.Errorf("found %q", found)
			}
		})
	}
}

// A failing suite must not show what a card says, or what is on its stripe.
func TestFindingsShowNoCardData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &spoken{recorder: recorder{T: t}}
		b := open(t)
		swipe(head{track: ";4000000000000002=3012201?"})(r, b)
		if r.text.Len() == 0 || strings.Contains(r.text.String(), "4000000000000002") {
			t.Errorf("found %q", r.text.String())
		}
	})
}

// spoken is a recorder of whole texts.
type spoken struct {
	recorder
	text strings.Builder
}

func (s *spoken) Errorf(format string, args ...any) { fmt.Fprintf(&s.text, format+"\n", args...) }
