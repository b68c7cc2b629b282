package emvtest

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// ErrTorn is what Exchange returns when a profile has its card leave the field for a moment ("tear"), until
// Reset. It wraps ErrPulled.
var ErrTorn = fmt.Errorf("%w of the field for a moment", ErrPulled)

// TapCard is the contactless face of a card: the same chip, the same counters, another way in. Like Card it
// has the methods a simulated field needs, is a transceiver for a kernel, and may be used from any
// goroutine. A chip is in one place at a time: the first command by tap ends whatever went on in the slot,
// and the other way round.
type TapCard struct{ card *Card }

// Contactless returns the card's contactless face. Every card has one, but one of which no application does
// ("contactless no"), or without a directory ("ppse no"), answers SELECT of the Proximity Payment System
// Environment with 6A82.
func (c *Card) Contactless() *TapCard { return &TapCard{c} }

// ATR returns the answer to select of type A cards, ATS: frames of up to 256 bytes, 14443-4 bit rate 106
// kbit/s both ways, the usual waiting times, no historical bytes.
func (t *TapCard) ATR() []byte { return []byte{0x05, 0x78, 0x80, 0x70, 0x02} }

// Reset takes the field away and gives it back.
func (t *TapCard) Reset() { t.card.Reset() }

// State returns a copy of the card's memory.
func (t *TapCard) State() State { return t.card.State() }

// Exchange answers one command as Card.Exchange does.
func (t *TapCard) Exchange(ctx context.Context, command []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := t.card
	cmd, parsed := apdu.ParseCommand(command)
	c.mu.Lock()
	if !c.session.tap {
		c.session, c.waiting = session{tap: true}, waiting{}
	}
	step := ""
	if parsed == nil {
		step = c.step(cmd)
	}
	c.mu.Unlock()
	if err := c.hesitate(ctx, step); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	late, torn := c.tear(step)
	if torn && !late {
		return nil, fmt.Errorf("%w at %s", ErrTorn, step)
	}
	r := status(apdu.WrongLength)
	if parsed == nil && !(cmd.Le > 0 && len(cmd.Data) > 0) {
		r = c.runTap(cmd)
		if cmd.Le > 0 && len(r.Data) > cmd.Le {
			r = status(apdu.WrongLe | apdu.SW(byte(len(r.Data))))
		}
	}
	if err := c.keep(); err != nil {
		return nil, err
	}
	if torn {
		return nil, fmt.Errorf("%w after %s", ErrTorn, step)
	}
	return r.Bytes(), nil
}

// Transceive is Exchange under the name kernels use.
func (t *TapCard) Transceive(ctx context.Context, command []byte) ([]byte, error) {
	return t.Exchange(ctx, command)
}

// TransceiveTimed is Exchange with the time the answer took on the air, which is that of the profile
// ("air-time") and no real one; ok is false where the profile says nothing.
func (t *TapCard) TransceiveTimed(ctx context.Context, command []byte) (response []byte, took time.Duration, ok bool, err error) {
	response, err = t.Exchange(ctx, command)
	took = t.card.profile.airTime
	return response, took, took > 0 && err == nil, err
}

// String and GoString keep the card's data out of logs.
func (t *TapCard) String() string   { return "tap of " + t.card.profile.Name }
func (t *TapCard) GoString() string { return t.String() }

// tapCommands is commands, by tap.
var tapCommands = map[byte]struct {
	class byte
	run   func(*Card, apdu.Command) apdu.Response
}{
	apdu.INSSelect:                  {0x00, (*Card).selectByTap},
	apdu.INSGetProcessingOptions:    {0x80, (*Card).optionsByTap},
	apdu.INSReadRecord:              {0x00, (*Card).readRecord},
	apdu.INSGetData:                 {0x80, (*Card).getData},
	insPutData:                      {0x80, (*Card).putData},
	apdu.INSExchangeRelayResistance: {0x80, (*Card).exchangeRelayData},
	apdu.INSGenerateAC:              {0x80, (*Card).generateByTap},
	apdu.INSRecoverAC:               {0x80, (*Card).recoverAC},
	apdu.INSComputeChecksum:         {0x80, (*Card).computeChecksum},
	apdu.INSExternalAuthenticate:    {0x00, (*Card).updateByTap},
}

func (c *Card) runTap(cmd apdu.Command) apdu.Response {
	entry, ok := tapCommands[cmd.INS]
	if instead, ok := c.profile.conduct(c.step(cmd), wayStatus); ok {
		return status(instead.status)
	}
	switch {
	case isScript(cmd) && c.session.app != nil && c.session.app.scripts:
		return c.scriptByTap()
	case !ok:
		return status(apdu.INSNotSupported)
	case cmd.CLA != entry.class:
		return status(apdu.CLANotSupported)
	}
	return entry.run(c, cmd)
}

var ppseName = []byte("2PAY.SYS.DDF01")

// selectByTap answers SELECT (EMV Contactless Book B, 3.3): the PPSE, or an application by its name or the
// beginning of it.
func (c *Card) selectByTap(cmd apdu.Command) apdu.Response {
	switch {
	case c.profile.blocked:
		return status(apdu.FunctionNotSupported)
	case cmd.P1 != 0x04 || cmd.P2 != 0x00:
		return status(apdu.WrongP1P2)
	case len(cmd.Data) < 5 || len(cmd.Data) > 16:
		return status(apdu.WrongLength)
	}
	if bytes.Equal(cmd.Data, ppseName) {
		if !c.profile.taps() {
			return status(apdu.FileNotFound)
		}
		c.session = session{tap: true}
		return success(c.profile.ppseInformation())
	}
	for _, app := range c.byTap() {
		if app.tap.kind == tapNo || !bytes.HasPrefix(app.aid, cmd.Data) {
			continue
		}
		c.session = session{tap: true, app: app}
		r := success(app.fileControlInformation())
		if app.blocked {
			r.SW = apdu.FileInvalidated
		}
		return r
	}
	return status(apdu.FileNotFound)
}

// byTap makes the contactless faces when they are first needed: their certificates take time.
func (c *Card) byTap() []*personalised {
	if c.tapping == nil {
		for _, a := range c.profile.applications {
			c.tapping = append(c.tapping, personaliseTap(a.byTap()))
		}
	}
	return c.tapping
}

// taps reports whether the card has a directory for taps.
func (p *Profile) taps() bool {
	return p.ppse != "no" && slices.ContainsFunc(p.applications, func(a *application) bool { return a.tap.kind != tapNo })
}

// ppseInformation is the answer to SELECT of the PPSE, with the directory in it.
func (p *Profile) ppseInformation() []byte {
	var directory []byte
	for _, a := range p.applications {
		if a.tap.kind != tapNo && p.ppse != "empty" {
			directory = append(directory, a.byTap().tapDirectoryEntry()...)
		}
	}
	out := tlv.Append(nil, 0x84, ppseName...)
	out = tlv.Append(nil, 0x6F, tlv.Append(out, 0xA5, tlv.Append(nil, 0xBF0C, directory...)...)...)
	if p.ppse == "malformed" {
		out = out[:len(out)-1]
	}
	return out
}

// optionsByTap answers GET PROCESSING OPTIONS. With Visa that is the whole payment.
func (c *Card) optionsByTap(cmd apdu.Command) apdu.Response {
	app := c.session.app
	if app != nil && app.tap.kind == tapListed {
		return status(apdu.ConditionsOfUse)
	}
	if app != nil && !c.session.initiated && app.tap.cdcvm != "no" {
		memory := c.memory(app)
		c.session.onDevice = app.tap.cdcvm == "done" || memory.Unlocked
		c.session.locked = !c.session.onDevice
		// It is unlocked once it said that it wants to be, and for one payment.
		memory.Unlocked = c.session.locked
		c.remember(app, memory)
	}
	if app != nil && app.tap.kind == tapVisa {
		return c.visaOptions(cmd)
	}
	return c.extra(c.getProcessingOptions(cmd))
}

// extra is the fault of bytes behind a template.
func (c *Card) extra(r apdu.Response) apdu.Response {
	if c.session.app != nil && c.session.app.has(faultExtraBytes) && r.SW == apdu.OK {
		r.Data = append(r.Data, 0xAA, 0xBB)
	}
	return r
}

// A tear is a card that leaves the field at a step, once, and comes back.
type tear struct {
	step string
	late bool // the command was carried out, only its answer was lost
}

// tear reports whether the card leaves now.
func (c *Card) tear(step string) (late, torn bool) {
	i := slices.IndexFunc(c.profile.tears, func(t tear) bool { return t.step == step })
	if i < 0 || c.torn[step] {
		return false, false
	}
	if c.torn == nil {
		c.torn = map[string]bool{}
	}
	c.torn[step], c.pulled = true, true
	return c.profile.tears[i].late, true
}

var tearSetting = setting{
	word: "tear", repeats: true,
	card: func(p *Profile, line string) error {
		step, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		if !slices.Contains(tapSteps, step) || rest != "" && rest != "late" {
			return fmt.Errorf("tear %q is not valid; write one of %s, and late where only the answer is lost: tear generate-ac late", line, strings.Join(tapSteps, ", "))
		}
		if slices.ContainsFunc(p.tears, func(t tear) bool { return t.step == step }) {
			return fmt.Errorf("tear %s stands twice; remove one", step)
		}
		p.tears = append(p.tears, tear{step, rest == "late"})
		return nil
	},
	cardLines: func(p *Profile) []string {
		var lines []string
		for _, t := range p.tears {
			if t.late {
				lines = append(lines, t.step+" late")
			} else {
				lines = append(lines, t.step)
			}
		}
		return lines
	},
}

// recoverableAnswer keeps an answer to GENERATE AC for RECOVER AC.
func (c *Card) recoverableAnswer(app *personalised, number, answer []byte) {
	memory := c.memory(app)
	memory.Torn = hex.EncodeToString(append(bytes.Clone(number), answer...))
	c.remember(app, memory)
}

// recoverAC answers RECOVER AC (EMV Contactless Book C-2): the last answer to GENERATE AC again, for the
// unpredictable number it was given for. It works once.
func (c *Card) recoverAC(cmd apdu.Command) apdu.Response {
	app := c.session.app
	switch {
	case app == nil || !c.session.initiated || c.session.generated > 0 || !app.tap.recovers:
		return status(apdu.ConditionsOfUse)
	case cmd.P1 != 0 || cmd.P2 != 0:
		return status(apdu.WrongP1P2)
	case len(cmd.Data) != 4:
		return status(apdu.WrongLength)
	}
	memory := c.memory(app)
	kept, err := hex.DecodeString(memory.Torn)
	if err != nil || len(kept) < 4 || !bytes.Equal(kept[:4], cmd.Data) {
		return status(apdu.ConditionsOfUse)
	}
	memory.Torn = ""
	c.remember(app, memory)
	c.session.generated = 2 // nothing comes after it
	return success(kept[4:])
}

// putData answers PUT DATA (EMV Contactless Book C-2): the card takes the five unprotected data objects a
// terminal may keep in it, and forgets them.
func (c *Card) putData(cmd apdu.Command) apdu.Response {
	tag := tlv.Tag(cmd.P1)<<8 | tlv.Tag(cmd.P2)
	switch {
	case c.session.app == nil:
		return status(apdu.ConditionsOfUse)
	case tag < 0x9F75 || tag > 0x9F79:
		return status(apdu.DataNotFound)
	case len(cmd.Data) == 0:
		return status(apdu.WrongLength)
	}
	return status(apdu.OK)
}

var airTime = codec[time.Duration]{
	want: "a time of at most 1s, such as 5ms, or none",
	parse: func(s string) (time.Duration, bool) {
		if s == "none" {
			return 0, true
		}
		d, err := time.ParseDuration(s)
		return d, err == nil && d > 0 && d <= time.Second
	},
	text: func(d time.Duration) string {
		if d == 0 {
			return "none"
		}
		return d.String()
	},
}
