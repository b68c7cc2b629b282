package emvtest

import (
	"bytes"
	"fmt"
	"math"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// getProcessingOptions answers GET PROCESSING OPTIONS (EMV Book 3, 6.5.8): the transaction begins and
// gets the next number.
func (c *Card) getProcessingOptions(cmd apdu.Command) apdu.Response {
	app := c.session.app
	switch {
	case app == nil || c.session.initiated || app.blocked:
		return status(apdu.ConditionsOfUse)
	case cmd.P1 != 0 || cmd.P2 != 0:
		return status(apdu.WrongP1P2)
	case cmd.Le == apdu.NoLe && c.profile.gpoNeedsLe:
		return status(apdu.WrongLength)
	}
	e, rest, err := tlv.ParseOne(cmd.Data)
	if err != nil || len(rest) > 0 || e.Tag != 0x83 {
		return status(apdu.WrongData)
	}
	if len(e.Value) != app.pdol.Size() {
		return status(apdu.WrongLength)
	}
	memory := c.memory(app)
	if memory.ATC == math.MaxUint16 {
		return status(apdu.ConditionsOfUse) // the application has come to its end
	}
	memory.ATC++
	c.remember(app, memory)
	c.session.initiated = true
	c.session.pdolData = bytes.Clone(e.Value)
	return success(app.cut(faultMalformedOptions, app.processingOptions(), 1))
}

// processingOptions is the answer to GET PROCESSING OPTIONS: AIP and AFL.
func (p *personalised) processingOptions() []byte {
	if p.format == 0x80 {
		return tlv.Append(nil, 0x80, append(bytes.Clone(p.value(0x82, p.aip[:])), p.value(0x94, p.afl)...)...)
	}
	out := p.object(nil, 0x82, p.aip[:]...)
	return tlv.Append(nil, 0x77, p.object(out, 0x94, p.afl...)...)
}

func (a *application) memoryKey() string { return fmt.Sprintf("%X", a.aid) }

// memory returns what the card remembers of an application: at first, what the personaliser left there.
func (c *Card) memory(app *personalised) ApplicationState {
	memory, ok := c.state.Applications[app.memoryKey()]
	if !ok {
		memory = ApplicationState{ATC: app.used.last, LastOnlineATC: app.used.online}
	}
	return memory
}

func (c *Card) remember(app *personalised, memory ApplicationState) {
	c.state.Applications[app.memoryKey()] = memory
}

// getData answers GET DATA (EMV Book 3, 6.5.7) for the counters a terminal may ask for.
func (c *Card) getData(cmd apdu.Command) apdu.Response {
	app := c.session.app
	if app == nil {
		return status(apdu.ConditionsOfUse)
	}
	if len(cmd.Data) > 0 {
		return status(apdu.WrongLength)
	}
	memory := c.memory(app)
	switch tag := tlv.Tag(cmd.P1)<<8 | tlv.Tag(cmd.P2); tag {
	case 0x9F36:
		return success(tlv.Append(nil, tag, byte(memory.ATC>>8), byte(memory.ATC)))
	case 0x9F13:
		return success(tlv.Append(nil, tag, byte(memory.LastOnlineATC>>8), byte(memory.LastOnlineATC)))
	case 0x9F17:
		return success(tlv.Append(nil, tag, app.triesLeft(memory)))
	}
	return status(apdu.DataNotFound)
}
