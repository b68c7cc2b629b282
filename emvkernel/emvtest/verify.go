package emvtest

import (
	"bytes"
	"crypto/subtle"

	"smartreader/emvkernel/apdu"
)

const challengeBytes = 8

// pinResult is what the card knows of its cardholder in this transaction.
type pinResult byte

const (
	pinNotChecked pinResult = iota
	pinRight
	pinWrong
)

// P2 of VERIFY.
const (
	plainPIN      = 0x80
	encipheredPIN = 0x88
)

// verify answers VERIFY (EMV Book 3, 6.5.12), before the first GENERATE AC, of a card whose CVM list has
// the kind of PIN.
func (c *Card) verify(cmd apdu.Command) apdu.Response {
	app := c.session.app
	challenge := c.session.challenge
	c.session.challenge = nil
	switch {
	case app == nil || !c.session.initiated || c.session.generated > 0:
		return status(apdu.ConditionsOfUse)
	case cmd.P1 != 0 || !app.takesPIN(cmd.P2):
		return status(apdu.WrongP1P2)
	case cmd.Le != apdu.NoLe && !c.profile.t0:
		return status(apdu.WrongLength)
	}
	memory := c.memory(app)
	if app.triesLeft(memory) == 0 {
		return status(apdu.AuthenticationBlocked)
	}
	block := cmd.Data
	if cmd.P2 == encipheredPIN {
		switch {
		case challenge == nil:
			return status(apdu.ConditionsOfUse)
		case len(cmd.Data) != app.pinKey.size():
			return status(apdu.WrongLength)
		}
		// Header, PIN block, the card's challenge, padding (EMV Book 2, 7.2 "PIN Encipherment and
		// Verification"). What is not made for this challenge is no try: it may be an old one again.
		plain := app.pinKey.sign(cmd.Data)
		if plain[0] != 0x7F || !bytes.Equal(plain[9:17], challenge) {
			return status(apdu.WrongData)
		}
		block = plain[1:9]
	}
	if len(block) != 8 {
		return status(apdu.WrongLength)
	}
	if subtle.ConstantTimeCompare(block, pinBlock(app.pin)) == 1 {
		c.session.pin = pinRight
		memory.PINFailures = 0
		c.remember(app, memory)
		return status(apdu.OK)
	}
	c.session.pin = pinWrong
	memory.PINFailures++
	c.remember(app, memory)
	return status(apdu.TriesLeft | apdu.SW(app.triesLeft(memory)))
}

// takesPIN reports whether the CVM list has PINs of the kind.
func (p *personalised) takesPIN(p2 byte) bool {
	for _, rule := range p.cvms {
		switch rule.code &^ orNextRule {
		case 0x01, 0x03:
			if p2 == plainPIN {
				return true
			}
		case 0x04, 0x05:
			if p2 == encipheredPIN && p.pinKey != nil {
				return true
			}
		}
	}
	return false
}

func (a *application) triesLeft(memory ApplicationState) byte {
	return a.pinTries - min(a.pinTries, memory.PINFailures)
}

// pinBlock is the block an offline PIN travels in: '2', the number of digits, the digits, 'F' to the end
// (EMV Book 3, 6.5.12).
func pinBlock(pin string) []byte {
	return hexDigits("2" + string("0123456789ABC"[len(pin)]) + pin + "FFFFFFFFFFFFFF"[:14-len(pin)])
}
