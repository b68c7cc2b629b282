package emvkernel

import (
	"bytes"
	"context"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// Bits of the application interchange profile, '82', byte 1 (EMV Book 3, Annex C1). "Terminal risk
// management is to be performed" is not looked at, see ManageRisk.
const (
	aipSDA        = 0x40
	aipDDA        = 0x20
	aipCVM        = 0x10
	aipIssuerAuth = 0x04
	aipCDA        = 0x01
)

// InitiateApplication gives the card the data its PDOL asks for and learns what it supports and which
// records to read (EMV Book 3, 10.1 and 6.5.8). A card that answers '6985' withdraws the application:
// the outcome is SelectAgain. Any other status but '9000' ends the transaction.
func (t *Transaction) InitiateApplication(ctx context.Context) (Outcome, error) {
	return t.step(ctx, "initiate application", toInitiate, toRead, func(ctx context.Context) error {
		pdol, err := tlv.ParseDOL(t.card[0x9F38])
		if err != nil {
			return terminate("malformed PDOL")
		}
		t.pdolData = pdol.Build(t.value)
		resp, err := t.exchange(ctx, "GET PROCESSING OPTIONS", apdu.GetProcessingOptions(t.pdolData))
		if err != nil {
			return err
		}
		if resp.SW == apdu.ConditionsOfUse {
			return decide(SelectAgain, "card withdrew the application")
		}
		if resp.SW != apdu.OK {
			return terminate("GET PROCESSING OPTIONS: " + resp.SW.Error())
		}
		return t.readOptions(resp.Data)
	})
}

// readOptions decodes format 1 ('80': AIP, AFL) or format 2 ('77': data objects) of the answer. Nothing
// but AIP and AFL is taken from it: like the FCI it is not signed. What else it holds still may not
// come again in a record.
func (t *Transaction) readOptions(data []byte) error {
	e, rest, err := tlv.ParseOne(data)
	if err != nil || len(rest) != 0 {
		return terminate("GET PROCESSING OPTIONS: malformed answer")
	}
	var aip, afl []byte
	switch e.Tag {
	case 0x80:
		if len(e.Value) < 2 {
			return terminate("GET PROCESSING OPTIONS: answer too short")
		}
		aip, afl = e.Value[:2], e.Value[2:]
	case 0x77:
		list, err := e.Children()
		if err != nil {
			return terminate("GET PROCESSING OPTIONS: malformed answer")
		}
		for _, e := range list {
			if err := t.note(e); err != nil {
				return err
			}
			switch e.Tag {
			case 0x82:
				aip = e.Value
			case 0x94:
				afl = e.Value
			}
		}
	default:
		return terminate("GET PROCESSING OPTIONS: unknown format")
	}
	if len(aip) != 2 {
		return terminate("GET PROCESSING OPTIONS: no application interchange profile")
	}
	if len(afl) == 0 || len(afl)%4 != 0 {
		return terminate("GET PROCESSING OPTIONS: application file locator missing or of impossible length")
	}
	t.aip = [2]byte(aip)
	t.afl = bytes.Clone(afl)
	t.card[0x82], t.card[0x94] = bytes.Clone(aip), t.afl
	t.seen[0x82], t.seen[0x94] = true, true
	return nil
}
