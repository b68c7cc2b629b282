package emvtest

import (
	"bytes"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// tagInteraction is the POS cardholder interaction information (EMV Contactless Book C-2, Annex A).
const tagInteraction tlv.Tag = 0xDF4B

// interaction is 'DF4B' of a consumer's device: it was unlocked (byte 2, b5), or wants to be (b1).
func (s *session) interaction(app *personalised) []byte {
	if !s.tap || app.tap.kind != tapMastercard || app.tap.cdcvm == "no" {
		return nil
	}
	value := []byte{0x00, 0x10, 0x00}
	if s.locked {
		value[1] = 0x01
	}
	return app.object(nil, tagInteraction, value...)
}

// generateByTap answers GENERATE AC by tap: once, there is no second one.
func (c *Card) generateByTap(cmd apdu.Command) apdu.Response {
	app := c.session.app
	if app == nil || app.tap.kind != tapMastercard || app.tap.mode != "emv" {
		return status(apdu.ConditionsOfUse)
	}
	if len(cmd.Data) == app.cdol1.Size() {
		c.session.onlinePIN = claimedMethod(pick(app.cdol1, cmd.Data, 0x9F34)) == 0x02
	}
	r := c.extra(c.generateAC(cmd))
	if r.SW == apdu.OK && app.tap.recovers {
		c.recoverableAnswer(app, pick(app.cdol1, cmd.Data, 0x9F37), r.Data)
	}
	return r
}

// claimedMethod is the method of '9F34', without the bit that says what a failure leads to; 0 for none.
func claimedMethod(results []byte) byte {
	if len(results) != 3 {
		return 0
	}
	return results[0] &^ orNextRule
}

// exchangeRelayData answers EXCHANGE RELAY RESISTANCE DATA (EMV Contactless Book C-2): up to three times,
// before GENERATE AC.
func (c *Card) exchangeRelayData(cmd apdu.Command) apdu.Response {
	app := c.session.app
	switch {
	case app == nil || !c.session.initiated || c.session.generated > 0 || c.session.relays == 3:
		return status(apdu.ConditionsOfUse)
	case !app.tap.relay.set:
		return status(apdu.INSNotSupported)
	case cmd.P1 != 0 || cmd.P2 != 0:
		return status(apdu.WrongP1P2)
	case len(cmd.Data) != 4:
		return status(apdu.WrongLength)
	}
	c.session.relays++
	answer := append(c.state.draw(c.profile.Name, 4), app.tap.relay.bytes()...)
	c.session.relay = append(bytes.Clone(cmd.Data), answer...)
	if app.has(faultRelayTimes) {
		answer[7]++
	}
	return success(tlv.Append(nil, 0x80, answer...))
}
