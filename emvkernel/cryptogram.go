package emvkernel

import (
	"bytes"
	"context"
	"crypto/sha1"
	"errors"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tlv"
)

// Cryptogram types: the upper bits of P1 of GENERATE AC and of the cryptogram information data.
const (
	typeMask = 0xC0
	typeAAC  = apdu.RequestAAC
	typeTC   = apdu.RequestTC
	typeARQC = apdu.RequestARQC
)

// acAnswer is the answer to a GENERATE AC.
type acAnswer struct {
	cid      byte          // '9F27'
	atc      []byte        // '9F36', two bytes
	ac       []byte        // '9F26', eight bytes; nil when only the signature carries it
	iad      []byte        // '9F10', may be absent
	sdad     []byte        // '9F4B', only with CDA
	elements []tlv.Element // format 2, in the card's order
}

func (a *acAnswer) kind() byte { return a.cid & typeMask }

// wipe overwrites the answer: a card may say more in it than it has to.
func (a *acAnswer) wipe() {
	for _, v := range [][]byte{a.atc, a.ac, a.iad, a.sdad} {
		clear(v)
	}
	for _, e := range a.elements {
		clear(e.Raw)
	}
}

// Lower bits of the cryptogram information data (EMV Book 3, 6.5.5.4).
const (
	adviceRequested  = 0x08
	reasonMask       = 0x07
	reasonNotAllowed = 0x01
	reasonPINTries   = 0x02
	reasonIssuerAuth = 0x03
)

// reason says why the card declined, as far as it tells; it begins with a separator.
func (a *acAnswer) reason() string {
	switch a.cid & reasonMask {
	case reasonNotAllowed:
		return ": service not allowed"
	case reasonPINTries:
		return ": PIN try limit exceeded"
	case reasonIssuerAuth:
		return ": issuer authentication failed"
	default:
		return ""
	}
}

// height orders what a card may decide: it may answer with less than asked, never with more
// (EMV Book 3, 9.3 and 10.8).
func height(kind byte) int {
	switch kind {
	case typeAAC:
		return 0
	case typeARQC:
		return 1
	case typeTC:
		return 2
	default:
		return 3 // reserved: more than can be asked for
	}
}

// usesCDA: combined authentication was chosen and nothing failed so far.
func (t *Transaction) usesCDA() bool { return t.method == methodCDA && !t.tvr.Has(CDAFailed) }

// FirstGenerateAC asks the card for its decision, checks the combined signature if one was asked for,
// and keeps the data set an issuer needs to judge the cryptogram (ACData). The outcome is Approved
// (TC), Declined (AAC), OnlineRequest (ARQC), or NotAccepted when the card gives "service not allowed"
// as its reason.
//
// A TC whose combined signature fails is Declined. An ARQC whose signature fails is not sent either:
// the terminal asks at once for an AAC and the outcome is Declined (EMV Book 2, 6.6.2, with Book 4,
// 6.3.2.1 [unverified]).
func (t *Transaction) FirstGenerateAC(ctx context.Context) (Outcome, error) {
	return t.step(ctx, "first GENERATE AC", toFirstAC, over, func(ctx context.Context) error {
		if err := t.hashTransaction(t.cdol1); err != nil {
			return err
		}
		t.cdol1Data = t.cdol1.Build(t.value)
		sent := t.snapshot()
		defer sent.wipe()
		combined := t.usesCDA() && t.request != typeAAC
		answer, err := t.generateAC(ctx, t.request, combined, t.cdol1Data)
		if err != nil {
			return err
		}
		t.tsi.Set(CardRiskPerformed)
		var failed error
		if combined && answer.kind() != typeAAC {
			failed = t.verifyCombined(ctx, &answer, t.pdolData, t.cdol1Data)
		}
		t.ac = answer
		if failed == nil {
			t.acData = sent.with(&answer)
		}

		switch {
		case failed != nil && answer.kind() == typeARQC:
			return t.refuse(ctx)
		case failed != nil:
			return decide(Declined, "combined signature of the approval is not valid")
		case answer.kind() == typeTC:
			t.clearing = t.acData
			return decide(Approved, "card approved offline")
		case answer.kind() == typeARQC:
			return decide(OnlineRequest, "card asks for the issuer")
		case answer.cid&reasonMask == reasonNotAllowed:
			return decide(NotAccepted, "card does not allow the service")
		case t.request == typeAAC:
			return decide(Declined, "terminal declined")
		default:
			return decide(Declined, "card declined"+answer.reason())
		}
	})
}

// refuse ends a transaction whose ARQC cannot be trusted with the second GENERATE AC. Whatever the
// card answers changes nothing.
func (t *Transaction) refuse(ctx context.Context) error {
	t.arc = []byte(arcOfflineDeclined)
	err := t.takeLeave(ctx)
	if _, decided := errors.AsType[*decision](err); err != nil && !decided {
		return err
	}
	return decide(Declined, "combined signature of the online request is not valid")
}

// takeLeave asks for an AAC by the second GENERATE AC, so that the card ends its transaction in order.
// A default TDOL used for it shows in the TVR it sends and nowhere else: Receipt stays with the first
// cryptogram.
func (t *Transaction) takeLeave(ctx context.Context) error {
	defer func(first TVR) { t.tvr = first }(t.tvr)
	if err := t.hashTransaction(t.cdol2); err != nil {
		return err
	}
	data := t.cdol2.Build(t.value)
	defer clear(data)
	answer, err := t.generateAC(ctx, typeAAC, false, data)
	answer.wipe()
	return err
}

// generateAC sends the command and decodes the answer. The answer is well-formed, has a counter, has
// a cryptogram unless a signature may carry it, and is not higher than asked for.
func (t *Transaction) generateAC(ctx context.Context, kind byte, combined bool, data []byte) (acAnswer, error) {
	const name = "GENERATE AC"
	p1 := kind
	if combined {
		p1 |= apdu.RequestCDA
	}
	resp, err := t.exchange(ctx, name, apdu.GenerateAC(p1, data))
	if err != nil {
		return acAnswer{}, err
	}
	if resp.SW != apdu.OK {
		return acAnswer{}, terminate(name + ": " + resp.SW.Error())
	}
	a, err := parseAC(resp.Data)
	if err != nil {
		return acAnswer{}, err
	}
	if height(a.kind()) > height(kind) {
		return acAnswer{}, terminate(name + ": card answered with more than it was asked for")
	}
	if a.ac == nil && (!combined || a.kind() == typeAAC) {
		return acAnswer{}, terminate(name + ": no cryptogram in the answer")
	}
	return a, nil
}

// parseAC decodes format 1 ('80': CID, ATC, AC, issuer application data) or format 2 ('77': data
// objects) of the answer (EMV Book 3, 6.5.5.4).
func parseAC(data []byte) (acAnswer, error) {
	const malformed = "GENERATE AC: malformed answer"
	e, rest, err := tlv.ParseOne(data)
	if err != nil || len(rest) != 0 {
		return acAnswer{}, terminate(malformed)
	}
	var a acAnswer
	switch e.Tag {
	case 0x80:
		v := e.Value
		if len(v) < 11 || len(v) > 43 {
			return acAnswer{}, terminate(malformed)
		}
		a = acAnswer{cid: v[0], atc: v[1:3], ac: v[3:11]}
		if len(v) > 11 {
			a.iad = v[11:]
		}
		return a, nil
	case 0x77:
		if a.elements, err = e.Children(); err != nil {
			return acAnswer{}, terminate(malformed)
		}
	default:
		return acAnswer{}, terminate(malformed)
	}
	seen := map[tlv.Tag]bool{}
	haveCID := false
	for _, e := range a.elements {
		if seen[e.Tag] {
			return acAnswer{}, terminate("GENERATE AC: tag " + e.Tag.String() + " twice")
		}
		seen[e.Tag] = true
		ok := true
		switch e.Tag {
		case 0x9F27:
			if ok = len(e.Value) == 1; ok {
				a.cid, haveCID = e.Value[0], true
			}
		case 0x9F36:
			a.atc, ok = e.Value, len(e.Value) == 2
		case 0x9F26:
			a.ac, ok = e.Value, len(e.Value) == 8
		case 0x9F10:
			a.iad, ok = e.Value, len(e.Value) <= 32
		case 0x9F4B:
			a.sdad, ok = e.Value, len(e.Value) > 0
		}
		if !ok {
			return acAnswer{}, terminate("GENERATE AC: tag " + e.Tag.String() + " of wrong length")
		}
	}
	if !haveCID || a.atc == nil {
		return acAnswer{}, terminate("GENERATE AC: mandatory data missing in the answer")
	}
	return a, nil
}

// verifyCombined checks the signature of an answer and takes the cryptogram out of it. inputs are the
// data the card was given: PDOL, CDOL1 and, the second time, CDOL2 data. What is wrong is recorded in
// the TVR; an answer without a signature, which format 1 cannot carry, fails like a wrong one. A
// cryptogram in clear beside a signature that fails is as little worth as the signature, and dropped.
func (t *Transaction) verifyCombined(ctx context.Context, a *acAnswer, inputs ...[]byte) error {
	t.tsi.Set(ODAPerformed)
	transaction := bytes.Join(inputs, nil)
	for _, e := range a.elements {
		if e.Tag != 0x9F4B {
			transaction = append(transaction, e.Raw...)
		}
	}
	var proof oda.CDA
	var err error
	if a.sdad == nil {
		err = &oda.Failure{What: "CDA signature", Reason: oda.BadFormat}
	} else {
		proof, err = oda.VerifyCDA(t.iccKey, a.sdad, t.params.UnpredictableNumber[:], a.cid, transaction)
	}
	if err != nil {
		t.recordFailure(ctx, err)
		a.ac = nil
		return err
	}
	a.ac = proof.Cryptogram
	t.card[0x9F4C] = bytes.Clone(proof.Number)
	t.authenticated = true
	return nil
}

// hashTransaction computes the TC hash value ('98') when the list asks for it: SHA-1 over what the
// card's TDOL, or the terminal's default one, lists (EMV Book 3, 9.2.2). A terminal without a default
// one uses an empty list, and says so all the same [unverified].
func (t *Transaction) hashTransaction(dol tlv.DOL) error {
	if !dol.Contains(0x98) {
		return nil
	}
	raw, ok := t.card[0x97]
	if !ok {
		raw = t.app.DefaultTDOL
		t.tvr.Set(DefaultTDOLUsed)
	}
	tdol, err := tlv.ParseDOL(raw)
	if err != nil {
		return terminate("malformed TDOL")
	}
	sum := sha1.Sum(tdol.Build(t.value))
	t.tcHash = sum[:]
	return nil
}
