package emvkernel

import (
	"bytes"
	"context"
	"fmt"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// ReadData reads the records the application file locator names, collects the static data to be
// authenticated, and checks that the mandatory data is there and well-formed (EMV Book 3, 10.2 and
// 7.2). Any fault ends the transaction.
func (t *Transaction) ReadData(ctx context.Context) (Outcome, error) {
	return t.step(ctx, "read data", toRead, toAuthenticate, func(ctx context.Context) error {
		// The whole locator is checked before the first record is asked for.
		files, err := apdu.ParseLocator(t.afl)
		if err != nil {
			return terminate("application file locator with an impossible entry")
		}
		for _, f := range files {
			if err := t.readFile(ctx, f); err != nil {
				return err
			}
		}
		return t.checkMandatory()
	})
}

func (t *Transaction) readFile(ctx context.Context, f apdu.File) error {
	for n := int(f.First); n <= int(f.Last); n++ {
		resp, err := t.exchange(ctx, "READ RECORD", apdu.ReadRecord(f.SFI, byte(n)))
		if err != nil {
			return err
		}
		if resp.SW != apdu.OK {
			return terminate(fmt.Sprintf("READ RECORD %d of file %d: %v", n, f.SFI, resp.SW))
		}
		if n-int(f.First) < int(f.Signed) {
			t.static.AddRecord(f.SFI, resp.Data)
		}
		if f.SFI > 10 {
			continue // a payment system's or the issuer's own file: signed perhaps, not interpreted
		}
		record, rest, err := tlv.ParseOne(resp.Data)
		if err != nil || record.Tag != 0x70 || len(rest) != 0 {
			return terminate(fmt.Sprintf("record %d of file %d is not one template 70", n, f.SFI))
		}
		for e, err := range tlv.All(record.Value) {
			if err != nil {
				return terminate(fmt.Sprintf("record %d of file %d is malformed", n, f.SFI))
			}
			if err := t.note(e); err != nil {
				return err
			}
			t.keep(e)
		}
	}
	return nil
}

// checkMandatory checks account number, expiry date, CDOL1 and CDOL2, which only records can have
// given, that the track 2 image, if there is one, is well-formed and of the same account, and the
// sequence number, if there is one (EMV Book 3, 7.2 and 7.5). What is malformed here would be sealed
// and first noticed when the payment is forwarded.
func (t *Transaction) checkMandatory() error {
	for _, tag := range []tlv.Tag{0x5A, 0x5F24, 0x8C, 0x8D} {
		if len(t.card[tag]) == 0 {
			return terminate("mandatory data missing: " + tag.String())
		}
	}
	var ok bool
	if t.pan, ok = AccountNumber(t.card[0x5A]); !ok {
		return terminate("malformed account number")
	}
	if t.expiry, ok = ParseDate(t.card[0x5F24]); !ok {
		return terminate("malformed expiry date")
	}
	if track, have := t.card[0x57]; have {
		parsed, ok := ParseTrack2(track)
		fits := ok && bytes.Equal(parsed.PAN, t.pan)
		parsed.PAN.Wipe()
		if !fits {
			return terminate("track 2 image does not fit the account number")
		}
	}
	if sequence, have := t.card[0x5F34]; have && (len(sequence) != 1 || nibble(sequence, 0) > 9 || nibble(sequence, 1) > 9) {
		return terminate("malformed account sequence number")
	}
	var err error
	if t.cdol1, err = tlv.ParseDOL(t.card[0x8C]); err != nil {
		return terminate("malformed CDOL1")
	}
	if t.cdol2, err = tlv.ParseDOL(t.card[0x8D]); err != nil {
		return terminate("malformed CDOL2")
	}
	return nil
}
