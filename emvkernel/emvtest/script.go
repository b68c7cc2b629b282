package emvtest

import "smartreader/emvkernel/apdu"

// script answers a command of the issuer. The card takes any of them once it has asked for the issuer. It
// checks no MAC and does nothing: whether a command arrives, and what becomes of a refusal, is all a
// terminal can show.
func (c *Card) script() apdu.Response {
	if c.session.generated == 0 || c.session.firstAC != typeARQC {
		return status(apdu.ConditionsOfUse)
	}
	return status(apdu.OK)
}
