package emvkernel

import (
	"bytes"
	"context"
	"errors"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tlv"
)

// method is the way the card is authenticated offline.
type method byte

const (
	methodNone method = iota
	methodSDA
	methodDDA
	methodCDA
)

// AuthenticateData authenticates the card with the strongest method both sides support: CDA, DDA, SDA
// (EMV Book 3, 10.3). With CDA only the keys are recovered here; the signature comes with the
// cryptogram, and "performed" is set then; a card that declines, unsigned, leaves it unset [unverified].
//
// An authentication that fails is not the end: the TVR records it and terminal action analysis
// decides. A card that breaks the protocol of INTERNAL AUTHENTICATE ends the transaction.
func (t *Transaction) AuthenticateData(ctx context.Context) (Outcome, error) {
	return t.step(ctx, "authenticate data", toAuthenticate, toRestrict, func(ctx context.Context) error {
		t.method = t.chooseMethod()
		if t.method == methodNone {
			t.tvr.Set(ODANotPerformed)
			return nil
		}
		failed := t.checkPresent()
		switch t.method {
		case methodSDA:
			t.tvr.Set(SDASelected)
			if failed == nil {
				failed = t.authenticateStatic()
			}
		case methodDDA:
			if failed == nil {
				failed = t.authenticateDynamic(ctx)
			}
		case methodCDA:
			if failed == nil {
				failed = t.prepareCombined()
			}
			if failed == nil {
				return nil // the signature is still to come
			}
		}
		t.tsi.Set(ODAPerformed)
		if failed == nil {
			t.authenticated = t.method == methodDDA
			return nil
		}
		if _, ok := errors.AsType[*oda.Failure](failed); !ok {
			return failed
		}
		t.recordFailure(ctx, failed)
		return nil
	})
}

func (t *Transaction) chooseMethod() method {
	able := t.capabilities()[2]
	switch {
	case t.aip[0]&aipCDA != 0 && able&canCDA != 0:
		return methodCDA
	case t.aip[0]&aipDDA != 0 && able&canDDA != 0:
		return methodDDA
	case t.aip[0]&aipSDA != 0 && able&canSDA != 0:
		return methodSDA
	default:
		return methodNone
	}
}

// recordFailure sets the TVR bit of the method, and "ICC data missing" when that was the reason
// (EMV Book 3, 7.5).
func (t *Transaction) recordFailure(ctx context.Context, failed error) {
	if errors.Is(failed, oda.Missing) {
		t.tvr.Set(ICCDataMissing)
	}
	switch t.method {
	case methodSDA:
		t.tvr.Set(SDAFailed)
	case methodDDA:
		t.tvr.Set(DDAFailed)
	case methodCDA:
		t.tvr.Set(CDAFailed)
	}
	t.authenticated = false
	t.log.DebugContext(ctx, "offline data authentication failed", "reason", failed.Error())
}

// chain is the card's way to its keys.
func (t *Transaction) chain() oda.Chain {
	return oda.Chain{
		Get: func(tag tlv.Tag) []byte { return t.card[tag] }, RID: t.card[0x84][:5],
		Keys: t.cfg.CAKeys, Revoked: t.cfg.Revoked, On: t.params.Time,
	}
}

func (t *Transaction) checkPresent() error {
	if t.method == methodSDA {
		return t.chain().Need(0x8F, 0x90, 0x9F32, 0x93)
	}
	return t.chain().Need(0x8F, 0x90, 0x9F32, 0x9F46, 0x9F47)
}

func (t *Transaction) authenticateStatic() error {
	chain := t.chain()
	issuer, err := chain.IssuerKey()
	if err != nil {
		return err
	}
	static, err := chain.StaticData(&t.static, t.aip[:])
	if err != nil {
		return err
	}
	dac, err := oda.VerifySSAD(issuer, t.card[0x93], static)
	if err != nil {
		return err
	}
	t.card[0x9F45] = bytes.Clone(dac)
	return nil
}

// defaultDDOL asks for the unpredictable number alone.
var defaultDDOL = []byte{0x9F, 0x37, 0x04}

// authenticateDynamic runs DDA (EMV Book 2, 6.5). A list without the unpredictable number would let a
// recorded signature pass, so it is a failure whoever wrote it.
func (t *Transaction) authenticateDynamic(ctx context.Context) error {
	key, err := t.chain().ICCKey(&t.static, t.aip[:])
	if err != nil {
		return err
	}
	raw, present := t.card[0x9F49]
	if !present {
		raw = t.app.DefaultDDOL
		if len(raw) == 0 {
			raw = defaultDDOL
		}
	}
	ddol, err := tlv.ParseDOL(raw)
	if err != nil || !asksForUN(ddol) || ddol.Size() > apdu.MaxData {
		return &oda.Failure{What: "DDOL", Reason: oda.NoUnpredictable}
	}
	data := ddol.Build(t.value)
	resp, err := t.exchange(ctx, "INTERNAL AUTHENTICATE", apdu.InternalAuthenticate(data))
	if err != nil {
		return err
	}
	// Book 3, 6.5.9.4, says that a malformed answer ends the transaction; that a refusal does too is one
	// public kernel's reading [unverified].
	if resp.SW != apdu.OK {
		return terminate("INTERNAL AUTHENTICATE: " + resp.SW.Error())
	}
	sdad, err := signatureOf(resp.Data)
	if err != nil {
		return err
	}
	number, err := oda.VerifyDDA(key, sdad, data)
	if err != nil {
		return err
	}
	t.card[0x9F4C] = bytes.Clone(number)
	return nil
}

// signatureOf takes the signature out of the answer to INTERNAL AUTHENTICATE: format 1 is the bare
// signature in '80', format 2 carries '9F4B' in '77' (EMV Book 3, 6.5.9.4).
func signatureOf(data []byte) ([]byte, error) {
	e, rest, err := tlv.ParseOne(data)
	if err != nil || len(rest) != 0 {
		return nil, terminate("INTERNAL AUTHENTICATE: malformed answer")
	}
	switch e.Tag {
	case 0x80:
		return e.Value, nil
	case 0x77:
		list, err := e.Children()
		if err != nil {
			return nil, terminate("INTERNAL AUTHENTICATE: malformed answer")
		}
		sdad, ok := tlv.Find(list, 0x9F4B)
		if !ok {
			return nil, terminate("INTERNAL AUTHENTICATE: no signature in the answer")
		}
		return sdad.Value, nil
	default:
		return nil, terminate("INTERNAL AUTHENTICATE: unknown format")
	}
}

// prepareCombined recovers the key CDA will need. That the card is told the unpredictable number is
// not checked here: the signature covers it, and a card that does not know it cannot sign.
func (t *Transaction) prepareCombined() (err error) {
	t.iccKey, err = t.chain().ICCKey(&t.static, t.aip[:])
	return err
}

// asksForUN: for all four bytes; with fewer, a handful of recorded signatures would do.
func asksForUN(dol tlv.DOL) bool {
	for _, item := range dol {
		if item.Tag == 0x9F37 && item.Length >= 4 {
			return true
		}
	}
	return false
}
