package transcript

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"smartreader/emvkernel"
	"smartreader/emvkernel/entry"
	"smartreader/emvkernel/tap"
)

// NewTapRecorder records taps: all activations of one payment that entry.Transaction runs in Environment.
func NewTapRecorder() *Recorder { return &Recorder{taps: true} }

// Environment returns env recorded: the cards that are activated and how that failed, what passes between them
// and the kernels, the times the hardware measured, unpredictable numbers, and what is shown. Begin the payment
// with what it returns, and with what Params returns.
func (r *Recorder) Environment(env entry.Environment) entry.Environment {
	trace, un, ui := env.Trace, env.UN, env.UI
	if env.Field != nil {
		env.Field = recordedField{r, env.Field}
	}
	env.Trace = func(card emvkernel.Transceiver) emvkernel.Transceiver {
		if trace != nil {
			card = trace(card)
		}
		link := tapLink{r, card}
		if timed, ok := card.(tap.Timed); ok {
			r.note(Event{Kind: Tap, Text: timedWord})
			return timedTapLink{link, timed}
		}
		r.note(Event{Kind: Tap})
		return link
	}
	env.UN = func() (number [4]byte, err error) {
		if un != nil {
			number, err = un()
		} else {
			number, err = drawNumber()
		}
		if err == nil {
			r.note(Event{Kind: Number, Bytes: bytes.Clone(number[:])})
		}
		return number, err
	}
	env.UI = func(request tap.UIRequest) {
		r.note(Event{Kind: UI, Bytes: request.Bytes()})
		if ui != nil {
			ui(request)
		}
	}
	return env
}

func drawNumber() (number [4]byte, err error) {
	_, err = rand.Read(number[:])
	return number, err
}

// timedWord is the text of a Tap whose hardware measures times.
const timedWord = "timed"

// recordedField notes what came instead of a card.
type recordedField struct {
	recorder *Recorder
	field    entry.Field
}

func (f recordedField) Activate(ctx context.Context) (emvkernel.Transceiver, error) {
	card, err := f.field.Activate(ctx)
	switch {
	case err == nil: // Trace notes the card
	case errors.Is(err, entry.ErrCollision):
		f.recorder.note(Event{Kind: Field, Text: collisionWord})
	case errors.Is(err, entry.ErrUnreadable):
		f.recorder.note(Event{Kind: Field, Text: unreadableWord})
	default:
		f.noteError(err)
	}
	return card, err
}

func (f recordedField) WaitRemoval(ctx context.Context) error {
	return f.noteError(f.field.WaitRemoval(ctx))
}
func (f recordedField) Off() error { return f.noteError(f.field.Off()) }

func (f recordedField) noteError(err error) error {
	if err != nil {
		f.recorder.note(Event{Kind: Field, Text: errorWord + faultText(err)})
	}
	return err
}

// Texts of a Field event.
const (
	collisionWord  = "collision"
	unreadableWord = "unreadable"
	errorWord      = "error " // and why
)

// tapLink records what passes between a kernel and one activated card.
type tapLink struct {
	recorder *Recorder
	card     emvkernel.Transceiver
}

func (l tapLink) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	answer, err := l.card.Transceive(ctx, command)
	l.recorder.noteExchange(withoutPIN(command), answer, err)
	return answer, err
}

// timedTapLink is one whose hardware measures times.
type timedTapLink struct {
	tapLink
	timed tap.Timed
}

var _ tap.Timed = timedTapLink{}

func (l timedTapLink) TransceiveTimed(ctx context.Context, command []byte) (answer []byte, took time.Duration, ok bool, err error) {
	answer, took, ok, err = l.timed.TransceiveTimed(ctx, command)
	l.recorder.noteExchange(withoutPIN(command), answer, err)
	if err == nil && ok {
		l.recorder.note(Event{Kind: Took, Text: took.String()})
	}
	return answer, took, ok, err
}

// EndTap is that of the transcript, for a caller that wipes the outcome's Reading before it calls Transcript. The last
// one counts.
func (r *Recorder) EndTap(out tap.Outcome, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end = Transcript{}
	r.end.EndTap(out, err)
}

// EndTap notes what the payment came to: the outcome of entry.Transaction's last Run or Resume, or its error. It is
// to be called before the outcome's Reading is wiped.
func (t *Transcript) EndTap(out tap.Outcome, err error) {
	t.Outcome = "error"
	if err != nil {
		return
	}
	t.Outcome, t.CVM = tapOutcomeText(out), out.CVM.String()
	if out.Reading != nil {
		t.TVR, t.TSI = out.Reading.TVR().String(), out.Reading.TSI().String()
	}
}

func tapOutcomeText(o tap.Outcome) string {
	if o.Reason == "" {
		return o.Kind.String()
	}
	return oneLine(o.Kind.String() + ": " + o.Reason)
}
