package c3

import (
	"context"
	"encoding/binary"
	"errors"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// read reads the records the card names. Most cards that go online name none: all there is was in the answer
// to GET PROCESSING OPTIONS (Book C-3, 5.3).
func (t *transaction) read(ctx context.Context) error {
	files, err := apdu.ParseLocator(t.objects.Get(0x94))
	if err != nil {
		return t.end("application file locator with an impossible entry")
	}
	if err := t.objects.ReadRecords(ctx, t.a.Card, files, &t.static); err != nil {
		return t.broken(ctx, err)
	}
	return nil
}

// broken is what comes of an exchange that did not end as it should: the end of ctx is an error, a card that
// is gone, or out of reach, is to be presented again, one that answers nonsense is done with.
func (t *transaction) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	_, status := errors.AsType[apdu.SW](err)
	if status || errors.Is(err, tap.ErrMalformed) || errors.Is(err, tap.ErrTwice) || errors.Is(err, tap.ErrTooMuch) || errors.Is(err, tap.ErrUnreadable) {
		return t.end(err.Error())
	}
	return t.tryAgain("the card left, or could not be heard: " + err.Error())
}

// mandatory are the data objects without which there is no payment (Book C-3, 5.4.2 and Annex A). Tags '84'
// and '9F38' were there, or there were no options.
var mandatory = []tlv.Tag{0x57, 0x82, 0x9F10, 0x9F26, 0x9F36}

// lengths are those of data objects that are looked at or sealed, in bytes (Book C-3, Annex A). Others are judged
// where they are read.
var lengths = []struct {
	tag      tlv.Tag
	min, max int
}{
	{0x5F28, 2, 2},
	{0x9F07, 2, 2},
	{0x9F10, 1, 32},
	{0x9F26, 8, 8},
	{0x9F27, 1, 1},
	{0x9F36, 2, 2},
	{0x9F5D, 6, 6},
	{0x9F69, 5, 16},
	{0x9F6C, 2, 2},
	{0x9F6E, 4, 32},
	{0x9F7C, 1, 32},
}

const noAccount = "account number or expiry date missing, malformed or not those of the track"

// complete checks what was read and takes from it what the steps need (Book C-3, 5.4).
func (t *transaction) complete() error {
	for _, tag := range mandatory {
		if len(t.objects.Get(tag)) == 0 {
			return t.end("mandatory data missing: " + tag.String())
		}
	}
	for _, want := range lengths {
		if v := t.objects.Get(want.tag); v != nil && (len(v) < want.min || len(v) > want.max) {
			return t.end("malformed data: " + want.tag.String())
		}
	}
	var ok bool
	if t.card, ok = t.look(); !ok {
		return t.end(noAccount)
	}
	if ffi := t.objects.Get(0x9F6E); len(ffi) == 4 {
		ffi[3] &= 0xF0 // the interface of this payment, which is the reader's to say: contactless (Book C-3, 4.1.1)
	}
	t.ctq = parseQualifiers(t.objects.Get(0x9F6C))
	t.proof = parseRelated(t.objects.Get(0x9F69))
	return t.decision()
}

// aipDynamic in byte 1 of '82': the card authenticates itself by a signature (EMV Book 3, Annex C1).
const aipDynamic = 0x20

// kind is the kind of a cryptogram, the two upper bits of '9F27'.
type kind byte

const (
	typeAAC  kind = 0x00
	typeTC   kind = 0x40
	typeARQC kind = 0x80
)

// decision is the card's. A card that does not say it in '9F27' has it in the card verification results,
// which are in '9F10' (Book C-3, 5.4.3).
func (t *transaction) decision() error {
	if cid := t.objects.Get(0x9F27); cid != nil {
		t.kind = kind(cid[0] & 0xC0)
	} else {
		iad := t.objects.Get(0x9F10)
		if len(iad) < 5 {
			return t.end("neither cryptogram information nor card verification results")
		}
		t.kind = kind(iad[4] << 2 & 0xC0)
		t.objects.Set(0x9F27, byte(t.kind))
	}
	switch t.kind {
	case typeARQC:
		t.requireOnline("the card asks for its issuer")
	case typeTC:
		if t.ttq[1]&ttqOnlineRequired != 0 {
			t.requireOnline("the card approves where its issuer is to be asked")
		}
	case typeAAC:
		t.decline("the card declines")
	default:
		t.decline("cryptogram of no known kind")
	}
	return nil
}

// qualifiers are the card transaction qualifiers, '9F6C' (Book C-3, Annex A).
type qualifiers struct {
	present bool
	raw     [2]byte
}

// Bits of byte 1 and 2, as one number.
const (
	ctqOnlinePIN      = 0x8000
	ctqSignature      = 0x4000
	ctqOnlineIfODA    = 0x2000 // go online if authentication fails
	ctqSwitchIfODA    = 0x1000 // switch interface if it fails
	ctqOnlineIfOld    = 0x0800 // go online if the application expired
	ctqSwitchCash     = 0x0400
	ctqSwitchCashback = 0x0200

	ctqConsumerDevice = 0x0080 // the consumer's device verified the cardholder
	ctqIssuerUpdate   = 0x0040
)

// parseQualifiers decodes '9F6C'; anything but two bytes is none.
func parseQualifiers(b []byte) qualifiers {
	if len(b) != 2 {
		return qualifiers{}
	}
	return qualifiers{present: true, raw: [2]byte(b)}
}

func (q qualifiers) has(bit uint16) bool { return binary.BigEndian.Uint16(q.raw[:])&bit != 0 }

// related is card authentication related data, '9F69': version, the card's unpredictable number, and a copy of
// the card transaction qualifiers, all of which the card signs (Book C-3, Annex A).
type related struct {
	present bool
	version byte
	ctq     qualifiers // the copy
}

// parseRelated decodes '9F69'. What is behind the copy is not known.
func parseRelated(b []byte) (r related) {
	if len(b) < 5 || len(b) > 16 {
		return related{}
	}
	r = related{present: true, version: b[0]}
	if len(b) >= 7 {
		r.ctq = parseQualifiers(b[5:7])
	}
	return r
}
