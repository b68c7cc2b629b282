package c3

import (
	"bytes"
	"context"
	"errors"

	"smartreader/emvkernel/oda"
)

// version1 of fDDA is what cards have: the signature covers the payment. Version 0 does not.
const (
	version0 = 0x00
	version1 = 0x01
)

// authenticate verifies the card's signature, where there is one (Book C-3, 5.6). An approval by the card stands
// and falls with it; for a payment that goes online it is only known whether the card is genuine.
func (t *transaction) authenticate(ctx context.Context) error {
	if t.kind == typeAAC || !t.objects.Has(0x9F4B) && !t.offline() {
		return nil
	}
	t.tried = true
	number, err := t.verify()
	if err == nil {
		t.genuine = true
		t.objects.Set(0x9F4C, bytes.Clone(number)...)
		return nil
	}
	t.a.Log.DebugContext(ctx, "offline data authentication failed", "reason", err.Error())
	if !t.offline() {
		return nil
	}
	// Book C-3, 5.6.1.2.
	reason := "the card approves without proof that it is genuine: " + err.Error()
	switch {
	case t.ctq.has(ctqOnlineIfODA) && t.ttq[0]&ttqOfflineOnly == 0:
		t.requireOnline(reason)
	case t.ctq.has(ctqSwitchIfODA) && t.ttq[0]&ttqContact != 0:
		return t.elsewhere(reason)
	default:
		t.decline(reason)
	}
	return nil
}

var errVersion = errors.New("c3: fDDA of a version that is not accepted")

// verify runs fDDA: the way from the certification authority to the card's key, and the signature (Book C-3,
// 5.6.2 and Annex C).
func (t *transaction) verify() (number []byte, err error) {
	signed, err := t.signed()
	if err != nil {
		return nil, err
	}
	key, err := t.objects.Chain().ICCKey(&t.static, t.objects.Get(0x82))
	if err != nil {
		return nil, err
	}
	return oda.VerifyFDDA(key, t.objects.Get(0x9F4B), signed)
}

// signed is what the card signed besides its own dynamic data. A card that does not tell the version has none of
// the data that the newer one covers.
func (t *transaction) signed() ([]byte, error) {
	get := t.objects.Get
	switch {
	case t.proof.present && t.proof.version == version1:
		return bytes.Join([][]byte{get(0x9F37), get(0x9F02), get(0x5F2A), get(0x9F69)}, nil), nil
	case t.k.FDDAVersion0 && (!t.proof.present || t.proof.version == version0):
		return get(0x9F37), nil
	case !t.proof.present:
		return nil, &oda.Failure{What: "tag 9F69", Reason: oda.Missing}
	default:
		return nil, errVersion
	}
}
