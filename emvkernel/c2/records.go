package c2

import (
	"bytes"
	"context"
	"errors"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// stripeFile is how cards that have a magnetic stripe mode begin their locator: record 1 of file 1 is for
// that mode alone (Book C-2, state 3).
var stripeFile = apdu.File{SFI: 1, First: 1, Last: 1}

// records reads the card's records, each once (Book C-2, state 4). That of magnetic stripe mode is left
// out; the book does so only with readers that have the mode.
func (t *transaction) records(ctx context.Context) error {
	files := t.files
	if len(files) > 1 && files[0] == stripeFile {
		files = files[1:]
	}
	return t.read(ctx, files)
}

func (t *transaction) read(ctx context.Context, files []apdu.File) error {
	err := t.o.ReadRecords(ctx, t.a.Card, files, &t.static)
	if err == nil {
		return nil
	}
	if sw, ok := errors.AsType[apdu.SW](err); ok {
		return refused("READ RECORD", sw)
	}
	if errors.Is(err, tap.ErrMalformed) || errors.Is(err, tap.ErrTwice) {
		return invalid(l2ParsingError, err.Error())
	}
	return transport(ctx, err)
}

// limit refuses an amount beyond the transaction limit: that of the consumer's device where it verifies the
// cardholder (Book C-2, states 3 and 4 to 6). The payment goes to the card's next application, and without
// one Entry Point asks for another interface.
func (t *transaction) limit(context.Context) error {
	limits, ok := t.k.limits(t.a.Params.Currency)
	if !ok {
		return next(l2MaxLimitExceeded, 0, "no tap in this currency")
	}
	t.limits = limits
	most := limits.Transaction
	if t.onDevice {
		most = limits.OnDevice
	}
	if t.exceeds(most) {
		return next(l2MaxLimitExceeded, 0, "amount over the transaction limit")
	}
	t.cvmRequired = t.exceeds(limits.CVMRequired)
	return nil
}

// exceeds: the amount is beyond the limit. At the limit it is not: Book C-2 counts otherwise than Book B.
func (t *transaction) exceeds(limit *int64) bool { return limit != nil && t.a.Params.Amount > *limit }

// mandatory checks that what every transaction needs is there and fits together.
func (t *transaction) mandatory(context.Context) error {
	for _, tag := range []tlv.Tag{0x5A, 0x5F24, 0x8C} {
		if len(t.o.Get(tag)) == 0 {
			return invalid(l2CardDataMissing, "mandatory data missing: "+tag.String())
		}
	}
	pan, ok := emvkernel.AccountNumber(t.o.Get(0x5A))
	defer pan.Wipe()
	if !ok {
		return invalid(l2CardDataError, "account number malformed")
	}
	if image := t.o.Get(0x57); image != nil {
		track, ok := emvkernel.ParseTrack2(image)
		defer track.PAN.Wipe()
		if !ok || !bytes.Equal(track.PAN, pan) {
			return invalid(l2CardDataError, "track 2 image malformed or of another account")
		}
	}
	if s := t.o.Get(0x5F34); s != nil && (len(s) != 1 || s[0]>>4 > 9 || s[0]&0x0F > 9) {
		return invalid(l2CardDataError, "account sequence number malformed")
	}
	if t.expiry, ok = emvkernel.ParseDate(t.o.Get(0x5F24)); !ok {
		return invalid(l2CardDataError, "expiry date malformed")
	}
	var err error
	if t.cdol1, err = tlv.ParseDOL(t.o.Get(0x8C)); err != nil {
		return malformed("CDOL1")
	}
	return nil
}
