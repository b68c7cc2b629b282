package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/bojanz/currency"

	"smartreader/emvkernel/emvtest"
	"smartreader/firmware/platform"
	"smartreader/store/seal"
)

// decide gives the verdict on a submission seen for the first time and puts
// all that follows from it: the authorization always; intent, charge and the
// used cryptogram when the issuer was asked.
func (s *Sandbox) decide(t *tx, p *opened) ([]byte, error) {
	v, charged, err := s.judge(t, p)
	if err != nil {
		return nil, err
	}
	v.NaturalKey, v.Rescued = p.naturalKey, p.rescuedBy != ""
	encoded, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	a := authorization{
		NaturalKey: p.naturalKey, ReaderID: p.key.ReaderID, Sequence: p.key.Sequence,
		Facts: p.facts, Verdict: encoded, Offline: p.offline, RescuedBy: p.rescuedBy, AtMs: t.atMs, ChargeID: charged,
	}
	if v.Intent != nil {
		a.IntentID = v.Intent.ID
	}
	t.put(a)
	s.log.Info("submission", "naturalKey", p.naturalKey, "offline", p.offline, "rescuedBy", p.rescuedBy, "status", string(v.Status), "code", v.Code, "declineCode", v.DeclineCode)
	return encoded, nil
}

func failed(code, format string, args ...any) platform.Verdict {
	return platform.Verdict{Status: platform.StatusFailed, Code: code, Message: fmt.Sprintf(format, args...)}
}

// judge checks in the order: what the header says, what the card signed, which
// payment it is, whether it may be charged, what the issuer says. It returns
// the verdict and the id of the charge that was put, declined ones included.
func (s *Sandbox) judge(t *tx, p *opened) (v platform.Verdict, chargeID string, err error) {
	h := p.header
	if h.NaturalKey() != p.naturalKey {
		return failed(platform.CodeHeaderMismatch, "the envelope's header is of another natural key"), "", nil
	}
	if h.Livemode {
		return failed(platform.CodeLivemodeMismatch, "a live payment, sent to a platform in test mode"), "", nil
	}
	if h.Tip < 0 || h.Tip >= h.Amount {
		return failed(platform.CodeInvalidRequest, "tip is not a part of the amount"), "", nil
	}
	d := draft{amount: h.Amount, currency: h.Currency, captureMethod: h.CaptureMethod, description: h.Description, metadata: h.Metadata}
	if param, message := d.checkCharge(); param != "" {
		return failed(platform.CodeInvalidRequest, "%s %s", param, message), "", nil
	}
	card, err := parseCardData(p.plaintext)
	if err != nil {
		return failed(platform.CodeCryptogramInvalid, "%v", err), "", nil
	}
	card.pin = p.pin != nil
	checked, err := s.issuer.Check(card.raw)
	if err != nil {
		return failed(platform.CodeCryptogramInvalid, "%v", err), "", nil
	}
	if checked.ATC != p.key.ATC || checked.Cryptogram != p.key.Cryptogram {
		return failed(platform.CodeHeaderMismatch, "the sealed data is of another cryptogram"), "", nil
	}
	if checked.Amount != h.Amount || !sameCurrency(h.Currency, checked.Currency) {
		return failed(platform.CodeAmountMismatch, "the card signed another amount or currency than the payment's"), "", nil
	}
	if checked.Verdict == emvtest.CardApproved && !p.offline {
		return failed(platform.CodeInvalidRequest, "the card has approved: there is nothing to authorize"), "", nil
	}
	d.amount -= h.Tip // the intent was created without one
	o, bad := t.intentOf(h, d)
	if bad != nil {
		return *bad, "", nil
	}
	o.Amount, o.AmountTip = h.Amount, h.Tip
	if maxAge := known(s.settingsOf(t.state, p.caller.reader.LocationID).PaymentMaxAgeMs); p.tooOld(t.atMs, maxAge) {
		return failed(platform.CodeTooOld, "the payment was stored longer ago than the %v the platform allows", time.Duration(maxAge)*time.Millisecond), "", nil
	}
	used := usedCryptogram{Card: fingerprint(t.account.CardKey, checked), ATC: h.ATC, NaturalKey: p.naturalKey}
	before, again := t.cryptograms.get(used.key())
	if again && !t.wantsPIN(p, before) {
		return failed(platform.CodeCryptogramReplay, "this card's counter %s was used before", h.ATC), "", nil
	}
	switch checked.Verdict {
	case emvtest.CryptogramMismatch, emvtest.NotOnline:
		return failed(platform.CodeCryptogramInvalid, "%s: %s", checked.Verdict, checked.Reason), "", nil
	}
	if checked, err = s.checkPIN(t, p, card, checked, again); err != nil {
		return failed(platform.CodePINInvalid, "%v", err), "", nil
	}
	t.put(used)
	return s.charge(t, p, card, checked, o)
}

// wantsPIN reports whether a tap comes again with the PIN that its issuer wanted:
// the same cryptogram, for the same payment, right after that decline. The
// cardholder was there then: neither is one who tapped without internet, nor is
// anybody after another card was tried.
func (t *tx) wantsPIN(p *opened, before usedCryptogram) bool {
	if p.pin == nil || p.offline || !tapped(p.header) {
		return false
	}
	a, _ := t.authorizations.get(before.NaturalKey)
	c, ok := t.charges.get(a.ChargeID)
	o, _ := t.intents.get(a.IntentID)
	key, err := platform.ParseNaturalKey(before.NaturalKey)
	return ok && err == nil && c.DeclineCode == eitherPIN && !c.Offline && c.Key == p.header.Key && key.Cryptogram == p.key.Cryptogram &&
		o.LastDecline != nil && o.LastDecline.ChargeID == c.ID
}

// checkPIN holds the issuer's decision against the online PIN, when the terminal
// says that there was one, or the issuer has wanted it since.
func (s *Sandbox) checkPIN(t *tx, p *opened, card cardData, checked emvtest.CheckResult, wanted bool) (emvtest.CheckResult, error) {
	entered := wanted || card.saysPIN(p.header)
	switch {
	case !entered && p.pin == nil:
		return checked, nil
	case p.offline:
		return checked, errors.New("an online PIN, in a payment that was stored")
	case p.pin == nil:
		return checked, errors.New("the terminal says that an online PIN was entered, and there is none")
	case !entered:
		return checked, errors.New("an online PIN, and the terminal says that none was entered")
	}
	digits, err := s.openPIN(t, p.pin, card.number())
	if err != nil {
		return checked, fmt.Errorf("the PIN block cannot be read: %w", err)
	}
	defer clear(digits)
	if checked.Verdict != emvtest.Genuine {
		return checked, nil
	}
	if wanted { // what was declined for want of a PIN has one
		checked.Decision = s.issuer.Decide(card.number(), checked.Amount, checked.Currency)
	}
	if checked.Decision.Approved && !s.issuer.RightPIN(card.number(), digits) {
		checked.Decision = declined("incorrect_pin", "55")
	}
	return checked, nil
}

// charge books the issuer's decision.
func (s *Sandbox) charge(t *tx, p *opened, card cardData, checked emvtest.CheckResult, o intent) (platform.Verdict, string, error) {
	decision := decision(p.header, card, checked)
	c := charge{
		ID: newID("ch_"), IntentID: o.ID, NaturalKey: p.naturalKey, Key: p.header.Key, LocalID: p.header.LocalID,
		Amount: o.Amount, Currency: o.Currency,
		Approved: decision.Approved, DeclineCode: decision.DeclineCode,
		Offline: p.offline, StoredAtMs: p.storedAtMs, CreatedAtMs: t.atMs,
		LocationID: p.caller.reader.LocationID, ReaderID: p.caller.reader.ID,
		Card: card.present(p.header, checked, t.account.CardKey), RefundFails: card.refundFails(checked),
	}
	c.ByCard = checked.Verdict == emvtest.CardApproved
	c.Card.Receipt.AuthorizationResponseCode = string(decision.ARC[:])
	v := platform.Verdict{Status: platform.StatusDeclined, DeclineCode: decision.DeclineCode, ChargeID: c.ID}
	o.LatestChargeID = c.ID
	if decision.Approved {
		if !c.ByCard { // no issuer was asked, so none gave a code
			c.AuthorizationCode = authorizationCode()
		}
		c.Card.Receipt.AuthorizationCode = c.AuthorizationCode
		v.Status, v.AuthorizationCode = platform.StatusApproved, c.AuthorizationCode
		o.LiveCharge, o.LastDecline = p.naturalKey, nil
		if o.CaptureMethod == "manual" {
			o.Status, o.AmountCapturable = statusCapture, o.Amount
		} else {
			o.Status, o.AmountReceived, c.Captured = statusDone, o.Amount, o.Amount
		}
	} else {
		c.Message = "The card was declined: " + decision.DeclineCode + "."
		v.Message = c.Message
		o.LastDecline = &decline{Code: decision.DeclineCode, Message: c.Message, ChargeID: c.ID}
	}
	if !p.offline {
		v.ResponseCode = upper(decision.ARC[:])
		// An unknown card has no issuer that could sign an answer.
		if checked.Verdict == emvtest.Genuine {
			data, err := s.issuer.Respond(card.raw, decision.ARC)
			if err != nil {
				return platform.Verdict{}, "", err
			}
			v.IssuerAuthenticationData = upper(data)
		}
	}
	v.Intent = &o.PaymentIntent
	t.put(c)
	t.put(o)
	for _, a := range p.names() {
		if _, ok := t.aliases.get(a.Name); !ok {
			a.IntentID, a.AtMs = o.ID, t.atMs
			t.put(a)
		}
	}
	return v, c.ID, nil
}

// names are the payment's names besides the intent id.
func (p *opened) names() []alias {
	return []alias{{Name: keyAlias(p.header.Key)}, {Name: localAlias(p.header.ReaderID, p.header.LocalID), Key: p.header.Key}}
}

// intentOf finds the payment's intent by every name the header has, or makes a
// new one, and refuses what must not be charged.
func (t *tx) intentOf(h seal.Header, d draft) (intent, *platform.Verdict) {
	if h.Key == "" || h.LocalID == "" {
		v := failed(platform.CodeInvalidRequest, "the header has no key or no local id")
		return intent{}, &v
	}
	var found intent
	for _, find := range []func() (intent, bool){
		func() (intent, bool) { return t.intents.get(h.IntentID) },
		func() (intent, bool) { return t.intentNamed(keyAlias(h.Key)) },
		func() (intent, bool) { return t.intentNamed(localAlias(h.ReaderID, h.LocalID)) },
	} {
		o, ok := find()
		if ok && found.ID != "" && found.ID != o.ID {
			v := failed(platform.CodeHeaderMismatch, "the payment's names belong to different payment intents")
			return intent{}, &v
		}
		if ok {
			found = o
		}
	}
	switch {
	case h.IntentID != "" && h.IntentID != found.ID:
		v := failed(platform.CodeIntentNotFound, "no such payment intent")
		return intent{}, &v
	case found.ID == "":
		return t.newIntent(d), nil
	case found.base() != d.amount || found.Currency != d.currency || found.CaptureMethod != d.captureMethod:
		v := failed(platform.CodeAmountMismatch, "the payment intent has another amount, currency or capture method")
		return intent{}, &v
	case found.LiveCharge != "":
		v := failed(platform.CodeAlreadyCharged, "the payment has a live charge under another natural key")
		if a, ok := t.authorizations.get(found.LiveCharge); ok {
			v.Existing = new(platform.Verdict)
			if err := json.Unmarshal(a.Verdict, v.Existing); err != nil {
				v.Existing = nil
			}
		}
		v.Intent = &found.PaymentIntent
		return intent{}, &v
	case found.Status == statusCanceled:
		v := failed(platform.CodeIntentCanceled, "the payment intent was canceled")
		v.Intent = &found.PaymentIntent
		return intent{}, &v
	}
	return found, nil
}

// sameCurrency compares an ISO 4217 code with its numeric form from the card.
func sameCurrency(code string, numeric uint16) bool {
	text, ok := currency.GetNumericCode(upperASCII(code))
	if !ok {
		return false
	}
	n, err := strconv.Atoi(text)
	return err == nil && n == int(numeric)
}

func upperASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}
