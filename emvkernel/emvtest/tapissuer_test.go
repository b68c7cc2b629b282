package emvtest

import (
	"testing"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// tapped makes a payment by tap and returns what the issuer is sent.
func tapped(t *testing.T, text string, set map[tlv.Tag][]byte) map[tlv.Tag][]byte {
	t.Helper()
	d := newTapDesk(t, parse(t, text), nil)
	for tag, v := range set {
		d.values[tag] = v
	}
	d.start()
	if d.read[0x9F26] == nil {
		d.keep(d.good(apdu.GenerateAC(apdu.RequestARQC, d.dol(d.app().cdol1))), 0x77)
	}
	out := map[tlv.Tag][]byte{}
	for tag, v := range d.values {
		if tag != 0x8A {
			out[tag] = v
		}
	}
	for _, tag := range []tlv.Tag{0x82, 0x5A, 0x57, 0x5F24, 0x5F34, 0x9F10, 0x9F26, 0x9F27, 0x9F36, 0x9F6C} {
		if v := d.read[tag]; v != nil {
			out[tag] = v
		}
	}
	if d.app().tap.kind == tapVisa {
		delete(out, 0x9F34)
	}
	return out
}

func amountOf(digits ...byte) []byte { return append(make([]byte, 6-len(digits)), digits...) }

// Amounts that end with .02 and .03 want a PIN of who taps, unless the cardholder was verified; the other
// endings, and those of a card that was inserted, are as ever.
func TestIssuerAsksForPINByTap(t *testing.T) {
	const visa, mastercard = "application visa\npan 4242424242424242\n", "application mastercard\npan 5555555555554444\n"
	const phone = "tap-device phone\ntap-cdcvm done\n"
	onlinePIN := []byte{0x02, 0x00, 0x00}
	onDevice := []byte{0x01, 0x00, 0x02}
	for _, c := range []struct {
		text string
		set  map[tlv.Tag][]byte
		want string // decline code
	}{
		{visa, map[tlv.Tag][]byte{0x9F02: amountOf(0x12, 0x50)}, ""},
		{visa, map[tlv.Tag][]byte{0x9F02: amountOf(0x12, 0x02)}, "offline_pin_required"},
		{visa, map[tlv.Tag][]byte{0x9F02: amountOf(0x12, 0x03)}, "online_or_offline_pin_required"},
		{visa, map[tlv.Tag][]byte{0x9F02: amountOf(0x12, 0x05)}, "generic_decline"},
		{visa, map[tlv.Tag][]byte{0x9F02: amountOf(0x12, 0x03), 0x5F2A: {0x03, 0x92}}, ""}, // yen have no cents
		{visa + "tap-cvm online-pin always\n", map[tlv.Tag][]byte{0x9F02: amountOf(0x12, 0x03)}, ""},
		{visa + "tap-cvm online-pin always\n", map[tlv.Tag][]byte{0x9F02: amountOf(0x12, 0x02)}, "offline_pin_required"},
		{visa + phone, map[tlv.Tag][]byte{0x9F02: amountOf(0x12, 0x02)}, ""},
		{visa + phone, map[tlv.Tag][]byte{0x9F02: amountOf(0x12, 0x03)}, ""},
		{visa + phone, map[tlv.Tag][]byte{0x9F02: amountOf(0x12, 0x05)}, "generic_decline"},
		{mastercard, map[tlv.Tag][]byte{0x9F02: amountOf(0x12, 0x03)}, "online_or_offline_pin_required"},
		{mastercard, map[tlv.Tag][]byte{0x9F02: amountOf(0x12, 0x03), 0x9F34: onlinePIN}, ""},
		{mastercard, map[tlv.Tag][]byte{0x9F02: amountOf(0x12, 0x02), 0x9F34: onlinePIN}, "offline_pin_required"},
		{mastercard + phone, map[tlv.Tag][]byte{0x9F02: amountOf(0x12, 0x03), 0x9F34: onDevice}, ""},
		{mastercard, map[tlv.Tag][]byte{0x9F34: onDevice}, "generic_decline"},
		{visa + "expiry 2026-02-28\n", nil, "expired_card"},
		{visa + "expiry 2026-03-31\n", nil, ""},
		{visa + "tap-issuer decline offline_pin_required\n", nil, "offline_pin_required"},
		{visa + phone + "tap-issuer decline offline_pin_required\n", nil, ""},
		{visa + "tap-cvm online-pin always\ntap-issuer decline online_or_offline_pin_required\n", nil, ""},
		{visa + phone + "issuer decline lost_card\n", nil, "lost_card"},
	} {
		check, err := NewIssuer(parse(t, c.text)).Check(encode(tapped(t, c.text, c.set)))
		if err != nil || check.Verdict != Genuine || !check.Tap || check.Decision.DeclineCode != c.want {
			t.Errorf("%q %X: %v (%s) %+v %v, want %q", c.text, c.set, check.Verdict, check.Reason, check.Decision, err, c.want)
		}
	}
	d := newDesk(t, parse(t, visa), nil)
	d.values[0x9F02] = amountOf(0x12, 0x02)
	d.begin()
	check, err := NewIssuer().Check(encode(d.payment(d.generate(apdu.RequestARQC, false))))
	if err != nil || !check.Decision.Approved || check.Tap {
		t.Errorf("inserted: %+v, %v", check, err)
	}
}

// Whoever sits between terminal and card can claim a verification, but not in the card's cryptogram.
func TestIssuerBelievesTheCardAlone(t *testing.T) {
	const visa = "application visa\npan 4242424242424242\n"
	payment := tapped(t, visa, nil)
	for name, ctq := range map[string][]byte{"on the device": {0x00, 0x80}, "online PIN": {0x80, 0x00}} {
		payment[0x9F6C] = ctq
		check, err := NewIssuer().Check(encode(payment))
		if err != nil || check.Decision.DeclineCode != "generic_decline" || check.OnDevice {
			t.Errorf("verified %s, says somebody: %+v, %v", name, check, err)
		}
	}
	// The qualifiers are Visa's: with others the tag means something else.
	payment = tapped(t, "application mastercard\npan 5555555555554444\n", nil)
	payment[0x9F6C] = []byte{0x80, 0x80}
	if check, err := NewIssuer().Check(encode(payment)); err != nil || !check.Decision.Approved {
		t.Errorf("Mastercard with '9F6C': %+v, %v", check, err)
	}
	// Altered data is found by tap as by contact.
	for _, item := range cryptogramTags {
		payment := tapped(t, visa, nil)
		if check, err := NewIssuer().Check(encode(altered(payment, item.Tag, item.Length-1))); err == nil && check.Verdict != CryptogramMismatch {
			t.Errorf("%s altered: %v", item.Tag, check.Verdict)
		}
	}
	payment = tapped(t, visa, nil)
	if check, err := NewIssuer().Check(encode(altered(payment, 0x9F10, 6))); err != nil || check.Verdict != CryptogramMismatch {
		t.Errorf("card verification results altered: %v, %v", check.Verdict, err)
	}
}
