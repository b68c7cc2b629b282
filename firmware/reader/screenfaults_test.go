package reader

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/firmware/payment"
	"smartreader/hal"
)

// stuck is a screen that shows nothing until it is let go.
type stuck struct {
	hal.Screen
	free chan struct{}
}

func TestThePaymentNeverWaitsForTheScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		st := onStage(t, func(b *hal.Board) { b.Screen = stuck{b.Screen, free} })
		for range 100 {
			st.s.face(payment.Face{Kind: payment.FacePresentCard, Amount: 1, Currency: "usd"})
			st.s.face(payment.Face{Kind: payment.FaceOneCard, Amount: 1, Currency: "usd", Hold: time.Second})
			st.s.face(payment.Face{Kind: payment.FaceCardRead, Amount: 1, Currency: "usd", Tapped: true})
			st.s.face(payment.Face{Kind: payment.FaceDeclined, Amount: 1, Currency: "usd", Tapped: true})
		}
		st.show(payment.FaceApproved, tapped) // the newest outcome
		st.show(payment.FacePresentCard)
		if !time.Now().Equal(st.begun) {
			t.Errorf("the payment waited %v", time.Since(st.begun))
		}
		st.s.mu.Lock()
		if n := len(st.s.faces.waiting); n > mostWaiting {
			t.Errorf("%d faces wait", n)
		}
		st.s.mu.Unlock()
		// The lights do not wait for the screen either.
		if tones := st.board.Signals.Tones(); len(tones) == 0 || tones[0] != hal.ToneSuccess {
			t.Errorf("tones %v", tones)
		}
		close(free)
		st.pass(20 * time.Second)
		st.mu.Lock()
		defer st.mu.Unlock()
		n := len(st.seen)
		if n < 2 || st.seen[n-2].what != "approved" || st.seen[n-1].what != "present-card" {
			t.Errorf("seen %v", st.seen)
		}
	})
}

// faulty are lights and a beeper on a loose cable.
type faulty struct {
	hal.Signals
	mu  sync.Mutex
	err error
}

func (f *faulty) fault() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *faulty) LEDs(mask byte) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.Signals.LEDs(mask)
}

func (f *faulty) Tone(t hal.Tone) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.Signals.Tone(t)
}

func TestSignalsThatFailAreToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{err: errors.New("loose")}
		st := onStage(t, func(b *hal.Board) { f.Signals, b.Signals = b.Signals, f })
		warnings := func() int { return strings.Count(st.log.String(), "level=WARN") }
		pay := func() {
			st.show(payment.FaceIdle)
			st.pass(20 * time.Second) // beats
			st.show(payment.FacePresentCard)
			st.show(payment.FaceOneCard)
			st.pass(2000 * ms)
			st.show(payment.FaceCardRead, tapped)
			st.pass(2000 * ms)
		}
		pay()
		if n := warnings(); n != 2 {
			t.Errorf("%d warnings, want one of the lights and one of the beeper", n)
		}
		// What could not be switched is switched as soon as it can be.
		st.show(payment.FacePresentCard)
		f.mu.Lock()
		f.err = nil
		f.mu.Unlock()
		if st.show(payment.FaceSeePhone); st.board.Signals.Lit() != hal.LED1 {
			t.Errorf("lit %04b", st.board.Signals.Lit())
		}
		st.pass(2000 * ms)
		pay()
		st.wantTones(hal.ToneAlert, hal.ToneAlert, hal.ToneSuccess)
		f.mu.Lock()
		f.err = errors.New("loose again")
		f.mu.Unlock()
		pay()
		if n := warnings(); n != 4 {
			t.Errorf("%d warnings, want two more after it had worked", n)
		}
	})
}

// A board without signals, or without a screen, pays all the same.
func TestWithoutSignalsOrScreen(t *testing.T) {
	for name, change := range map[string]func(*hal.Board){
		"no signals": func(b *hal.Board) { b.Signals = nil },
		"no screen":  func(b *hal.Board) { b.Screen = nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := onStage(t, change)
				st.show(payment.FacePresentCard)
				st.show(payment.FaceCardRead, tapped)
				st.s.tone(hal.ToneKey)
				st.show(payment.FaceApproved, tapped)
				st.pass(5000 * ms)
				if name == "no signals" {
					st.wantScreens("starting@0", "present-card@0", "card-read@0", "approved@750")
				} else {
					st.wantSignals("1@0", "1234@0", "1234 success@0", "1234 key@0", "-@750", "- success@750")
				}
			})
		})
	}
}
