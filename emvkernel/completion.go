package emvkernel

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"smartreader/emvkernel/apdu"
)

// ErrAnswer is returned by Complete for an issuer's answer that is malformed. Nothing was sent to the
// card: Complete is still owed, with Cancel if there is no better answer, and an approval the card is not
// given must be reversed. The issuer was reached: UnableToGoOnline approves nothing any more.
var ErrAnswer = errors.New("emvkernel: malformed issuer answer")

// AnswerKind says how the online request ended.
type AnswerKind byte

const (
	// Deferred: there is no answer and none is waited for, because the payment is stored or given up. The
	// card is asked for an AAC at once, with response code Z3, no issuer data and no scripts. Only the
	// data of the first GENERATE AC counts (ACData); what the card says now does not matter. It is the
	// zero value: an answer that approves nothing.
	Deferred AnswerKind = iota
	// Cancel: the payment was called off; the card is asked for an AAC in the same way.
	Cancel
	// IssuerAnswered: ARC and perhaps more came from the issuer.
	IssuerAnswered
	// UnableToGoOnline: there is no answer, and card and terminal decide by the default action codes (EMV
	// Book 3, 10.7): where they allow it a TC is asked for with response code Y3, and the card may still
	// answer with an AAC; else an AAC with Z3. Without Application.OfflineApproval it is always the AAC.
	UnableToGoOnline
)

// Answer is what the caller got for the online request.
type Answer struct {
	Kind AnswerKind
	ARC  [2]byte // '8A', two characters
	// IssuerAuthenticationData is the value of '91', 8 to 16 bytes, or nil.
	IssuerAuthenticationData []byte
	// Scripts is a list of templates '71' and '72', or nil.
	Scripts []byte
}

// approved reports whether the response code approves the full amount: approved, honour with
// identification, approved VIP (ISO 8583:1987 codes 00, 08, 11; which of them an acquirer uses is
// [unverified]). A partial approval (10) is none: the card's cryptogram is over the full amount.
func (a *Answer) approved() bool {
	switch string(a.ARC[:]) {
	case "00", "08", "11":
		return true
	default:
		return false
	}
}

// partial reports whether the issuer approved, and holds, a part of the amount (ISO 8583:1987 code 10).
func (a *Answer) partial() bool { return string(a.ARC[:]) == "10" }

// referral reports whether the response code asks to call the issuer (ISO 8583:1987 codes 01 and 02).
func (a *Answer) referral() bool {
	return a.Kind == IssuerAnswered && (string(a.ARC[:]) == "01" || string(a.ARC[:]) == "02")
}

// Complete ends a transaction that asked for the issuer: issuer authentication, scripts, and the
// second GENERATE AC (EMV Book 3, 10.9 to 10.11, Book 4, 6.3.8 and 6.3.9).
//
// The outcome is Approved only if the issuer approved, or could not be asked and the default action codes
// allow it, and the card answered with a TC, with a valid signature where CDA is used. Where the issuer
// approved and the outcome is another, Reverse is set. Where it wants to be called the card is asked for an
// AAC and Referral is set.
// An error other than ErrAnswer or ErrOrder leaves the same duty: the card may be gone, and an issuer's
// approval must be reversed. Nothing is owed to the card any more.
func (t *Transaction) Complete(ctx context.Context, a Answer) (Outcome, error) {
	if t.phase != toComplete {
		return Outcome{}, fmt.Errorf("%w: complete", ErrOrder)
	}
	var before, after []script
	if a.Kind == IssuerAnswered {
		t.params.NoOfflineApproval = true // the issuer has spoken, however badly
		if n := len(a.IssuerAuthenticationData); n != 0 && (n < 8 || n > 16) {
			return Outcome{}, fmt.Errorf("%w: issuer authentication data of %d bytes", ErrAnswer, n)
		}
		var err error
		if before, after, err = parseScripts(a.Scripts); err != nil {
			return Outcome{}, err
		}
	}
	out, err := t.step(ctx, "complete", toComplete, over, func(ctx context.Context) error {
		switch {
		case a.Kind == IssuerAnswered:
			return t.completeOnline(ctx, &a, before, after)
		case a.Kind == UnableToGoOnline && t.approvedByDefault():
			return t.completeOffline(ctx)
		default:
			return t.release(ctx, a.Kind)
		}
	})
	if err != nil {
		return out, err
	}
	if a.Kind == IssuerAnswered && (a.approved() || a.partial()) && out.Kind != Approved {
		out.Reverse = true
		out.Reason += "; the host's approval must be reversed"
	}
	if a.referral() {
		out.Referral = true
		out.Reason += "; the issuer wants to be called"
	}
	return out, nil
}

// release takes leave of the card without an issuer. The card's answer must be an AAC to be in order,
// and is not kept: Receipt and ACData stay with the first cryptogram.
func (t *Transaction) release(ctx context.Context, kind AnswerKind) error {
	t.arc = []byte(arcUnableDeclined)
	if err := t.takeLeave(ctx); err != nil {
		return err
	}
	if kind == Cancel {
		return decide(Declined, "canceled")
	}
	return decide(Declined, "unable to go online")
}

// completeOffline asks for the card's approval where the issuer could not be asked.
func (t *Transaction) completeOffline(ctx context.Context) error {
	t.arc = []byte(arcUnableApproved)
	verdict, err := t.secondGenerateAC(ctx, true, "terminal, unable to go online,")
	if err != nil {
		return err
	}
	return verdict
}

func (t *Transaction) completeOnline(ctx context.Context, a *Answer, before, after []script) error {
	t.arc = a.ARC[:]
	t.issuer = a.IssuerAuthenticationData
	if err := t.authenticateIssuer(ctx); err != nil {
		return err
	}
	if err := t.runScripts(ctx, before, ScriptFailedBefore); err != nil {
		return err
	}
	verdict, err := t.secondGenerateAC(ctx, a.approved(), "issuer")
	if err != nil {
		return err
	}
	// Scripts of template '72' run whatever the card decided, and cannot change it any more. A card that
	// is pulled out now has given its answer: the payment stands.
	if err := t.runScripts(ctx, after, ScriptFailedAfter); err != nil {
		t.log.WarnContext(ctx, "issuer script after the final GENERATE AC broke off", "error", err)
	}
	return verdict
}

// authenticateIssuer passes the issuer authentication data to a card that wants it by EXTERNAL
// AUTHENTICATE; other cards find it in CDOL2. A failure is the card's to judge.
func (t *Transaction) authenticateIssuer(ctx context.Context) error {
	if len(t.issuer) == 0 || t.aip[0]&aipIssuerAuth == 0 {
		return nil
	}
	resp, err := t.exchange(ctx, "EXTERNAL AUTHENTICATE", apdu.ExternalAuthenticate(t.issuer))
	if err != nil {
		return err
	}
	t.tsi.Set(IssuerAuthPerformed)
	if resp.SW != apdu.OK {
		t.tvr.Set(IssuerAuthFailed)
	}
	return nil
}

// secondGenerateAC asks for a TC or an AAC, as who decided. verdict carries the outcome; err means there is
// none to be had from the card any more.
func (t *Transaction) secondGenerateAC(ctx context.Context, approved bool, who string) (verdict, err error) {
	request := byte(typeAAC)
	if approved {
		request = typeTC
	}
	if err := t.hashTransaction(t.cdol2); err != nil {
		return nil, err
	}
	data := t.cdol2.Build(t.value)
	defer clear(data)
	sent := t.snapshot()
	defer sent.wipe()
	combined := approved && t.usesCDA()
	answer, err := t.generateAC(ctx, request, combined, data)
	if err != nil {
		return nil, err
	}
	if answer.kind() == typeARQC {
		return nil, terminate("GENERATE AC: card asks for the issuer twice")
	}
	var failed error
	if combined && answer.kind() == typeTC {
		failed = t.verifyCombined(ctx, &answer, t.pdolData, t.cdol1Data, data)
	}
	t.ac.wipe()
	t.ac = answer
	switch {
	case failed != nil:
		return decide(Declined, "combined signature of the approval is not valid"), nil
	case answer.kind() == typeTC:
		t.clearing = sent.with(&answer)
		return decide(Approved, who+" and card approved"), nil
	case approved:
		return decide(Declined, who+" approved, card declined"+answer.reason()), nil
	default:
		return decide(Declined, who+" declined"), nil
	}
}

// ScriptResults returns '9F5B': five bytes for each issuer script that was sent to the card, or could not
// be. Nil when there was none.
func (t *Transaction) ScriptResults() []byte { return bytes.Clone(t.scripts) }
