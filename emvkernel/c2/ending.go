package c2

import (
	"context"
	"errors"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// Values of the error indication, DF8115: layer 1, 2, 3, status word, message (Book C-2, Annex A, "Error
// Indication").
const (
	l1TransmissionError = 0x02
	l1ProtocolError     = 0x03

	l2CardDataMissing    = 0x01
	l2CAMFailed          = 0x02
	l2StatusBytes        = 0x03
	l2ParsingError       = 0x04
	l2MaxLimitExceeded   = 0x05
	l2CardDataError      = 0x06
	l2StripeNotSupported = 0x07
	l3TimeOut            = 0x01
	l3Stop               = 0x02
)

// ending carries an outcome without a decision up through the steps.
type ending struct {
	kind       tap.OutcomeKind
	again      bool // the card is to be presented again
	l1, l2, l3 byte
	sw         apdu.SW
	reason     string
}

func (e *ending) Error() string { return "c2: " + e.reason }

// invalid ends the application: the card broke a rule, or cannot be used here.
func invalid(l2 byte, reason string) error {
	return &ending{kind: tap.EndApplication, l2: l2, reason: reason}
}

func malformed(reason string) error { return invalid(l2ParsingError, reason+": malformed") }

// refused ends the application because of a status word.
func refused(name string, sw apdu.SW) error {
	return &ending{kind: tap.EndApplication, l2: l2StatusBytes, sw: sw, reason: name + ": " + sw.String()}
}

// next leaves the application to another one of the card.
func next(l2 byte, sw apdu.SW, reason string) error {
	return &ending{kind: tap.SelectNext, l2: l2, sw: sw, reason: reason}
}

// send sends a command. A card that cannot be understood or has left the field is to be presented again;
// only the end of ctx is an error of another kind.
func (t *transaction) send(ctx context.Context, cmd apdu.Command) (apdu.Response, error) {
	resp, err := t.a.Card.Send(ctx, cmd)
	if err != nil {
		return resp, transport(ctx, err)
	}
	return resp, nil
}

// transport turns an error of the link into an ending, Book C-2's answer to errors of layer 1: end this
// application, and let the card be presented again.
func transport(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return err
	case errors.Is(err, tap.ErrTooMuch):
		return invalid(l2CardDataError, "the card asks for more data in a command, or more commands, than there can be")
	case errors.Is(err, tap.ErrUnreadable):
		return &ending{kind: tap.EndApplication, again: true, l1: l1ProtocolError, reason: "unreadable answer"}
	default:
		return &ending{kind: tap.EndApplication, again: true, l1: l1TransmissionError, reason: "no answer"}
	}
}

// end makes the outcome of an ending.
func (t *transaction) end(e *ending) tap.Outcome {
	out := tap.Outcome{Kind: e.kind, Reason: e.reason, FieldOff: t.fieldOff()}
	message := tap.NoMessage
	switch {
	case e.again: // the book's "end application" with Start B; nothing is decided yet
		message = tap.PresentCardAgain
		out.Start = tap.StartB
		out.Restart = t.ui(message, tap.ReadyToRead)
	case e.kind == tap.SelectNext:
		out.Start = tap.StartC
	default:
		message = tap.InsertSwipeOrTryAnother
		out.UI = t.ui(message, tap.NotReady)
		out.UI.Hold = t.k.MessageHold
	}
	out.Discretionary = t.discretionary(e, message)
	return out
}

// discretionary lists what is of use for diagnosis (Book C-2, "Discretionary Data"). E is nil where nothing
// went wrong.
func (t *transaction) discretionary(e *ending, message tap.Message) []byte {
	if e == nil {
		e = &ending{}
	}
	var list []byte
	if v := t.o.Get(0x9F42); len(v) == 2 {
		list = tlv.Append(list, 0x9F42, v...)
	}
	for _, tag := range []tlv.Tag{tagPutAfterStatus, tagPutBeforeStatus} {
		if v := t.o.Get(tag); v != nil {
			list = tlv.Append(list, tag, v...)
		}
	}
	list = tlv.Append(list, tagErrorIndication, e.l1, e.l2, e.l3, e.sw.SW1(), e.sw.SW2(), byte(message))
	if v := t.o.Get(tagThirdParty); v != nil {
		list = tlv.Append(list, tagThirdParty, v...)
	}
	return list
}

// ui is a request in the card's languages.
func (t *transaction) ui(m tap.Message, s tap.Status) *tap.UIRequest {
	return &tap.UIRequest{Message: m, Status: s, Languages: t.languages}
}
