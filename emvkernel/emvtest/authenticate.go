package emvtest

import (
	"bytes"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

const dynamicNumberBytes = 8

// dynamicNumber starts the ICC dynamic data: its length, then the number (EMV Book 2, "Dynamic
// Signature Generation").
func (c *Card) dynamicNumber(app *personalised) []byte {
	n := dynamicNumberBytes
	if app.has(faultDynamicNumber) {
		n++
	}
	return append([]byte{byte(n)}, c.state.draw(c.profile.Name, n)...)
}

// internalAuthenticate answers INTERNAL AUTHENTICATE (EMV Book 3, 6.5.9): the dynamic signature of DDA.
func (c *Card) internalAuthenticate(cmd apdu.Command) apdu.Response {
	app := c.session.app
	switch {
	case app == nil || !c.session.initiated || c.session.generated > 0:
		return status(apdu.ConditionsOfUse)
	case app.icc == nil:
		return status(apdu.INSNotSupported)
	case cmd.P1 != 0 || cmd.P2 != 0:
		return status(apdu.WrongP1P2)
	case len(cmd.Data) != app.ddol.Size():
		return status(apdu.WrongLength)
	}
	signature := signDynamic(app.icc, formatSDAD, c.dynamicNumber(app), cmd.Data, app.flaw(dynamicSigned))
	c.session.ddaDone = true
	if app.format == 0x80 {
		return success(tlv.Append(nil, 0x80, app.value(0x9F4B, signature)...))
	}
	return success(tlv.Append(nil, 0x77, app.object(nil, 0x9F4B, signature...)...))
}

// externalAuthenticate answers EXTERNAL AUTHENTICATE (EMV Book 3, 6.5.4): once, between the two
// GENERATE ACs, with the issuer authentication data.
func (c *Card) externalAuthenticate(cmd apdu.Command) apdu.Response {
	app := c.session.app
	switch {
	case app == nil || !c.session.initiated:
		return status(apdu.ConditionsOfUse)
	case app.issuerAuthentication.way != "external":
		return status(apdu.INSNotSupported)
	case cmd.P1 != 0 || cmd.P2 != 0:
		return status(apdu.WrongP1P2)
	case cmd.Le != apdu.NoLe && !c.profile.t0, len(cmd.Data) < 8 || len(cmd.Data) > 16:
		return status(apdu.WrongLength)
	case c.session.generated != 1 || c.session.firstAC != typeARQC || c.session.externally:
		return status(apdu.ConditionsOfUse)
	}
	c.session.externally = true
	c.checkIssuer(app, cmd.Data)
	if c.session.issuer == forged {
		return status(apdu.WarningChanged)
	}
	return status(apdu.OK)
}

// checkIssuer verifies the issuer authentication data ('91'): ARPC and authorisation response code.
func (c *Card) checkIssuer(app *personalised, data []byte) {
	memory := c.memory(app)
	c.session.issuer = forged
	if len(data) == issuerDataBytes && !app.has(faultIssuerForged) {
		arc := [2]byte(data[8:])
		session := deriveSessionKey(app.master, memory.ATC)
		if arpc(session, c.session.arqc, arc) == [8]byte(data[:8]) {
			c.session.issuer = refused
			if approves(arc) {
				c.session.issuer = genuine
			}
		}
	}
	memory.IssuerFailed = c.session.issuer == forged
	c.remember(app, memory)
}

// approves knows the authorisation response codes that mean yes (ISO 8583: 00 approved, 08 honour with
// identification, 10 partly, 11 VIP).
func approves(arc [2]byte) bool {
	switch string(arc[:]) {
	case "00", "08", "10", "11":
		return true
	}
	return false
}

// getChallenge answers GET CHALLENGE (EMV Book 3, 6.5.6): once for each enciphered PIN.
func (c *Card) getChallenge(cmd apdu.Command) apdu.Response {
	switch {
	case len(cmd.Data) > 0:
		return status(apdu.WrongLength)
	case cmd.P1 != 0 || cmd.P2 != 0:
		return status(apdu.WrongP1P2)
	}
	c.session.challenge = c.state.draw(c.profile.Name, challengeBytes)
	return success(bytes.Clone(c.session.challenge))
}
