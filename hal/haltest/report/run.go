package report

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"smartreader/hal"
	"smartreader/hal/haltest"
)

// Options of a run.
type Options struct {
	// Only names the devices to check, by the names of Devices; all if empty.
	// A device that is named and absent is a failure.
	Only  []string
	Hands Hands
	// Keys opens an empty key store of the board's kind, always the same one.
	// It is erased. Nil: key stores are not checked.
	Keys func() hal.KeyStore
	// Part says that the board is a part of one, to try a driver: it needs no
	// name, no serial number and no keys.
	Part bool
	// Close closes the board at the end and checks that everything lets go. For
	// a Run after that the board must be opened anew.
	Close bool
	// Progress is told of every check as it ends. It may be nil.
	Progress func(Check)
}

// device is a kind of device: its name here, and in hal.Missing.
type device struct {
	name, missing string
	of            func(*hal.Board) any
	suite         func(*run) (suite func(haltest.T), whyNot string)
}

// devices in the order they are checked: what needs nobody comes first.
var devices = []device{
	{"keys", "key store", func(b *hal.Board) any { return b.Keys }, (*run).keys},
	{"watchdog", "watchdog", func(b *hal.Board) any { return b.Watchdog }, (*run).watchdog},
	{"tamper", "tamper switch", func(b *hal.Board) any { return b.Tamper }, (*run).tamper},
	{"screen", "screen", func(b *hal.Board) any { return b.Screen }, (*run).screen},
	{"signals", "lights and beeper", func(b *hal.Board) any { return b.Signals }, (*run).signals},
	{"contact", "chip card reader", func(b *hal.Board) any { return b.Contact }, (*run).contact},
	{"contactless", "contactless reader", func(b *hal.Board) any { return b.Contactless }, (*run).contactless},
	{"swipe", "magnetic stripe reader", func(b *hal.Board) any { return b.Swipe }, (*run).swipe},
	{"input", "keys", func(b *hal.Board) any { return b.Input }, (*run).input},
	{"pinpad", "PIN pad", func(b *hal.Board) any { return b.PINPad }, (*run).pinPad},
}

// Devices returns the names that Options.Only may hold.
func Devices() []string {
	var names []string
	for _, d := range devices {
		names = append(names, d.name)
	}
	return names
}

type run struct {
	board  *hal.Board
	opt    Options
	report *Report
}

// Run checks the devices of a board. It kicks the board's watchdog all the
// while; after it somebody else must, or the board be closed. The error is the
// context's, or about the options; what is wrong with the board is in the
// report.
func Run(ctx context.Context, b *hal.Board, opt Options) (*Report, error) {
	for _, name := range opt.Only {
		if !slices.Contains(Devices(), name) {
			return nil, fmt.Errorf("report: there is no kind of device %q; there are %s", name, strings.Join(Devices(), ", "))
		}
	}
	if opt.Progress == nil {
		opt.Progress = func(Check) {}
	}
	guarded := *b
	if b.Watchdog != nil {
		guarded.Watchdog = &sharedWatchdog{b.Watchdog, make(chan struct{}, 1)}
	}
	r := &run{board: &guarded, opt: opt, report: &Report{Board: b.Name, Serial: b.Serial, Checks: []Check{}}}
	stop := keepKicking(guarded.Watchdog)
	if !opt.Part {
		r.check(ctx, "board", r.wiring)
	}
	for _, d := range devices {
		if len(opt.Only) == 0 || slices.Contains(opt.Only, d.name) {
			r.device(ctx, d)
		}
	}
	stop()
	if opt.Close && b.Close != nil {
		r.check(ctx, "board", func(t haltest.T) { haltest.Closing(t, b, b.Close) })
	}
	if err := ctx.Err(); err != nil {
		return r.report, fmt.Errorf("report: %w", err)
	}
	return r.report, nil
}

func (r *run) device(ctx context.Context, d device) {
	i := slices.IndexFunc(r.board.Missing, func(m hal.Missing) bool { return m.Device == d.missing })
	part := d.of(r.board)
	switch {
	case part == nil && i < 0:
		r.add(Check{Device: d.name, Check: "present", Verdict: Fail,
			Detail: []string{fmt.Sprintf("got no device and no entry %q in Missing, want one of them", d.missing)},
			Remedy: "hal.Board.Missing says for every nil device what was looked for and what can be done"})
	case part == nil:
		r.absent(d, r.board.Missing[i].Err)
	default:
		suite, whyNot := d.suite(r)
		if err := unplugged(ctx, part); err != nil {
			r.absent(d, err)
		} else if suite == nil {
			r.add(Check{Device: d.name, Check: "suite", Verdict: Skipped, Detail: []string{whyNot}})
		} else {
			r.check(ctx, d.name, suite)
		}
	}
}

// absent reports a device that is not there. Who names it wants it there.
func (r *run) absent(d device, why error) {
	c := Check{Device: d.name, Check: "present", Verdict: Absent, Detail: []string{hal.AdviceOf(why)}}
	if slices.Contains(r.opt.Only, d.name) {
		c.Verdict, c.Remedy = Fail, "plug the device in, or change the settings that say where it is"
	}
	r.add(c)
}

// unplugged returns what a device says that is not plugged in, else nil: other
// errors are for its suite to report.
func unplugged(ctx context.Context, device any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var err error
	switch d := device.(type) {
	case hal.ContactReader:
		_, err = d.Present(ctx)
	case hal.ContactlessReader:
		err = d.WaitRemoval(ctx)
	case hal.SwipeReader:
		var tracks hal.Tracks
		tracks, err = d.Read(ctx)
		tracks.Wipe()
	case hal.Input:
		_, err = d.Next(ctx)
	}
	if errors.Is(err, hal.ErrNotFound) {
		return err
	}
	return nil
}

func (r *run) check(ctx context.Context, device string, suite func(haltest.T)) {
	if ctx.Err() == nil { // a report of an interrupted run ends where it was
		record(ctx, device, r.add, suite)
	}
}

func (r *run) add(c Check) {
	r.report.Checks = append(r.report.Checks, c)
	r.opt.Progress(c)
}

var serialForm = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

// wiring checks the board itself.
func (r *run) wiring(t haltest.T) {
	b := r.board
	t.(haltest.Checker).Check("board is complete", "compare with the comments of hal.Board")
	if b.Name == "" || b.Keys == nil {
		t.Errorf("Name is %q, Keys is %T; want a name and a key store", b.Name, b.Keys)
	}
	if !serialForm.MatchString(b.Serial) {
		t.Errorf("Serial is %q, want letters, digits and '-'", b.Serial)
	}
	for _, m := range b.Missing {
		if m.Device == "" || !errors.Is(m.Err, hal.ErrNotFound) && !errors.Is(m.Err, hal.ErrUnsupported) {
			t.Errorf("Missing has %q: %v, want a device and an error that matches hal.ErrNotFound or hal.ErrUnsupported", m.Device, m.Err)
		}
	}
}

func (r *run) look(what string) {
	if r.opt.Hands.Look != nil {
		r.opt.Hands.Look(what)
	}
}

const noHand = "nobody is there to do what must be done by hand"

func (r *run) keys() (func(haltest.T), string) {
	if r.opt.Keys == nil {
		return nil, "the check erases the key store; a store of its own kind must be given for that"
	}
	return func(t haltest.T) { haltest.KeyStore(t, r.opt.Keys) }, ""
}

func (r *run) watchdog() (func(haltest.T), string) {
	return func(t haltest.T) { haltest.Watchdog(t, r.board.Watchdog) }, ""
}

func (r *run) tamper() (func(haltest.T), string) {
	return func(t haltest.T) { haltest.Tamper(t, r.board.Tamper, r.opt.Hands.OpenCase) }, ""
}

func (r *run) screen() (func(haltest.T), string) {
	return func(t haltest.T) {
		haltest.Screen(t, r.board.Screen)
		r.look("the screen has a white frame at its very edge, inside it bars: red, green, blue, black to white")
	}, ""
}

func (r *run) signals() (func(haltest.T), string) {
	return func(t haltest.T) {
		r.look("lights go on one by one from left to right, then together; tones: key, success, alert, remove")
		haltest.Signals(t, r.board.Signals)
	}, ""
}

func (r *run) contact() (func(haltest.T), string) {
	hand := r.opt.Hands.Contact
	if hand == nil {
		return nil, noHand
	}
	return func(t haltest.T) {
		empty(t.Context(), r.board.Contact.WaitRemoval, hand)
		haltest.ContactReader(t, r.board.Contact, hand)
	}, ""
}

func (r *run) contactless() (func(haltest.T), string) {
	hand := r.opt.Hands.Contactless
	if hand == nil {
		return nil, noHand
	}
	return func(t haltest.T) {
		empty(t.Context(), r.board.Contactless.WaitRemoval, hand)
		haltest.ContactlessReader(t, r.board.Contactless, hand)
	}, ""
}

func (r *run) swipe() (func(haltest.T), string) {
	if r.opt.Hands.Swiper == nil {
		return nil, noHand
	}
	return func(t haltest.T) { haltest.SwipeReader(t, r.board.Swipe, r.opt.Hands.Swiper) }, ""
}

func (r *run) input() (func(haltest.T), string) {
	if r.opt.Hands.Finger == nil {
		return nil, noHand
	}
	finger := *r.opt.Hands.Finger
	if finger.Touch != nil && r.board.Screen == nil {
		finger.Touch = nil // touches are told in pixels of the screen
	}
	if r.board.Screen != nil {
		finger.Area = r.board.Screen.Bounds()
	}
	return func(t haltest.T) { haltest.Input(t, r.board.Input, finger) }, ""
}

// pinPad is checked with offline PINs only: the keys for online PINs that a board
// has are real ones, whose host nobody here is.
func (r *run) pinPad() (func(haltest.T), string) {
	if r.opt.Hands.PINPad == nil {
		return nil, noHand
	}
	return func(t haltest.T) { haltest.PINPad(t, r.board.PINPad, r.opt.Hands.PINPad, nil) }, ""
}

// sharedWatchdog is kicked by who keeps it quiet and by the suite.
type sharedWatchdog struct {
	hal.Watchdog
	turn chan struct{} // held by a kick
}

func (w *sharedWatchdog) Kick() error {
	w.turn <- struct{}{}
	defer func() { <-w.turn }()
	return w.Watchdog.Kick()
}

// stuck is when a kick is taken to be one that never returns.
const stuck = 10 * time.Second

// keepKicking kicks a watchdog until stop is called. Errors are for the suite
// to report.
func keepKicking(w hal.Watchdog) (stop func()) {
	if w == nil {
		return func() {}
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(3 * time.Second) // hal.Watchdog: enough everywhere
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = w.Kick()
			case <-quit:
				return
			}
		}
	}()
	return func() {
		close(quit)
		timer := time.NewTimer(stuck)
		defer timer.Stop()
		select {
		case <-ended:
		case <-timer.C: // in a kick that does not return, as the suite has found
		}
	}
}
