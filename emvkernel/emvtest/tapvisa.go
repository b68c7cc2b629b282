package emvtest

import (
	"bytes"
	"encoding/hex"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// Bits of Visa's qualifiers (EMV Contactless Book C-3, as several public references have them).
const (
	// The terminal's, '9F66' (TTQ): byte 1,
	ttqOfflineOnly = 0x08
	ttqOnlinePIN   = 0x04
	ttqSignature   = 0x02
	ttqSignsOnline = 0x01 // offline data authentication for online authorisations
	// byte 2,
	ttqOnlineWanted = 0x80
	ttqCVMRequired  = 0x40
	// byte 3.
	ttqUpdate   = 0x80
	ttqOnDevice = 0x40

	// The card's, '9F6C' (CTQ): byte 1,
	ctqOnlinePIN = 0x80
	ctqSignature = 0x40
	// byte 2.
	ctqOnDevice = 0x80
	ctqUpdate   = 0x40
)

// visaOptions answers GET PROCESSING OPTIONS of qVSDC: cryptogram, account and signature in one go.
func (c *Card) visaOptions(cmd apdu.Command) apdu.Response {
	app := c.session.app
	s := &c.session
	if instead, ok := app.visaRefusal(s, cmd); ok {
		return status(instead)
	}
	if r := c.getProcessingOptions(cmd); r.SW != apdu.OK {
		return r
	}
	ttq := [4]byte(pick(app.pdol, s.pdolData, 0x9F66))
	ctq, verified := app.qualify(ttq, s.onDevice)
	s.onlinePIN = ctq[0]&ctqOnlinePIN != 0
	if app.tap.update && ttq[2]&ttqUpdate != 0 {
		ctq[1] |= ctqUpdate
	}
	if app.tap.mode == "magstripe" {
		return success(app.visaStripe())
	}
	asked := typeTC
	switch {
	case !verified:
		asked = typeAAC
	case ttq[1]&ttqOnlineWanted != 0:
		asked = typeARQC
	}
	kind := app.decideFirst(asked)
	if kind == typeARQC && ttq[0]&ttqOfflineOnly != 0 {
		kind = typeAAC
	}
	s.cdol1Data = s.pdolData
	answer := c.cryptogram(app, kind, false, s.pdolData)
	memory := c.memory(app)
	memory.Update = ""
	if kind == typeARQC && ctq[1]&ctqUpdate != 0 {
		memory.Update = hex.EncodeToString(answer.cryptogram[:])
	}
	c.remember(app, memory)
	var files, signature []byte // without a signature there is nothing to read
	if app.signs() && (kind == typeTC || kind == typeARQC && ttq[0]&ttqSignsOnline != 0) {
		files, signature = app.afl, c.visaSignature(app, ctq)
	}
	out := app.visaAnswer(answer, ctq, files, signature)
	return c.extra(success(app.cut(faultMalformedOptions, out, 1)))
}

// updateByTap answers EXTERNAL AUTHENTICATE at a tap that brings the issuer's answer (EMV Contactless Book C-3,
// "Issuer Update Processing"): once, for the last request, before anything else.
func (c *Card) updateByTap(cmd apdu.Command) apdu.Response {
	app := c.session.app
	switch {
	case app == nil || app.tap.kind != tapVisa || c.session.initiated:
		return status(apdu.ConditionsOfUse)
	case cmd.P1 != 0 || cmd.P2 != 0:
		return status(apdu.WrongP1P2)
	case cmd.Le != apdu.NoLe, len(cmd.Data) != issuerDataBytes:
		return status(apdu.WrongLength)
	}
	memory := c.memory(app)
	arqc, err := hex.DecodeString(memory.Update)
	if err != nil || len(arqc) != len(c.session.arqc) {
		return status(apdu.ConditionsOfUse)
	}
	memory.Update = ""
	c.remember(app, memory)
	c.session.arqc = [8]byte(arqc)
	c.session.externally = true
	c.checkIssuer(app, cmd.Data)
	if c.session.issuer == forged {
		return status(apdu.WarningChanged)
	}
	memory = c.memory(app)
	memory.LastOnlineATC = memory.ATC
	c.remember(app, memory)
	return status(apdu.OK)
}

// scriptByTap answers a command of the issuer, who has just proved to be it.
func (c *Card) scriptByTap() apdu.Response {
	if !c.session.externally || c.session.issuer == forged {
		return status(apdu.ConditionsOfUse)
	}
	return status(apdu.OK)
}

// visaRefusal is a status word instead of a payment (EMV Contactless Book C-3): see phone, or the other
// interface.
func (p *personalised) visaRefusal(s *session, cmd apdu.Command) (apdu.SW, bool) {
	if s.locked {
		return apdu.CommandNotAllowed, true
	}
	e, _, err := tlv.ParseOne(cmd.Data)
	if err != nil || len(e.Value) != p.pdol.Size() {
		return 0, false // as any wrong command
	}
	required := pick(p.pdol, e.Value, 0x9F66)[1]&ttqCVMRequired != 0
	if p.tap.insert == "always" || p.tap.insert == "cvm" && required {
		return apdu.DataInvalidated, true
	}
	return 0, false
}

// qualify makes '9F6C'; verified is false when the terminal requires a verification and the two have none in
// common.
func (p *personalised) qualify(ttq [4]byte, onDevice bool) (ctq [2]byte, verified bool) {
	ctq = p.tap.ctq
	required := ttq[1]&ttqCVMRequired != 0
	if onDevice && ttq[2]&ttqOnDevice != 0 {
		ctq[1] |= ctqOnDevice
		return ctq, true
	}
	for _, rule := range p.cvms {
		always := rule.condition == 0x00
		switch method := rule.code &^ orNextRule; {
		case method == 0x1F:
			continue // no verification satisfies nobody who requires one
		case !required && !always:
		case method == 0x02 && ttq[0]&ttqOnlinePIN != 0:
			ctq[0] |= ctqOnlinePIN
			return ctq, true
		case method == 0x1E && ttq[0]&ttqSignature != 0:
			ctq[0] |= ctqSignature
			return ctq, true
		}
	}
	return ctq, !required
}

// visaSignature makes the fDDA signature and the record it may come in.
func (c *Card) visaSignature(app *personalised, ctq [2]byte) (inAnswer []byte) {
	s := &c.session
	terminal := bytes.Clone(pick(app.pdol, s.pdolData, 0x9F37))
	var related []byte
	if app.tap.fdda == 0x01 {
		related = append([]byte{0x01}, c.state.draw(c.profile.Name, 4)...)
		if len(app.object(nil, 0x9F6C, ctq[:]...)) > 0 { // a card without qualifiers has none to copy
			related = append(related, ctq[:]...)
		}
		for _, tag := range []tlv.Tag{0x9F02, 0x5F2A} {
			terminal = append(terminal, pick(app.pdol, s.pdolData, tag)...)
		}
		terminal = append(terminal, app.value(0x9F69, related)...)
	}
	for _, part := range []struct {
		fault    string
		from, to int
	}{
		{faultFDDANumber, 0, 4}, {faultFDDAAmount, 4, 10}, {faultFDDACurrency, 10, 12}, {faultFDDARelated, 12, len(terminal)},
	} {
		if app.has(part.fault) {
			spoil(terminal[part.from:part.to])
		}
	}
	signature := signDynamic(app.icc, app.tap.sdadFormat, c.dynamicNumber(app), terminal, app.flaw(dynamicSigned))
	var record []byte
	if related != nil {
		record = app.object(record, 0x9F69, related...)
	}
	if app.has(faultPadding) {
		record = append(record, 0x00, 0x00, 0x00)
	}
	if app.tap.sdadPlace == "record" {
		record = app.object(record, 0x9F4B, signature...)
		signature = nil
	}
	s.dynamic = tlv.Append(nil, 0x70, append(record, app.tapExtras()...)...)
	return signature
}

// visaAnswer is the answer to GET PROCESSING OPTIONS; signature is nil when it is in a record or not made,
// files where there is none.
func (p *personalised) visaAnswer(answer acAnswer, ctq [2]byte, files, signature []byte) []byte {
	out := p.object(nil, 0x82, p.aip[:]...)
	if len(files) > 0 {
		out = p.object(out, 0x94, files...)
	}
	out = p.object(out, 0x57, p.track2()...)
	if signature == nil {
		out = p.object(out, 0x5F20, []byte(p.holder)...)
	}
	out = p.object(out, 0x5F34, p.sequence)
	out = p.object(out, 0x9F10, answer.iad...)
	out = p.object(out, 0x9F26, answer.cryptogram[:]...)
	out = p.object(out, 0x9F27, answer.cid)
	out = p.object(out, 0x9F36, byte(answer.atc>>8), byte(answer.atc))
	out = p.object(out, 0x9F6C, ctq[:]...)
	out = p.object(out, 0x9F6E, p.formFactor()...)
	if signature != nil {
		out = p.object(out, 0x9F4B, signature...)
	}
	return tlv.Append(nil, 0x77, out...)
}

// visaStripe is a card that has only the magnetic stripe's data to give.
func (p *personalised) visaStripe() []byte {
	out := p.object(nil, 0x82, p.aip[:]...)
	return tlv.Append(nil, 0x77, p.object(out, 0x57, p.track2()...)...)
}
