package pn532

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"smartreader/hal"
)

// Command codes (User Manual, "Commands"). The answer has the next code.
const (
	cmdDiagnose            = 0x00
	cmdGetFirmwareVersion  = 0x02
	cmdSetSerialBaudRate   = 0x10
	cmdSetParameters       = 0x12
	cmdSAMConfiguration    = 0x14
	cmdRFConfiguration     = 0x32
	cmdInDataExchange      = 0x40
	cmdInListPassiveTarget = 0x4A
)

const (
	// ackTime is how long an acknowledgement may take. The chip needs less than
	// 15 ms; the rest is for USB adapters and a busy host.
	ackTime = 500 * time.Millisecond
	// answerTime is for commands that wait for no card, or for cards to poll.
	answerTime = time.Second
	// exchangeTime is for one exchange with a card. The longest frame waiting
	// time of ISO/IEC 14443-4 is 4.95 s; extensions are below it in practice.
	exchangeTime = 10 * time.Second
	// usualAnswer is as long as most frames with answers.
	usualAnswer = 64
	// retransmissions is how often a damaged answer is asked for again.
	retransmissions = 3
)

var (
	errNoAck    = errors.New("the chip did not acknowledge a command")
	errNoAnswer = errors.New("the chip acknowledged a command and did not answer it")
	errRefused  = errors.New("the chip refused a command")
)

// silent says that the chip, not the card, failed: it may have lost its state.
func silent(err error) bool {
	return errors.Is(err, errNoAck) || errors.Is(err, errNoAnswer) || errors.Is(err, errRefused)
}

// device is a chip behind a link, one command at a time.
type device struct {
	link  Link
	log   *slog.Logger
	steps []int // baud rates that the chip may be at, besides the one after power on
	rates []int // those to aim for, the fastest first; one the line does not carry goes

	lit  bool      // the field may be on
	dark time.Time // when it was switched off, if it is not
}

// command runs a command that may be repeated: when the chip is silent it is
// woken, and the command is sent once more. It returns what follows the code of
// the answer.
func (d *device) command(ctx context.Context, code byte, params ...byte) ([]byte, error) {
	answer, err := d.once(ctx, answerTime, code, params...)
	if !silent(err) {
		return answer, err
	}
	d.log.Warn("repeating a command", "command", fmt.Sprintf("%02X", code), "error", err)
	if err := errors.Join(d.link.settle(ctx), d.link.wake(ctx)); err != nil {
		return nil, err
	}
	return d.once(ctx, answerTime, code, params...)
}

// once runs a command (User Manual, "Dialog structure"): command, ACK, answer.
// When ctx or the time ends, the command is cancelled and the chip ready again.
func (d *device) once(ctx context.Context, limit time.Duration, code byte, params ...byte) ([]byte, error) {
	data := append([]byte{code}, params...)
	frame := encode(data)
	err := d.link.send(ctx, frame)
	clear(data) // it may be an APDU
	clear(frame)
	if err != nil {
		return nil, err
	}
	answer, err := d.await(ctx, limit, code)
	switch {
	case err == nil: // in time, even if ctx has ended by now
	case ctx.Err() != nil:
		return nil, errors.Join(ctx.Err(), d.cancel(ctx))
	case errors.Is(err, errNoAnswer):
		return nil, errors.Join(err, d.cancel(ctx))
	}
	return answer, err
}

func (d *device) await(ctx context.Context, limit time.Duration, code byte) ([]byte, error) {
	if err := d.awaitAck(ctx); err != nil {
		return nil, err
	}
	within, done := context.WithTimeout(ctx, limit)
	defer done()
	for damaged := 0; ; {
		f, err := d.link.receive(within, usualAnswer)
		answers := len(f.data) > 0 && f.data[0] == code+1
		switch {
		case within.Err() != nil && err != nil:
			return nil, fmt.Errorf("%w (command %02X, %v)", errNoAnswer, code, limit)
		// Only what was an answer is asked for again: a chip that is still at work
		// might repeat the one before, which may have the same code.
		case errors.Is(err, errDamaged) && answers && damaged < retransmissions:
			damaged++
			if err := d.link.send(ctx, nack[:]); err != nil {
				return nil, err
			}
		case errors.Is(err, errDamaged):
			return nil, fmt.Errorf("%w (command %02X): %w", errNoAnswer, code, err)
		case err != nil:
			return nil, err
		case f.kind == refusal:
			return nil, fmt.Errorf("%w (command %02X)", errRefused, code)
		case f.kind == information && answers:
			return f.data[1:], nil
		}
		// Anything else belongs to an earlier command.
	}
}

// awaitAck drops everything before the acknowledgement: it belongs to an
// earlier command. So a late answer is never taken for the one to this command.
func (d *device) awaitAck(ctx context.Context) error {
	within, done := context.WithTimeout(ctx, ackTime)
	defer done()
	for {
		f, err := d.link.receive(within, len(ack))
		switch {
		case within.Err() != nil && err != nil:
			return errNoAck
		case errors.Is(err, errDamaged):
		case err != nil:
			return err
		case f.kind == acknowledge:
			return nil
		}
	}
}

// cancel ends the command that runs, if any: an ACK from the host does (User
// Manual, "ACK frame"). It works after the context's end.
func (d *device) cancel(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if err := d.link.send(ctx, ack[:]); err != nil {
		return err
	}
	return d.link.settle(ctx)
}

// Parameters of the set-up.
const (
	samNormal     = 0x01 // SAMConfiguration: no SAM; the chip's P70 pin as IRQ does no harm
	chipPN532     = 0x32 // GetFirmwareVersion: IC
	automaticRATS = 0x10 // SetParameters: RATS after the selection of a type A card
	automaticATR  = 0x04 // SetParameters: the value after power on, for other modes
	echoTest      = 0x00 // Diagnose: communication line
	presenceTest  = 0x06 // Diagnose: is the activated card still there?
)

// Items of RFConfiguration.
const (
	rfField   = 0x01
	rfTimings = 0x02
	rfRepeats = 0x04
	rfRetries = 0x05
)

// baudCodes are the rates of SetSerialBaudRate.
var baudCodes = map[int]byte{
	115200: 0x04, 230400: 0x05, 460800: 0x06, 921600: 0x07, 1288000: 0x08,
}

// stepsFrom are the rates to aim for: this one, and those it may be lowered to.
func stepsFrom(baud int) (steps []int) {
	for _, rate := range []int{baud, 921600, 460800} {
		if rate > powerOnBaud && (rate == baud && len(steps) == 0 || rate < baud) {
			steps = append(steps, rate)
		}
	}
	return steps
}

// setUp wakes the chip and puts all of its settings that matter here into a
// known state: there is no reset line, and whoever used it before may have
// changed them. It leaves the field off, and the line as fast as it may be.
func (d *device) setUp(ctx context.Context) error {
	if err := d.reach(ctx); err != nil {
		return err
	}
	version, err := d.command(ctx, cmdGetFirmwareVersion)
	if err != nil {
		return err
	}
	if len(version) < 4 || version[0] != chipPN532 {
		return hal.Advise(hal.ErrNotFound, "%s: another chip than a PN532 answers, version % X: look for the PN532's line", d.link, version)
	}
	for _, c := range [][]byte{
		{cmdSetParameters, automaticATR | automaticRATS},
		// Timings as after power on: 102.4 ms for ATR_RES, 51.2 ms for retries.
		{cmdRFConfiguration, rfTimings, 0x00, 0x0B, 0x0A},
		// What was sent to a card is not sent again when it is mute.
		{cmdRFConfiguration, rfRepeats, 0x00},
		// No endless retries: polling must end so that its caller can.
		{cmdRFConfiguration, rfRetries, 0x00, 0x00, 0x01},
	} {
		if _, err := d.command(ctx, c[0], c[1:]...); err != nil {
			return err
		}
	}
	if err := d.field(ctx, false); err != nil {
		return err
	}
	if err := d.raise(ctx); err != nil {
		return err
	}
	d.log.Info("contactless reader found", "link", d.link.String(), "firmware", fmt.Sprintf("%d.%d", version[1], version[2]), "baud", d.rate())
	return nil
}

func (d *device) rate() int {
	if l, ok := d.link.(rated); ok {
		return l.baud()
	}
	return 0
}

// reach gets the first answer of the chip. SAMConfiguration is the one command
// that takes it out of the low battery mode it powers on in. A chip that a
// program before this one left at a raised rate is found there.
func (d *device) reach(ctx context.Context) error {
	err := d.hello(ctx, d.command)
	l, ok := d.link.(rated)
	if !ok {
		return err
	}
	for _, rate := range d.steps {
		if !silent(err) {
			return err
		}
		if err := l.setBaud(rate); err != nil {
			return err
		}
		// Once is enough: at a wrong rate repeating is of no use.
		err = d.hello(ctx, func(ctx context.Context, code byte, params ...byte) ([]byte, error) {
			return d.once(ctx, answerTime, code, params...)
		})
	}
	return err
}

// hello wakes the chip and runs SAMConfiguration.
func (d *device) hello(ctx context.Context, run func(context.Context, byte, ...byte) ([]byte, error)) error {
	if err := errors.Join(d.link.wake(ctx), d.link.settle(ctx)); err != nil {
		return err
	}
	_, err := run(ctx, cmdSAMConfiguration, samNormal, 0x00, 0x01)
	return err
}

// raise goes to the fastest baud rate that the line carries.
func (d *device) raise(ctx context.Context) error {
	l, ok := d.link.(rated)
	if !ok {
		return nil
	}
	for len(d.rates) > 0 && l.baud() != d.rates[0] {
		if err := d.change(ctx, l, d.rates[0]); err != nil {
			return err
		}
		err := d.echo(ctx)
		if !silent(err) {
			return err
		}
		d.log.Warn("the line does not carry a baud rate, trying a lower one", "link", d.link.String(), "tried", d.rates[0], "error", err)
		d.rates = d.rates[1:]
		if err := d.lower(ctx, l); err != nil {
			return err
		}
	}
	if len(d.rates) == 0 && l.baud() != powerOnBaud {
		return d.lower(ctx, l) // the chip was left there
	}
	return nil
}

// lower goes back to the power-on rate from one that the line does not carry, or
// that the chip has not gone to. At its limit a line still carries short frames
// now and then; that the chip is heard there is not needed.
func (d *device) lower(ctx context.Context, l rated) error {
	var err error
	for raised := l.baud(); ; {
		if err = l.setBaud(powerOnBaud); err != nil {
			return err
		}
		if err = errors.Join(d.link.settle(ctx), d.link.wake(ctx)); err != nil {
			return err
		}
		if _, err = d.command(ctx, cmdGetFirmwareVersion); !silent(err) || raised == powerOnBaud {
			return err
		}
		if err = l.setBaud(raised); err != nil {
			return err
		}
		if err = d.change(ctx, l, powerOnBaud); err != nil {
			return err
		}
		raised = powerOnBaud // once more, and that is it
	}
}

// change runs SetSerialBaudRate: the chip answers at the old rate and changes
// when the host has acknowledged the answer. Whether it did is for the caller
// to try: when the answer is lost, the chip still takes the ACK for it.
func (d *device) change(ctx context.Context, l rated, rate int) error {
	if _, err := d.once(ctx, answerTime, cmdSetSerialBaudRate, baudCodes[rate]); err != nil && !silent(err) {
		return err
	}
	if err := d.link.send(ctx, ack[:]); err != nil {
		return err
	}
	// An adapter may report bytes as sent that are still in it.
	if err := pause(ctx, 20*time.Millisecond); err != nil {
		return err
	}
	return l.setBaud(rate)
}

// echo has the chip repeat what a line at its limit does not carry: long rows of
// equal bits, and as much at once as an adapter's buffers have to hold.
func (d *device) echo(ctx context.Context) error {
	short := []byte{echoTest, 0x00, 0xFF, 0x55, 0xAA, 0x01, 0x80, 0x7F, 0xFE, 0x33, 0xCC}
	long := []byte{echoTest}
	for i := range 256 {
		long = append(long, byte(i))
	}
	for _, pattern := range [][]byte{short, long} {
		answer, err := d.command(ctx, cmdDiagnose, pattern...)
		if errors.Is(err, errRefused) && len(pattern) > len(short) {
			return nil // firmware that takes short patterns only
		}
		if err != nil {
			return err
		}
		if string(answer) != string(pattern) {
			return fmt.Errorf("%w: the test pattern came back changed", errNoAnswer)
		}
	}
	return nil
}

// field switches the RF field.
func (d *device) field(ctx context.Context, on bool) error {
	var bit byte
	if on {
		bit = 0x01
	}
	d.lit = true // until it is known to be off
	_, err := d.command(ctx, cmdRFConfiguration, rfField, bit)
	if err == nil && !on {
		d.lit, d.dark = false, time.Now()
	}
	return err
}

// present asks the activated card whether it is there.
func (d *device) present(ctx context.Context) (bool, error) {
	answer, err := d.command(ctx, cmdDiagnose, presenceTest)
	if err != nil {
		return false, err
	}
	if len(answer) != 1 {
		return false, fmt.Errorf("%w: Diagnose with %d bytes", errNoAnswer, len(answer))
	}
	return status(answer[0])&statusMask == statusOK, nil
}
