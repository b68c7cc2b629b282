package emvtest

import (
	"bytes"
	"crypto/sha1"
	"maps"
	"slices"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// acType is the kind of an application cryptogram as P1 and '9F27' code it.
type acType byte

const (
	typeAAC  acType = 0x00
	typeTC   acType = 0x40
	typeARQC acType = 0x80
)

// reasons are the low bits of '9F27' by which a card says why it declines (EMV Book 3, "Coding of
// Cryptogram Information Data").
var reasons = map[string]byte{
	"none": 0x00, "service-not-allowed": 0x01, "pin-try-limit": 0x02, "issuer-authentication": 0x03, "advice": 0x08,
}

func reasonWords() []string { return slices.Sorted(maps.Keys(reasons)) }

// rank orders them: a card may answer lower than asked, never higher (EMV Book 3, 6.5.5).
func (t acType) rank() int {
	switch t {
	case typeTC:
		return 2
	case typeARQC:
		return 1
	}
	return 0
}

func acNamed(word string) acType {
	switch word {
	case "tc":
		return typeTC
	case "arqc":
		return typeARQC
	}
	return typeAAC
}

// generateAC answers GENERATE AC (EMV Book 3, 6.5.5), at most twice in a transaction and the second time
// only when the first answer left the decision open.
func (c *Card) generateAC(cmd apdu.Command) apdu.Response {
	s := &c.session
	asked := acType(cmd.P1 & 0xC0)
	second := s.generated == 1
	switch {
	case s.app == nil || !s.initiated || s.generated > 1 || second && (s.firstAC != typeARQC || s.tap):
		return status(apdu.ConditionsOfUse)
	case cmd.P2 != 0 || cmd.P1&0x2F != 0 || cmd.P1&0xC0 == 0xC0:
		return status(apdu.WrongP1P2)
	case second && asked == typeARQC:
		return status(apdu.ConditionsOfUse)
	}
	app := s.app
	dol := app.cdol1
	if second {
		dol = app.cdol2
	}
	if len(cmd.Data) != dol.Size() {
		return status(apdu.WrongLength)
	}
	var kind acType
	if second {
		kind = c.decideSecond(asked, cmd.Data)
	} else {
		kind = app.decideFirst(asked)
		if s.locked {
			kind = typeAAC
		}
		s.cdol1Data = bytes.Clone(cmd.Data)
	}
	answer := c.cryptogram(app, kind, second, cmd.Data)
	if cmd.P1&apdu.RequestCDA != 0 && app.oda == "cda" && kind != typeAAC {
		return success(app.cut(faultShortResponse, c.signCryptogram(app, answer, second, cmd.Data), 4))
	}
	return success(app.cut(faultShortResponse, answer.encode(app), 4))
}

func (a *application) decideFirst(asked acType) acType {
	switch {
	case a.has(faultHigherAC) && asked == typeARQC:
		return typeTC
	case a.has(faultNeverDeclines) && asked == typeAAC:
		return typeARQC
	}
	if most := acNamed(a.firstAC); most.rank() < asked.rank() {
		return most
	}
	return asked
}

// decideSecond refuses whatever the card's issuer did not stand behind.
func (c *Card) decideSecond(asked acType, data []byte) acType {
	app := c.session.app
	if app.issuerAuthentication.way == "second-ac" {
		// A terminal that has no answer fills '91' with zeros.
		if issuerData := pick(app.cdol2, data, 0x91); !allZero(issuerData) {
			c.checkIssuer(app, issuerData)
		}
	}
	if app.has(faultSecondARQC) {
		return typeARQC
	}
	if asked != typeTC || app.secondAC != "tc" {
		return typeAAC
	}
	switch c.session.issuer {
	case genuine:
		return typeTC
	case notAsked:
		if !app.issuerAuthentication.required {
			return typeTC
		}
	}
	return typeAAC
}

// acAnswer is what GENERATE AC returns, in the order it returns it.
type acAnswer struct {
	cid        byte
	atc        uint16
	cryptogram [8]byte
	iad        []byte
	// By tap: what the cardholder is to do, as a data object.
	interaction []byte
}

// cryptogram computes the application cryptogram and does the bookkeeping that goes with it.
func (c *Card) cryptogram(app *personalised, kind acType, second bool, data []byte) acAnswer {
	s := &c.session
	memory := c.memory(app)
	answer := acAnswer{cid: byte(kind), atc: memory.ATC}
	if kind == typeAAC {
		answer.cid |= reasons[app.reason]
	}
	answer.iad = s.issuerApplicationData(kind, second, memory)
	answer.interaction = s.interaction(app)
	terminal := terminalData(app.cdol1, s.cdol1Data)
	if second {
		// What CDOL2 does not ask for again is as it was the first time.
		for tag, value := range terminalData(app.cdol2, data) {
			terminal[tag] = value
		}
	}
	input := cryptogramInput(terminal, app.aip, memory.ATC, answer.iad)
	answer.cryptogram = mac(deriveSessionKey(app.master, memory.ATC), input)
	if app.has(faultCryptogram) {
		spoil(answer.cryptogram[:])
	}

	if second {
		memory.OnlinePending = false
		if s.issuer == genuine || s.issuer == refused || s.issuer == notAsked && answered(app, data) {
			memory.LastOnlineATC = memory.ATC
		}
	} else {
		memory.OnlinePending = kind == typeARQC && !s.tap // by tap nobody tells the card the end
		s.firstAC = kind
		s.arqc = answer.cryptogram
	}
	s.generated++
	c.remember(app, memory)
	return answer
}

// answered reports whether the authorisation response code is an issuer's and not one the terminal made
// up (Y1, Y3, Z1, Z3).
func answered(app *personalised, data []byte) bool {
	arc := pick(app.cdol2, data, 0x8A)
	return arc[0] != 'Y' && arc[0] != 'Z' && !allZero(arc)
}

func (r acAnswer) encode(app *personalised) []byte {
	objects := []struct {
		tag   tlv.Tag
		value []byte
	}{
		{0x9F27, []byte{r.cid}}, {0x9F36, []byte{byte(r.atc >> 8), byte(r.atc)}}, {0x9F26, r.cryptogram[:]}, {0x9F10, r.iad},
	}
	var out []byte
	for _, o := range objects {
		if app.format == 0x80 {
			out = append(out, app.value(o.tag, o.value)...)
		} else {
			out = app.object(out, o.tag, o.value...)
		}
	}
	return tlv.Append(nil, tlv.Tag(app.format), append(out, r.interaction...)...)
}

// signCryptogram makes the response with a CDA signature (EMV Book 2, "Dynamic Signature Generation" of
// CDA): the cryptogram itself is only inside the signature.
func (c *Card) signCryptogram(app *personalised, r acAnswer, second bool, data []byte) []byte {
	head := app.object(nil, 0x9F27, r.cid)
	head = app.object(head, 0x9F36, byte(r.atc>>8), byte(r.atc))
	tail := append(app.object(nil, 0x9F10, r.iad...), r.interaction...)

	h := sha1.New()
	h.Write(c.session.pdolData)
	h.Write(c.session.cdol1Data)
	if second {
		h.Write(data)
	}
	h.Write(head)
	h.Write(tail)
	hash := h.Sum(nil)
	if app.has(faultCDAHash) {
		spoil(hash)
	}
	cid := r.cid
	if app.has(faultCDACID) {
		cid ^= 0x40
	}
	dynamic := append(c.dynamicNumber(app), cid)
	dynamic = append(dynamic, r.cryptogram[:]...)
	dynamic = append(dynamic, hash...)
	dynamic = append(dynamic, c.session.relay...)
	dol := app.cdol1
	if second {
		dol = app.cdol2
	}
	signature := signDynamic(app.icc, formatSDAD, dynamic, pick(dol, data, 0x9F37), app.flaw(dynamicSigned))
	out := app.object(head, 0x9F4B, signature...)
	return tlv.Append(nil, 0x77, append(out, tail...)...)
}

// pick returns the first value of tag in data that was built from dol; nil when dol lacks it.
func pick(dol tlv.DOL, data []byte, tag tlv.Tag) []byte {
	for _, item := range dol {
		if item.Tag == tag {
			return data[:item.Length]
		}
		data = data[item.Length:]
	}
	return nil
}

// terminalData is what the cryptogram covers of a command's data.
func terminalData(dol tlv.DOL, data []byte) map[tlv.Tag][]byte {
	out := map[tlv.Tag][]byte{}
	for _, item := range cryptogramTags {
		if value := pick(dol, data, item.Tag); len(value) == item.Length {
			out[item.Tag] = value
		}
	}
	return out
}

// cryptogramInput is what the application cryptogram is computed over: the terminal's data in the order
// of cryptogramTags, AIP, ATC and the whole issuer application data. It is this issuer's choice: EMV
// Book 2, "Application Cryptogram Generation", recommends all but the last as the minimum.
func cryptogramInput(terminal map[tlv.Tag][]byte, aip [2]byte, atc uint16, iad []byte) []byte {
	var out []byte
	for _, item := range cryptogramTags {
		out = append(out, terminal[item.Tag]...)
	}
	out = append(out, aip[:]...)
	out = append(out, byte(atc>>8), byte(atc))
	return append(out, iad...)
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
