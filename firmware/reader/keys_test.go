package reader

import (
	"context"
	"errors"
	"image"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/display"
	"smartreader/emvkernel/emvtest"
	"smartreader/firmware/payment"
	"smartreader/firmware/platform"
	"smartreader/hal"
	"smartreader/hal/sim"
)

// counter is a reader at work on a card, of which only keys and screen run.
type counter struct {
	*testing.T
	r     *Reader
	board *sim.Board
	log   strings.Builder
	stop  context.CancelFunc
	ended chan error // of the keys

	mu      sync.Mutex
	unasked []hal.InputEvent
}

// atCounter must be called in a synctest bubble.
func atCounter(t *testing.T, change ...func(*hal.Board)) *counter {
	t.Helper()
	board, err := sim.Open(sim.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{T: t, board: board, ended: make(chan error, 1)}
	c.insert()
	for _, f := range change {
		f(board.HAL)
	}
	log := slog.New(slog.NewTextHandler(&c.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.r = &Reader{board: *board.HAL, log: log, config: &configuration{platform: &platform.Config{}}, opt: Options{AnswerTimeout: 30 * time.Second}}
	c.r.screen = newScreen(c.r.board, log)
	c.r.screen.face(payment.Face{Kind: payment.FaceProcessing, Amount: 1250, Currency: "usd"})
	c.r.keys = newKeypad(c.r.board.Input, log, func(_ context.Context, e hal.InputEvent) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.unasked = append(c.unasked, e)
	})
	ctx, stop := context.WithCancel(t.Context())
	c.stop = stop
	var parts sync.WaitGroup
	parts.Go(func() { _ = c.r.screen.run(ctx) })
	parts.Go(func() { c.ended <- c.r.keys.run(ctx) })
	t.Cleanup(func() { stop(); parts.Wait(); board.HAL.Close() })
	synctest.Wait()
	return c
}

// insert puts a card into the slot.
func (c *counter) insert() {
	c.Helper()
	profile, err := emvtest.Load("visa")
	if err != nil {
		c.Fatal(err)
	}
	if err := c.board.Tray.Insert("visa", emvtest.NewCard(profile, nil)); err != nil {
		c.Fatal(err)
	}
}

// press presses keys one after the other, each when the one before was dealt with.
func (c *counter) press(keys ...hal.Key) {
	c.Helper()
	for _, k := range keys {
		if !c.board.Keys.Press(k) {
			c.Errorf("nobody waited for %v", k)
		}
		synctest.Wait()
	}
}

func (c *counter) strays() []hal.InputEvent {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unasked
}

func (c *counter) sees() display.View { return c.r.screen.view(0, false) }

type chosen struct {
	index int
	err   error
	took  time.Duration
}

// question puts a question and returns when it can be answered.
func (c *counter) question(ctx context.Context, labels ...string) <-chan chosen {
	c.Helper()
	answer := make(chan chosen, 1)
	go func() {
		begun := time.Now()
		i, err := c.r.choose(ctx, payment.Choice{Labels: labels, Amount: 1250, Currency: "usd", Languages: "xxde"})
		answer <- chosen{i, err, time.Since(begun)}
	}()
	synctest.Wait()
	return answer
}

var apps = []string{"VISA DEBIT", "VISA CREDIT", "MASTERCARD"}

func many(n int) []string {
	var labels []string
	for i := range n {
		labels = append(labels, string(rune('A'+i)))
	}
	return labels
}

func TestKeysAnswerAQuestion(t *testing.T) {
	const none = -1 // no answer yet
	for name, test := range map[string]struct {
		labels []string
		keys   []hal.Key
		want   int
		err    error
	}{
		"a digit":                    {apps, []hal.Key{hal.Key2}, 1, nil},
		"the last digit":             {apps, []hal.Key{hal.Key3}, 2, nil},
		"a digit without an option":  {apps, []hal.Key{hal.Key4}, none, nil},
		"the best":                   {apps, []hal.Key{hal.KeyEnter}, 0, nil},
		"down":                       {apps, []hal.Key{hal.KeyDown, hal.KeyDown, hal.KeyEnter}, 2, nil},
		"down and up":                {apps, []hal.Key{hal.KeyDown, hal.KeyUp, hal.KeyEnter}, 0, nil},
		"not beyond the ends":        {apps, []hal.Key{hal.KeyUp, hal.KeyDown, hal.KeyDown, hal.KeyDown, hal.KeyEnter}, 2, nil},
		"moving takes nothing":       {apps, []hal.Key{hal.KeyDown, hal.KeyClear, hal.Key0}, none, nil},
		"cancel":                     {apps, []hal.Key{hal.KeyDown, hal.KeyCancel}, 0, payment.ErrCanceled},
		"the second page by digits":  {many(6), []hal.Key{hal.Key0, hal.Key2}, 5, nil},
		"the second page by arrows":  {many(6), []hal.Key{hal.KeyDown, hal.KeyDown, hal.KeyDown, hal.KeyDown, hal.Key2}, 5, nil},
		"what is not shown is not 5": {many(6), []hal.Key{hal.Key5}, none, nil},
		"the first page again":       {many(6), []hal.Key{hal.Key0, hal.Key0, hal.Key1}, 0, nil},
		"consent":                    {apps[:1], []hal.Key{hal.KeyEnter}, 0, nil},
		"no consent":                 {apps[:1], []hal.Key{hal.KeyCancel}, 0, payment.ErrCanceled},
		"a digit is no consent":      {apps[:1], []hal.Key{hal.Key1, hal.KeyDown, hal.Key0}, none, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := atCounter(t)
				ctx, stop := context.WithCancel(t.Context())
				answer := c.question(ctx, test.labels...)
				if v := c.sees(); v.Kind != display.Choose || len(v.Options) != len(test.labels) || v.Amount != 1250 || v.Currency != "usd" || v.Language != "de" {
					t.Fatalf("the screen shows %+v", v)
				}
				c.press(test.keys...)
				select {
				case got := <-answer:
					if test.want == none {
						t.Fatalf("answered %+v", got)
					}
					if !errors.Is(got.err, test.err) || got.err == nil && got.index != test.want {
						t.Errorf("answered %+v, want %d, %v", got, test.want, test.err)
					}
				default:
					if test.want != none {
						t.Error("no answer")
					}
				}
				stop()
				synctest.Wait()
				if v := c.sees(); v.Kind != display.Processing {
					t.Errorf("behind the question the screen shows %v", v.Kind)
				}
				if s := c.strays(); len(s) > 0 {
					t.Errorf("others got %v", s)
				}
			})
		})
	}
}

func TestTouchesAnswerAQuestion(t *testing.T) {
	for name, test := range map[string]struct {
		labels []string
		where  func(image.Point) bool // of the view
		want   int
		err    error
	}{
		"the second option": {apps, fieldIs(apps, display.OptionField, 1), 1, nil},
		"the only option":   {apps[:1], fieldIs(apps[:1], display.OptionField, 0), 0, nil},
		"none of them":      {apps, fieldIs(apps, display.CancelField, 0), 0, payment.ErrCanceled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := atCounter(t)
				answer := c.question(t.Context(), test.labels...)
				c.board.Keys.Touch(image.Pt(1, 1)) // beside everything
				synctest.Wait()
				if len(answer) > 0 {
					t.Fatal("a touch beside everything is an answer")
				}
				for x := 0; x < 480; x += 7 {
					for y := 0; y < 320; y += 7 {
						if len(answer) == 0 && test.where(image.Pt(x, y)) {
							c.board.Keys.Touch(image.Pt(x, y))
							synctest.Wait()
						}
					}
				}
				if got := <-answer; got.index != test.want || !errors.Is(got.err, test.err) {
					t.Errorf("got %+v", got)
				}
			})
		})
	}
}

func fieldIs(labels []string, field display.Field, option int) func(image.Point) bool {
	v := display.View{Kind: display.Choose, Options: labels}
	return func(at image.Point) bool {
		f, o := display.FieldAt(v, image.Pt(480, 320), at)
		return f == field && o == option
	}
}

func TestTouchTurnsThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := atCounter(t)
		answer := c.question(t.Context(), many(6)...)
		more := fieldIs(many(6), display.MoreField, 0)
		for at := image.Pt(0, 290); at.X < 480; at.X++ {
			if more(at) {
				c.board.Keys.Touch(at)
				break
			}
		}
		synctest.Wait()
		c.press(hal.Key1)
		if got := <-answer; got.index != 4 || got.err != nil {
			t.Errorf("got %+v, want the first of the second page", got)
		}
	})
}

// What was pressed before a question, or for the one before, is no answer to it.
func TestOldKeysNeverAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowScreen{shown: make(chan struct{})}
		c := atCounter(t, func(b *hal.Board) { slow.Screen, b.Screen = b.Screen, slow })
		c.press(hal.KeyEnter)
		slow.hold.Store(true)
		answer := c.question(t.Context(), apps...)
		c.press(hal.Key2) // not to be seen yet
		slow.hold.Store(false)
		close(slow.shown)
		synctest.Wait()
		if len(answer) > 0 || len(c.strays()) != 2 {
			t.Fatalf("answered by %v", c.strays())
		}
		// Two at once: the second is for the question that the first has answered.
		c.press(hal.Key3)
		c.board.Keys.Press(hal.Key1)
		if got := <-answer; got.index != 2 || got.err != nil {
			t.Errorf("got %+v", got)
		}
		answer = c.question(t.Context(), apps...)
		if len(answer) > 0 {
			t.Errorf("the next question was answered by itself: %+v", <-answer)
		}
		c.press(hal.Key2)
		if got := <-answer; got.index != 1 || got.err != nil {
			t.Errorf("the next: %+v", got)
		}
	})
}

// Fast fingers lose nothing, and what is left of one question is not the next one's.
func TestTypedAheadBelongsToItsQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := atCounter(t)
		first, err := c.r.keys.ask(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		c.press(hal.Key1, hal.Key2, hal.Key3)
		for _, want := range []hal.Key{hal.Key1, hal.Key2} {
			if e, err := first.Next(t.Context()); e.Key != want || err != nil {
				t.Errorf("got %v, %v, want %v", e.Key, err, want)
			}
		}
		for range 2 * typedAhead {
			c.press(hal.Key9)
		}
		first.close()
		if n := len(first.pressed); n > 0 {
			t.Errorf("%d keys are kept", n)
		}
		second, err := c.r.keys.ask(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer second.close()
		synctest.Wait()
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if e, err := second.Next(ctx); err == nil {
			t.Errorf("the next question got %v", e.Key)
		}
		if s := c.strays(); len(s) > 0 {
			t.Errorf("others got %v", s)
		}
	})
}

// slowScreen shows nothing while it is held.
type slowScreen struct {
	hal.Screen
	hold  atomic.Bool
	shown chan struct{}
}

func (s *slowScreen) Show(ctx context.Context, frame image.Image) error {
	if s.hold.Load() {
		<-s.shown
	}
	return s.Screen.Show(ctx, frame)
}

func TestAQuestionEnds(t *testing.T) {
	gone := errors.New("the POS canceled")
	for name, test := range map[string]struct {
		during func(c *counter, stop context.CancelCauseFunc)
		want   error
		after  time.Duration
	}{
		"without a key": {func(*counter, context.CancelCauseFunc) {}, payment.ErrTimedOut, 30 * time.Second},
		"half a minute after a key": {func(c *counter, _ context.CancelCauseFunc) {
			time.Sleep(20 * time.Second)
			c.press(hal.KeyDown)
		}, payment.ErrTimedOut, 50 * time.Second},
		"however many keys": {func(c *counter, _ context.CancelCauseFunc) {
			for range 5 {
				time.Sleep(11 * time.Second)
				c.press(hal.KeyDown)
			}
		}, payment.ErrTimedOut, time.Minute},
		"with the payment": {func(_ *counter, stop context.CancelCauseFunc) {
			time.Sleep(time.Second)
			stop(gone)
		}, gone, time.Second},
		"with the card": {func(c *counter, _ context.CancelCauseFunc) {
			time.Sleep(time.Second)
			if err := c.board.Tray.Remove(); err != nil {
				c.Error(err)
			}
		}, hal.ErrCardRemoved, time.Second + cardPeriod},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := atCounter(t)
				ctx, stop := context.WithCancelCause(t.Context())
				answer := c.question(ctx, apps...)
				test.during(c, stop)
				got := <-answer
				if !errors.Is(got.err, test.want) || got.took > test.after || got.took < test.after-cardPeriod {
					t.Errorf("got %+v, want %v after %v", got, test.want, test.after)
				}
				synctest.Wait()
				if v := c.sees(); v.Kind != display.Processing {
					t.Errorf("the screen shows %v", v.Kind)
				}
				before := len(c.strays())
				c.press(hal.KeyCancel)
				if s := c.strays(); len(s) != before+1 {
					t.Errorf("the cancel key behind the question: %v", s)
				}
			})
		})
	}
}

// Nobody consents to what cannot be read.
func TestAQuestionThatCannotBeShownIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := atCounter(t, func(b *hal.Board) { b.Screen = broken{} })
		got := <-c.question(t.Context(), apps[:1]...)
		if got.err == nil || errors.Is(got.err, payment.ErrTimedOut) || !errors.Is(got.err, hal.ErrNotFound) || got.took > 0 {
			t.Errorf("got %+v", got)
		}
		c.press(hal.KeyEnter)
		if len(c.strays()) != 1 {
			t.Error("the key went to the question")
		}
	})
}

func TestNobodyIsAskedWithoutKeysOrScreen(t *testing.T) {
	for name, change := range map[string]func(*hal.Board){
		"no keys": func(b *hal.Board) { b.Input = nil }, "no screen": func(b *hal.Board) { b.Screen = nil },
	} {
		board, err := sim.Open(sim.Options{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		if (&Reader{board: *board.HAL}).chooser() == nil {
			t.Error("with both nobody is asked")
		}
		change(board.HAL)
		if (&Reader{board: *board.HAL}).chooser() != nil {
			t.Errorf("%s: somebody is asked", name)
		}
		board.HAL.Close()
	}
}

// A keypad that is plugged in during a question answers it.
func TestKeypadIsPluggedInDuringAQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cable := &cable{}
		c := atCounter(t, func(b *hal.Board) { cable.Input, b.Input = b.Input, cable })
		cable.out.Store(true)
		c.board.Keys.Press(hal.KeyUp) // ends the call that waits
		answer := c.question(t.Context(), apps...)
		time.Sleep(4 * deviceRetry)
		cable.out.Store(false)
		time.Sleep(deviceRetry)
		synctest.Wait()
		c.press(hal.Key3)
		if got := <-answer; got.index != 2 || got.err != nil {
			t.Errorf("got %+v", got)
		}
		c.stop()
		if err := <-c.ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
		if n := strings.Count(c.log.String(), "level=WARN"); n != 1 {
			t.Errorf("%d warnings, want one:\n%s", n, c.log.String())
		}
	})
}

func TestKeysEndWithTheBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := atCounter(t)
		c.board.HAL.Close()
		if err := <-c.ended; !errors.Is(err, hal.ErrHalted) {
			t.Errorf("ended with %v", err)
		}
	})
}

// cable is a keypad that can be unplugged.
type cable struct {
	hal.Input
	out atomic.Bool
}

func (c *cable) Next(ctx context.Context) (hal.InputEvent, error) {
	if c.out.Load() {
		return hal.InputEvent{}, hal.ErrNotFound
	}
	return c.Input.Next(ctx)
}

// One goroutine at a time is in the board's Next, and every key has one owner.
func TestKeysHaveOneReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var only alone
		c := atCounter(t, func(b *hal.Board) { only.Input, b.Input = b.Input, &only })
		asked, pressed := 0, 0
		var asking sync.WaitGroup
		var mu sync.Mutex
		for range 4 {
			asking.Go(func() {
				for range 25 {
					keys, err := c.r.keys.ask(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					ctx, stop := context.WithTimeout(t.Context(), 5*time.Millisecond)
					if _, err := keys.Next(ctx); err == nil {
						mu.Lock()
						asked++
						mu.Unlock()
					}
					stop()
					keys.close()
				}
			})
		}
		done := make(chan struct{})
		go func() { asking.Wait(); close(done) }()
		for over := false; !over; {
			time.Sleep(3 * time.Millisecond)
			if c.board.Keys.Press(hal.Key5) {
				pressed++
			}
			select {
			case <-done:
				over = true
			default:
			}
		}
		synctest.Wait()
		if only.two.Load() {
			t.Error("two were in Next at once")
		}
		if asked == 0 || asked+len(c.strays()) > pressed {
			t.Errorf("%d keys answered, %d did not, %d were pressed", asked, len(c.strays()), pressed)
		}
	})
}

// alone notices a second reader.
type alone struct {
	hal.Input
	in  sync.Mutex
	two atomic.Bool
}

func (a *alone) Next(ctx context.Context) (hal.InputEvent, error) {
	if !a.in.TryLock() {
		a.two.Store(true)
		return a.Input.Next(ctx)
	}
	defer a.in.Unlock()
	return a.Input.Next(ctx)
}

// A key belongs to whom the call of Next was for that brought it, even where a
// driver is slow to end a call.
func TestLateKeysAreNobodyElses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := stubborn(make(chan hal.Key))
		c := atCounter(t, func(b *hal.Board) { b.Input = slow })
		question, err := c.r.keys.ask(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		slow <- hal.KeyEnter // of the call before the question
		synctest.Wait()
		if n, s := len(question.pressed), c.strays(); n != 0 || len(s) != 1 {
			t.Errorf("an old key: the question has %d, others %v", n, s)
		}
		question.close()
		slow <- hal.Key5 // of the question's call, which is over
		synctest.Wait()
		if n, s := len(question.pressed), c.strays(); n != 0 || len(s) != 1 {
			t.Errorf("a late key: the question has %d, others %v", n, s)
		}
		slow <- hal.KeyCancel
		synctest.Wait()
		if s := c.strays(); len(s) != 2 || s[1].Key != hal.KeyCancel {
			t.Errorf("behind the question others got %v", s)
		}
		c.stop()
		close(slow)
	})
}

// stubborn is a keypad whose calls end with a key only.
type stubborn chan hal.Key

func (s stubborn) Next(ctx context.Context) (hal.InputEvent, error) {
	key, on := <-s
	if !on {
		return hal.InputEvent{}, ctx.Err()
	}
	return hal.InputEvent{Key: key}, nil
}
