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
		for i := 0; i < len(t.afl); i += 4 {
			if _, err := parseFile(t.afl[i : i+4]); err != nil {
				return err
			}
		}
		for i := 0; i < len(t.afl); i += 4 {
			f, _ := parseFile(t.afl[i : i+4])
			if err := t.readFile(ctx, f); err != nil {
				return err
			}
		}
		return t.checkMandatory()
	})
}

// file is one entry of the application file locator: records first to last of file sfi, of which the
// first signed ones are part of the static data to be authenticated.
type file struct {
	sfi         byte
	first, last byte
	signed      byte
}

func parseFile(b []byte) (file, error) {
	f := file{sfi: b[0] >> 3, first: b[1], last: b[2], signed: b[3]}
	if b[0]&0x07 != 0 || f.sfi < 1 || f.sfi > 30 || f.first < 1 || f.last < f.first || int(f.signed) > int(f.last)-int(f.first)+1 {
		return file{}, terminate("application file locator with an impossible entry")
	}
	return f, nil
}

func (t *Transaction) readFile(ctx context.Context, f file) error {
	for n := int(f.first); n <= int(f.last); n++ {
		resp, err := t.exchange(ctx, "READ RECORD", apdu.ReadRecord(f.sfi, byte(n)))
		if err != nil {
			return err
		}
		if resp.SW != apdu.OK {
			return terminate(fmt.Sprintf("READ RECORD %d of file %d: %v", n, f.sfi, resp.SW))
		}
		if n-int(f.first) < int(f.signed) {
			t.static.AddRecord(f.sfi, resp.Data)
		}
		if f.sfi > 10 {
			continue // a payment system's or the issuer's own file: signed perhaps, not interpreted
		}
		record, rest, err := tlv.ParseOne(resp.Data)
		if err != nil || record.Tag != 0x70 || len(rest) != 0 {
			return terminate(fmt.Sprintf("record %d of file %d is not one template 70", n, f.sfi))
		}
		for e, err := range tlv.All(record.Value) {
			if err != nil {
				return terminate(fmt.Sprintf("record %d of file %d is malformed", n, f.sfi))
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
	if t.pan, ok = accountNumber(t.card[0x5A]); !ok {
		return terminate("malformed account number")
	}
	if t.expiry, ok = parseDate(t.card[0x5F24]); !ok {
		return terminate("malformed expiry date")
	}
	if track, have := t.card[0x57]; have {
		pan, ok := trackAccount(track)
		fits := ok && bytes.Equal(pan, t.pan)
		pan.Wipe()
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

// accountNumber decodes '5A': up to 19 digits in up to ten bytes, filled with 'F'.
func accountNumber(b []byte) (Secret, bool) {
	if len(b) > 10 {
		return nil, false
	}
	digits, n := leadingDigits(b)
	for ; n < 2*len(b); n++ {
		if nibble(b, n) != 0x0F {
			return nil, false
		}
	}
	return digits, len(digits) >= 8 && len(digits) <= 19
}

// trackAccount decodes the account number of '57': the digits up to the separator 'D'. Behind it stand
// expiry date (4 digits), service code (3) and discretionary data, all digits, and one 'F' where that
// leaves half a byte (EMV Book 3, Annex A, "Track 2 Equivalent Data").
func trackAccount(b []byte) (Secret, bool) {
	digits, n := leadingDigits(b)
	if len(b) > 19 || n >= 2*len(b) || nibble(b, n) != 0x0D {
		return nil, false
	}
	end := 2 * len(b)
	if nibble(b, end-1) == 0x0F {
		end--
	}
	if end-n-1 < 4+3 {
		return nil, false
	}
	for i := n + 1; i < end; i++ {
		if nibble(b, i) > 9 {
			return nil, false
		}
	}
	return digits, true
}

func leadingDigits(b []byte) (digits Secret, n int) {
	digits = make(Secret, 0, 2*len(b))
	for n < 2*len(b) && nibble(b, n) <= 9 {
		digits = append(digits, '0'+nibble(b, n))
		n++
	}
	return digits, n
}

func nibble(b []byte, i int) byte {
	if i%2 == 0 {
		return b[i/2] >> 4
	}
	return b[i/2] & 0x0F
}
