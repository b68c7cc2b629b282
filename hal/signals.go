package hal

import "time"

// Signals are the contactless indicator lights and the beeper. Both calls
// start something and return at once: they never wait for the end of a tone.
// They may be called from several goroutines.
type Signals interface {
	// LEDs switches the four indicator lights: bit 0 is the first (left) one,
	// 1 = on. Blinking is the caller's business.
	LEDs(mask byte) error

	// Tone starts a tone; a tone still sounding is cut off.
	Tone(t Tone) error
}

// Indicator lights of a contactless reader, from left to right.
const (
	LED1 byte = 1 << iota // steady: ready for a card
	LED2
	LED3
	LED4
	AllLEDs = LED1 | LED2 | LED3 | LED4 // card read, may be taken away
)

// How lights come and go on a contactless reader (EMV Contactless Book A, visual
// indication [unverified]). Whoever switches them keeps the time.
const (
	// IdleLit is how long LED1 is on in every IdlePeriod while nothing is asked
	// of anybody.
	IdleLit    = 200 * time.Millisecond
	IdlePeriod = 5 * time.Second
	// ReadLit is how long all four stay on at least when a card was read.
	ReadLit = 750 * time.Millisecond
)

// Tone is one of the few sounds a reader makes.
type Tone byte

// The tones.
const (
	ToneKey     Tone = iota + 1 // a key was pressed; the same for every key
	ToneSuccess                 // card read, payment accepted
	ToneAlert                   // look at the screen: try again, declined, error
	ToneRemove                  // repeated by the caller while a card must be taken out
)

// Beep is a part of a tone: a pitch, or silence when Hertz is 0.
type Beep struct {
	Hertz  int
	Length time.Duration
}

// Beeps says how a tone sounds, the same on every board that can do pitch; a
// board with a plain buzzer keeps the rhythm. Success and alert follow EMV
// Contactless Book A, audio indication [unverified].
func (t Tone) Beeps() []Beep {
	switch t {
	case ToneKey:
		return []Beep{{1000, 20 * time.Millisecond}}
	case ToneSuccess:
		return []Beep{{1500, 500 * time.Millisecond}}
	case ToneAlert:
		return []Beep{{750, 200 * time.Millisecond}, {0, 200 * time.Millisecond}, {750, 200 * time.Millisecond}}
	case ToneRemove:
		return []Beep{{1000, 100 * time.Millisecond}, {0, 100 * time.Millisecond}, {1000, 100 * time.Millisecond}}
	default:
		return nil
	}
}

// Length is how long a tone sounds, with its silences. Another tone before that
// cuts it off.
func (t Tone) Length() (sum time.Duration) {
	for _, b := range t.Beeps() {
		sum += b.Length
	}
	return sum
}

// String names the tone.
func (t Tone) String() string {
	switch t {
	case ToneKey:
		return "key"
	case ToneSuccess:
		return "success"
	case ToneAlert:
		return "alert"
	case ToneRemove:
		return "remove"
	default:
		return "unknown tone"
	}
}
