package transcript

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// ErrRecorded is what a Player returns where there was no answer when the transcript was made.
var ErrRecorded = errors.New("transcript: recorded fault")

// Mismatch is returned by a Player that was asked for something else than what the transcript has. It names
// commands and data objects; their values only where no cardholder can be in them.
type Mismatch struct {
	Number int    // of the command in the transcript, from one
	What   string // "GENERATE AC: 95 Terminal Verification Results is 8000008000, in the transcript 0000008000"
	flow   bool   // another command than the recorded one, not other data in it
}

func (m *Mismatch) Error() string {
	return fmt.Sprintf("transcript: command %d: %s", m.Number, m.What)
}

// Parted is returned by a Player of a redacted transcript where the transaction goes another way because the
// card cannot be authenticated any more. What came before was as recorded.
type Parted struct {
	Number int
	Why    string
}

func (p *Parted) Error() string {
	return fmt.Sprintf("transcript: command %d: the redacted card cannot be authenticated, so the rest is not comparable: %s", p.Number, p.Why)
}

// Player is the card of a transcript. It answers each command as it was answered, and refuses another one
// with a Mismatch. Methods may be called from any goroutine.
type Player struct {
	t *Transcript

	mu      sync.Mutex
	next    int // event
	number  int // commands passed
	dols    *Redactor
	altered bool               // something was left out that needs the card's certificates
	failed  error              // the first Mismatch or Parted: the kernel goes on after some errors
	refused bool               // failed was a command
	stop    context.CancelFunc // of a tap: ends the payment where it was stopped; may be nil
}

// NewPlayer plays t, which must not change meanwhile.
func NewPlayer(t *Transcript) *Player { return &Player{t: t, dols: NewRedactor()} }

// String keeps the transcript out of logs.
func (p *Player) String() string { return "player" }

// GoString does so too.
func (p *Player) GoString() string { return "player" }

// ATR returns the recorded answer to reset, nil if there is none.
func (p *Player) ATR() []byte {
	for _, e := range p.t.Events {
		if e.Kind == ATR {
			return bytes.Clone(e.Bytes)
		}
	}
	return nil
}

// Transceive answers as recorded.
func (p *Player) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil {
		return nil, p.failed
	}
	answer, err := p.play(command)
	if err != nil && !errors.Is(err, ErrRecorded) {
		p.failed, p.refused = err, true
	}
	return answer, err
}

func (p *Player) play(command []byte) ([]byte, error) {
	p.skipReset()
	if p.t.Redacted {
		p.skipSecured(command)
	}
	if p.next == len(p.t.Events) {
		return nil, &Mismatch{p.number + 1, apdu.Name(command) + " after the end of the transcript", true}
	}
	e := p.t.Events[p.next]
	if e.Kind != Command {
		return nil, &Mismatch{p.number + 1, apdu.Name(command) + ", where the transcript has " + eventWords[e.Kind] + " " + e.Text, true}
	}
	p.number++
	if err := p.compare(command, e.Bytes); err != nil {
		return nil, err
	}
	p.dols.lists(e.Bytes, nil)
	p.next++
	return p.answer(command, e.Bytes)
}

// answer returns the event after the command.
func (p *Player) answer(command, recorded []byte) ([]byte, error) {
	if p.next == len(p.t.Events) {
		return nil, fmt.Errorf("%w: the transcript ends without an answer", ErrRecorded)
	}
	e := p.t.Events[p.next]
	switch e.Kind {
	case Response:
		p.next++
		p.dols.lists(recorded, e.Bytes)
		p.altered = p.altered || p.t.Contactless && p.t.Redacted && certified(e.Bytes)
		answer := bytes.Clone(e.Bytes)
		if p.t.Redacted && command[1] == apdu.INSGenerateAC && command[2]&apdu.RequestCDA != recorded[2]&apdu.RequestCDA {
			answer = unsigned(answer)
			p.altered = true
		}
		return answer, nil
	case Fault:
		p.next++
		return nil, p.fault(e)
	}
	return nil, fmt.Errorf("%w: the transcript has no answer to this command", ErrRecorded)
}

// faultOf is the error a Fault was noted for, as far as it is known.
func faultOf(e Event) error {
	for _, ended := range []error{context.DeadlineExceeded, context.Canceled} {
		if e.Text == ended.Error() {
			return fmt.Errorf("%w: %w", ErrRecorded, ended)
		}
	}
	return fmt.Errorf("%w: %s", ErrRecorded, e.Text)
}

// unsigned gives an answer to GENERATE AC that had its cryptogram in the signature one beside it, of zeros:
// a terminal that did not ask for a signature looks for it there.
func unsigned(answer []byte) []byte {
	e, rest, err := tlv.ParseOne(body(answer))
	if err != nil || len(rest) != 0 || e.Tag != 0x77 {
		return answer
	}
	parts, err := e.Children()
	if err != nil {
		return answer
	}
	if _, have := tlv.Find(parts, 0x9F26); have {
		return answer
	}
	value := tlv.Append(nil, 0x9F26, make([]byte, 8)...)
	for _, part := range parts {
		if part.Tag != 0x9F4B {
			value = append(value, part.Raw...)
		}
	}
	return append(tlv.Append(nil, 0x77, value...), answer[len(answer)-2:]...)
}

func (p *Player) skipReset() {
	for p.next < len(p.t.Events) {
		switch p.t.Events[p.next].Kind {
		case Reset, ATR, Took:
			p.next++
		default:
			return
		}
	}
}

// skipSecured passes over what a terminal does not ask of a card whose certificates are gone: a dynamic
// signature, and PINs enciphered for its key. A Fault that no command comes before is a PIN pad's.
func (p *Player) skipSecured(command []byte) {
	skipped := false
	for p.next < len(p.t.Events) {
		e := p.t.Events[p.next]
		ins := byte(0)
		if e.Kind == Command && len(e.Bytes) > 1 {
			ins = e.Bytes[1]
		}
		secured := ins == apdu.INSInternalAuthenticate || ins == apdu.INSGetChallenge || ins == apdu.INSVerify ||
			skipped && ins == apdu.INSGetResponse
		if !secured && e.Kind != PIN && e.Kind != Fault || len(command) > 1 && ins == command[1] {
			return
		}
		p.next++
		p.altered, skipped = true, true
		if secured {
			p.number++
			for p.next < len(p.t.Events) && (p.t.Events[p.next].Kind == Response || p.t.Events[p.next].Kind == Fault) {
				p.next++
			}
		}
	}
}

// Done returns the first Mismatch or Parted, whether or not the kernel took notice, and a Mismatch when the
// transcript goes on. In a redacted transcript of which something was left out, another way is a Parted.
func (p *Player) Done() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	differs := p.done()
	if m, ok := errors.AsType[*Mismatch](differs); ok && m.flow && p.altered {
		return p.parted(differs)
	}
	return differs
}

// parted: what a signature or an enciphered PIN led to does not come again.
func (p *Player) parted(differs error) error {
	return &Parted{p.number, "what needs the card's keys was left out: " + differs.Error()}
}

func (p *Player) done() error {
	if p.failed != nil {
		return p.failed
	}
	for ; p.next < len(p.t.Events); p.next++ {
		switch e := p.t.Events[p.next]; e.Kind {
		case Command:
			return &Mismatch{p.number + 1, "the transcript goes on with " + apdu.Name(e.Bytes), true}
		case Tap, Field, Number, UI:
			return &Mismatch{p.number + 1, "the transcript goes on with " + eventWords[e.Kind] + " " + e.Text, true}
		case Choose, Confirm, PIN:
			if !p.t.Redacted {
				return &Mismatch{p.number + 1, "the transcript goes on with " + eventWords[e.Kind] + " " + e.Text, true}
			}
		}
	}
	return nil
}

// take returns the next event of the kind, past what a PIN pad sent to the card itself.
func (p *Player) take(kind Kind, pastCommands bool) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.skipReset()
	for i := p.next; i < len(p.t.Events); i++ {
		switch e := p.t.Events[i]; {
		case e.Kind == kind:
			p.next = i + 1
			return e.Text, nil
		case !pastCommands, e.Kind == Choose, e.Kind == Confirm:
			i = len(p.t.Events) // not here
		case e.Kind == Command:
			if ins := e.Bytes[1%len(e.Bytes)]; ins != apdu.INSVerify && ins != apdu.INSGetChallenge && ins != apdu.INSGetResponse {
				i = len(p.t.Events)
				continue
			}
			p.number++
		case e.Kind == Fault:
			p.next = i + 1
			return "", faultOf(e)
		}
	}
	return "", &Mismatch{p.number + 1, "the terminal asks for " + eventWords[kind] + ", the transcript does not", true}
}

// PINPad returns a pad that ends each entry as recorded, or nil if there was none.
func (p *Player) PINPad() emvkernel.PINPad {
	if !p.t.Payment.PINPad {
		return nil
	}
	return playedPad{p}
}

// Cardholder returns somebody who chooses as recorded, or nil if there was nobody.
func (p *Player) Cardholder() emvkernel.Cardholder {
	if !p.t.Payment.Cardholder {
		return nil
	}
	return playedHolder{p}
}

type playedPad struct{ player *Player }

func (d playedPad) pin(online bool) (pinLine, error) {
	text, err := d.player.take(PIN, true)
	if err != nil {
		return pinLine{}, err
	}
	line, ok := parsePIN(text)
	switch {
	case !ok || line.online != online:
		return pinLine{}, &Mismatch{d.player.number, "another kind of PIN is asked for than in the transcript", true}
	case line.broken:
		return pinLine{}, fmt.Errorf("%w: %w", ErrRecorded, emvkernel.ErrPINPad)
	}
	return line, nil
}

func (d playedPad) VerifyOffline(_ context.Context, _ emvkernel.OfflinePIN) (emvkernel.PINVerdict, error) {
	line, err := d.pin(false)
	return line.verdict(), err
}

func (d playedPad) EnterOnline(_ context.Context, _ emvkernel.OnlinePIN) (emvkernel.PINEntry, error) {
	line, err := d.pin(true)
	return line.entry, err
}

type playedHolder struct{ player *Player }

func (h playedHolder) ChooseApplication(context.Context, []string) (int, error) {
	text, err := h.player.take(Choose, false)
	if err != nil {
		return 0, err
	}
	if text == "error" {
		return 0, ErrRecorded
	}
	return strconv.Atoi(text)
}

func (h playedHolder) ConfirmApplication(context.Context, string) (bool, error) {
	text, err := h.player.take(Confirm, false)
	if err == nil && text == "error" {
		err = ErrRecorded
	}
	return text == "yes", err
}
