package evdev

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"smartreader/hal"
	"smartreader/hal/haltest"
)

// Test data of a card number that is no card's.
const (
	testOne   = "B4761739001010119^DOE/JANE^30122011143878089"
	testTwo   = "4761739001010119=30122011143878089"
	testThree = "014761739001010119=1234567890"
)

// typed are the events of a US keyboard for a text.
func typed(text string) []event {
	var events []event
	for i := range len(text) {
		c := text[i]
		if c == '\n' {
			events = append(events, press(28)...)
			continue
		}
		for code, pair := range us[:71] {
			switch c {
			case pair[0]:
				events = append(events, press(uint16(code))...)
			case pair[1]:
				events = append(events, event{evKey, keyShiftLeft, pressed}, report)
				events = append(events, press(uint16(code))...)
				events = append(events, event{evKey, keyShiftLeft, released}, report)
			default:
				continue
			}
			break
		}
	}
	return events
}

func (b *bench) swipe() *Swipe {
	s := newSwipe(SwipeOptions{Match: "mag-tek", Dir: b.dir, Silence: 100 * time.Millisecond}, b.system())
	b.t.Cleanup(func() { _ = s.Close() })
	return s
}

type swiped struct {
	tracks hal.Tracks
	err    error
}

func read(b *bench, s *Swipe) <-chan swiped {
	done := make(chan swiped, 1)
	go func() {
		tracks, err := s.Read(b.t.Context())
		done <- swiped{tracks, err}
	}()
	b.whenWaiting()
	return done
}

type hand struct {
	t    *testing.T
	head *fake
}

func (h hand) Swipe() {
	h.head.send(h.t, typed("%"+testOne+"?;"+testTwo+"?+"+testThree+"?\n")...)
}
func (h hand) SwipeBadly() { h.head.send(h.t, typed("%E?;E?+E?\n")...) }

func TestSwipeConformance(t *testing.T) {
	b := newBench(t)
	head := b.plug(0, stripeReader())
	s := b.swipe()
	haltest.SwipeReader(t, s, hand{t, head})
	haltest.Closing(t, s, s.Close)
	if b.grabbed != 1 {
		t.Errorf("grabbed %d times, want once", b.grabbed)
	}
}

func TestTracksAreWhatWasTyped(t *testing.T) {
	b := newBench(t)
	head := b.plug(0, stripeReader())
	s := b.swipe()
	head.send(t, typed(";9999=99?\n")...) // nobody waits: lost
	done := read(b, s)
	hand{t, head}.Swipe()
	got := <-done
	if got.err != nil {
		t.Fatal(got.err)
	}
	for i, pair := range []struct {
		got  hal.Secret
		want string
	}{{got.tracks.One, testOne}, {got.tracks.Two, testTwo}, {got.tracks.Three, testThree}} {
		if string(pair.got.Bytes()) != pair.want {
			t.Errorf("track %d is not what was typed", i+1)
		}
	}
	for _, dev := range s.devices.open {
		if dev.handler.text != [512]byte{} {
			t.Error("characters stayed in memory")
		}
	}
}

func TestSwipeReaderComesAndGoes(t *testing.T) {
	b := newBench(t)
	s := b.swipe()
	if _, err := s.Read(t.Context()); !errors.Is(err, hal.ErrNotFound) {
		t.Fatalf("nothing plugged in: got %v, want hal.ErrNotFound", err)
	}
	b.plug(1, keyboard()) // another one
	if _, err := s.Read(t.Context()); !errors.Is(err, hal.ErrNotFound) {
		t.Fatalf("only another keyboard: got %v, want hal.ErrNotFound", err)
	}
	head := b.plug(0, stripeReader())
	done := read(b, s)
	head.send(t, typed("%B4761")...) // and in the middle of a swipe
	b.pull(0)
	if got := <-done; !errors.Is(got.err, hal.ErrNotFound) {
		t.Fatalf("pulled out: got %v, want hal.ErrNotFound", got.err)
	}
	head = b.plug(0, stripeReader())
	done = read(b, s)
	head.send(t, typed(";"+testTwo+"?\n")...)
	if got := <-done; got.err != nil || string(got.tracks.Two.Bytes()) != testTwo {
		t.Fatalf("plugged in again: %v", got.err)
	}
}

func TestLostKeysSpoilASwipe(t *testing.T) {
	b := newBench(t)
	head := b.plug(0, stripeReader())
	s := b.swipe()
	done := read(b, s)
	events := typed(";" + testTwo + "?\n")
	middle := append([]event{}, events[:40]...)
	middle = append(middle, event{evSyn, synDropped, 0}, report)
	head.send(t, append(middle, events[48:]...)...)
	if got := <-done; !errors.Is(got.err, hal.ErrMute) {
		t.Fatalf("got %v, want hal.ErrMute", got.err)
	}
}

func TestWhatIsNoSwipeIsIgnored(t *testing.T) {
	b := newBench(t)
	head := b.plug(0, stripeReader())
	s := b.swipe()
	done := read(b, s)
	head.send(t, typed("8=3012?\n")...) // the rest of a swipe
	// Two waits on: one that saw the keys, one that saw silence.
	b.whenWaiting()
	b.whenWaiting()
	head.send(t, typed(";"+testTwo+"?\n")...)
	if got := <-done; got.err != nil || string(got.tracks.Two.Bytes()) != testTwo {
		t.Fatalf("got %v, want the swipe that followed", got.err)
	}
}

func TestDeviceInUseByAnother(t *testing.T) {
	b := newBench(t)
	b.busy = true
	b.plug(0, stripeReader())
	var log strings.Builder
	s := newSwipe(SwipeOptions{Match: "usb:0801:0001", Dir: b.dir, Log: slog.New(slog.NewTextHandler(&log, nil))}, b.system())
	for range 2 {
		if _, err := s.Read(t.Context()); !errors.Is(err, hal.ErrNotFound) || !errors.Is(err, unix.EBUSY) {
			t.Fatalf("got %v, want hal.ErrNotFound and why", err)
		}
	}
	if n := strings.Count(log.String(), "device or resource busy"); n != 1 {
		t.Errorf("the reason is %d times in the log, want once: %s", n, &log)
	}
}

func TestNothingOfACardIsPrinted(t *testing.T) {
	b := newBench(t)
	head := b.plug(0, stripeReader())
	var log strings.Builder
	s := newSwipe(SwipeOptions{Match: "mag", Dir: b.dir, Silence: time.Millisecond,
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}, b.system())
	defer s.Close()
	done := read(b, s)
	head.send(t, typed("%E?;"+testTwo+testTwo+"?\n")...) // too long
	got := <-done
	if !errors.Is(got.err, hal.ErrMute) {
		t.Fatalf("got %v, want hal.ErrMute", got.err)
	}
	if text := fmt.Sprintf("%v %+v", got.err, got.tracks) + log.String(); strings.Contains(text, testTwo[:6]) {
		t.Error("an error or the log shows what is on the card")
	}
}
