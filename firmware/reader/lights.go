package reader

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"smartreader/display"
	"smartreader/firmware/payment"
	"smartreader/hal"
)

// What the four lights show and what is heard, by the face of the payment. Lights and
// tones repeat what the screen says in words and shapes; nobody has to see a colour or
// hear a tone to pay. (EMV Contactless Book A has the lights and tones of a tap; the
// times are hal's [unverified].)
//
//	face                          lights                                        tone, once
//	idle, and payments are taken  beat: LED1 for 200 ms every 5 s, where cards  -
//	                              can be tapped
//	present card                  ready: LED1, unless no card can be tapped     -
//	processing, tapped            reading: LED1-2, then LED1-2-3                -
//	processing, inserted          dark                                          -
//	card read (tapped)            read: all four for 750 ms                     success
//	processing, after that        dark                                          -
//	approved, accepted            dark; as card read if nothing told of that    success
//	declined, not accepted,       dark                                          alert
//	try again, error, one card,
//	insert card
//	tap again, see phone          ready: LED1                                   alert
//	one card, the field is empty  ready: LED1                                   -
//	anything else                 dark                                          -
//
// All four are never lit before a card was read. Card read is told when it is known,
// even while the screen still holds another face; all else with its face. While a
// card must be taken out of the slot, the screen repeats the reminder's tone.

// scene is what the lights show.
type scene byte

const (
	sceneDark scene = iota
	sceneBeat
	sceneReady
	sceneReading
	sceneRead
)

// readingStep is how long after the second light the third comes on.
const readingStep = 150 * time.Millisecond

// at tells which lights are on a while into a scene, and after what time that changes
// by itself; 0: never.
func (s scene) at(d time.Duration) (lit byte, change time.Duration) {
	switch s {
	case sceneBeat:
		if d %= hal.IdlePeriod; d < hal.IdleLit {
			return hal.LED1, hal.IdleLit - d
		}
		return 0, hal.IdlePeriod - d
	case sceneReady:
		return hal.LED1, 0
	case sceneReading:
		if d < readingStep {
			return hal.LED1 | hal.LED2, readingStep - d
		}
		return hal.LED1 | hal.LED2 | hal.LED3, 0
	case sceneRead:
		if d < hal.ReadLit {
			return hal.AllLEDs, hal.ReadLit - d
		}
	}
	return 0, 0
}

// sceneOf is the scene of a picture; seen is what the screen makes of it, contactless
// whether the board can read a card that is tapped.
func sceneOf(p picture, seen display.View, contactless bool) scene {
	tapped := p.face.Tapped
	switch p.face.Kind {
	case payment.FaceIdle, payment.FaceCanceled:
		if contactless && seen.Kind == display.Idle {
			return sceneBeat
		}
	case payment.FacePresentCard:
		if seen.Entries&display.Tap != 0 || !contactless {
			return sceneReady
		}
	case payment.FaceProcessing:
		if tapped && !p.afterRead {
			return sceneReading
		}
	case payment.FaceCardRead:
		return sceneRead
	case payment.FaceApproved, payment.FaceAccepted:
		if tapped && !p.afterRead {
			return sceneRead
		}
	case payment.FaceTapAgain, payment.FaceSeePhone:
		return sceneReady
	case payment.FaceOneCard:
		if p.face.Ready {
			return sceneReady
		}
	}
	return sceneDark
}

// toneOf is the tone of a face, 0 if there is none.
func toneOf(kind payment.FaceKind) hal.Tone {
	switch kind {
	case payment.FaceCardRead, payment.FaceApproved, payment.FaceAccepted:
		return hal.ToneSuccess
	case payment.FaceDeclined, payment.FaceNotAccepted, payment.FaceTryAgain, payment.FaceError,
		payment.FaceOneCard, payment.FaceTapAgain, payment.FaceSeePhone, payment.FaceInsertCard:
		return hal.ToneAlert
	}
	return 0
}

// lights play scenes and tones. Their methods may be called from several goroutines;
// none of them but run and sound calls the hardware.
type lights struct {
	signals hal.Signals // nil: there are none
	log     *slog.Logger
	wake    chan struct{}

	lit   byte // run's: what was switched on last,
	known bool // if that is known

	mu           sync.Mutex
	scene        scene
	since        time.Time // of the scene
	tone         hal.Tone  // for run to start; 0: none. One: the next cuts it off
	dim, unheard bool      // lights, beeper: the last call failed
}

func newLights(signals hal.Signals, log *slog.Logger) *lights {
	return &lights{signals: signals, log: log, wake: make(chan struct{}, 1)}
}

// play begins a scene, with a tone if that is not 0, and returns at once.
func (l *lights) play(s scene, t hal.Tone) {
	l.change(func() {
		l.scene, l.since = s, time.Now()
		if t != 0 {
			l.tone = t
		}
	})
}

// ring starts a tone beside the scene, and returns at once.
func (l *lights) ring(t hal.Tone) { l.change(func() { l.tone = t }) }

func (l *lights) change(f func()) {
	if l.signals == nil {
		return
	}
	l.mu.Lock()
	f()
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run switches the lights until the context ends; they are dark then.
func (l *lights) run(ctx context.Context) {
	if l.signals == nil {
		return
	}
	timer := time.NewTimer(0) // whatever was lit before
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			l.play(sceneDark, 0)
			l.turn()
			return
		case <-l.wake:
		case <-timer.C:
		}
		change := l.turn()
		timer.Stop()
		if change > 0 {
			timer.Reset(change)
		}
	}
}

// turn switches the lights to what the scene wants by now and starts the tone. It
// returns after what time the scene changes; 0: never.
func (l *lights) turn() (change time.Duration) {
	l.mu.Lock()
	want, change := l.scene.at(time.Since(l.since))
	tone := l.tone
	l.tone = 0
	l.mu.Unlock()
	if !l.known || want != l.lit {
		err := l.signals.LEDs(want)
		l.note("lights", err, &l.dim)
		l.lit, l.known = want, err == nil
	}
	if tone != 0 {
		l.sound(tone)
	}
	return change
}

// sound starts a tone.
func (l *lights) sound(t hal.Tone) {
	if l.signals != nil {
		l.note("beeper", l.signals.Tone(t), &l.unheard)
	}
}

// note warns of what does not work, once until it works again: lights change often.
func (l *lights) note(what string, err error, failing *bool) {
	l.mu.Lock()
	news := err != nil && !*failing
	*failing = err != nil
	l.mu.Unlock()
	if news {
		l.log.Warn(what, "err", err)
	}
}
