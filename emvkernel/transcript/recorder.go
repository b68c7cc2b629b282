package transcript

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"sync"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
)

// Recorder stands between kernel and card and remembers what passes. It writes nothing: when the
// transaction is over, Transcript returns what was recorded. It holds cardholder data until Wipe.
//
// All its methods may be called from any goroutine.
type Recorder struct {
	card emvkernel.Transceiver // of a tap: nil
	taps bool

	mu      sync.Mutex
	end     Transcript // what EndTap noted; no events
	payment Payment
	events  []Event
}

// NewRecorder records a card that was just reset and answered with atr, which may be nil.
func NewRecorder(card emvkernel.Transceiver, atr []byte) *Recorder {
	r := &Recorder{card: card}
	r.note(Event{Kind: Reset})
	if len(atr) > 0 {
		r.note(Event{Kind: ATR, Bytes: bytes.Clone(atr)})
	}
	return r
}

// String keeps what was recorded out of logs.
func (r *Recorder) String() string { return "recorder" }

// GoString does so too.
func (r *Recorder) GoString() string { return "recorder" }

func (r *Recorder) note(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// Transceive passes a command to the card and remembers both.
func (r *Recorder) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	sent := withoutPIN(command)
	answer, err := r.card.Transceive(ctx, command)
	r.noteExchange(sent, answer, err)
	return answer, err
}

func (r *Recorder) noteExchange(sent, answer []byte, err error) {
	r.note(Event{Kind: Command, Bytes: sent})
	if err != nil {
		r.note(Event{Kind: Fault, Text: faultText(err)})
	} else {
		r.note(Event{Kind: Response, Bytes: bytes.Clone(answer)})
	}
}

// withoutPIN copies a command. A PIN, enciphered or not, is not kept even for the time of the transaction, nor
// by a recording in clear: a replay does not need it.
func withoutPIN(command []byte) []byte {
	sent := bytes.Clone(command)
	if len(sent) > 5 && sent[1] == apdu.INSVerify {
		clear(sent[5:])
	}
	return sent
}

// faultText: the end of a context has words of its own, by which a Player knows it again.
func faultText(err error) string {
	for _, ended := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, ended) {
			return ended.Error()
		}
	}
	if s := oneLine(err.Error()); s != "" {
		return s
	}
	return "no answer"
}

// Params returns p with the PIN pad, the log of sales, the exception file and the word on approvals offline
// recorded, and remembers the rest. Begin the transaction with what it returns.
func (r *Recorder) Params(p emvkernel.Params) emvkernel.Params {
	r.mu.Lock()
	defer r.mu.Unlock()
	cardholder := r.payment.Cardholder
	r.payment = paymentOf(&p)
	r.payment.Cardholder = cardholder
	if p.PINPad != nil {
		p.PINPad = &recordedPad{r, p.PINPad}
	}
	if log := p.SaleLog; log != nil {
		p.SaleLog = func(pan emvkernel.Secret, sequence string) int64 {
			n := log(pan, sequence)
			r.mu.Lock()
			defer r.mu.Unlock()
			r.payment.EarlierSale = n
			return n
		}
	}
	if may := p.MayApproveOffline; may != nil {
		p.MayApproveOffline = func() bool {
			ok := may()
			r.mu.Lock()
			defer r.mu.Unlock()
			r.payment.NoOfflineApproval = r.payment.NoOfflineApproval || !ok
			return ok
		}
	}
	if file := p.ExceptionFile; file != nil {
		p.ExceptionFile = func(pan emvkernel.Secret, sequence string) bool {
			in := file(pan, sequence)
			r.mu.Lock()
			defer r.mu.Unlock()
			r.payment.InExceptionFile = in
			return in
		}
	}
	return p
}

// Cardholder returns h recorded; nil stays nil.
func (r *Recorder) Cardholder(h emvkernel.Cardholder) emvkernel.Cardholder {
	if h == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.payment.Cardholder = true
	return &recordedHolder{r, h}
}

// Transcript returns a copy of what was recorded so far, in clear.
func (r *Recorder) Transcript() *Transcript {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.end
	t.Contactless, t.Payment, t.Events = r.taps, r.payment, r.events
	return t.clone()
}

// Wipe overwrites and forgets what was recorded.
func (r *Recorder) Wipe() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		clear(e.Bytes)
	}
	r.events = nil
}

type recordedPad struct {
	recorder *Recorder
	pad      emvkernel.PINPad
}

func (p *recordedPad) VerifyOffline(ctx context.Context, pin emvkernel.OfflinePIN) (emvkernel.PINVerdict, error) {
	verdict, err := p.pad.VerifyOffline(ctx, pin)
	p.recorder.noteEntry(lineOf(verdict), err)
	return verdict, err
}

func (p *recordedPad) EnterOnline(ctx context.Context, pin emvkernel.OnlinePIN) (emvkernel.PINEntry, error) {
	entry, err := p.pad.EnterOnline(ctx, pin)
	p.recorder.noteEntry(pinLine{online: true, entry: entry}, err)
	return entry, err
}

// noteEntry notes how a PIN entry ended. A pad that does not work is an ending of its own; any other error is
// the card's, or the end of the payment, and stands there already where the pad's commands were recorded.
func (r *Recorder) noteEntry(line pinLine, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.events)
	switch {
	case err == nil, errors.Is(err, emvkernel.ErrPINPad):
		line.broken = err != nil
		r.events = append(r.events, Event{Kind: PIN, Text: line.String()})
	case n == 0 || r.events[n-1].Kind != Fault:
		r.events = append(r.events, Event{Kind: Fault, Text: faultText(err)})
	}
}

type recordedHolder struct {
	recorder *Recorder
	holder   emvkernel.Cardholder
}

func (h *recordedHolder) ChooseApplication(ctx context.Context, labels []string) (int, error) {
	n, err := h.holder.ChooseApplication(ctx, labels)
	text := strconv.Itoa(n)
	if err != nil || n < 0 {
		text = "error"
	}
	h.recorder.note(Event{Kind: Choose, Text: text})
	return n, err
}

func (h *recordedHolder) ConfirmApplication(ctx context.Context, label string) (bool, error) {
	ok, err := h.holder.ConfirmApplication(ctx, label)
	text := yes(ok)
	if err != nil {
		text = "error"
	}
	h.recorder.note(Event{Kind: Confirm, Text: text})
	return ok, err
}

// Save writes what was recorded: redacted, unless clear is asked for.
func Save(w io.Writer, t *Transcript, clear bool) error {
	if !clear {
		t = Redact(t)
	}
	return Write(w, t)
}
