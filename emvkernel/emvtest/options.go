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
	if app.format == 0x80 {
		return success(tlv.Append(nil, 0x80, append(bytes.Clone(app.aip[:]), app.afl...)...))
	}
	out := tlv.Append(nil, 0x82, app.aip[:]...)
	return success(tlv.Append(nil, 0x77, tlv.Append(out, 0x94, app.afl...)...))
}

func (a *application) memoryKey() string { return fmt.Sprintf("%X", a.aid) }

func (c *Card) memory(app *personalised) ApplicationState {
	return c.state.Applications[app.memoryKey()]
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
