package ccid

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"smartreader/hal"
	"smartreader/hal/iso7816"
)

// resetTime is for a reset with its answer, which may take 20160 elementary
// time units (2.1 s) at each of three voltages.
const resetTime = 10 * time.Second

// session is a card under power: how to talk to it.
type session struct {
	raw      []byte // the answer to reset
	atr      *iso7816.ATR
	protocol int
	exchange func(ctx context.Context, command []byte) ([]byte, error)
}

// activate resets the card and gets it ready for commands: a cold reset, one
// warm reset when the answer is not acceptable, protocol and parameters. Errors
// match hal.ErrMute or are the link's. On an error the card has no power, unless
// ctx ended or the link is broken; then the next activation takes it first.
func (l *link) activate(ctx context.Context, emv bool) (*session, error) {
	s, err := l.reset(ctx, emv)
	if err == nil {
		err = l.configure(ctx, s, true)
		if errors.Is(err, iso7816.ErrPPS) {
			// The card must be reset, and then stays at its first rate.
			if s, err = l.reset(ctx, emv); err == nil {
				err = l.configure(ctx, s, false)
			}
		}
	}
	if err != nil {
		if ctx.Err() == nil && !l.broken {
			// Why it failed says more than why the power could not go off.
			_ = l.powerOff(ctx)
		}
		return nil, err
	}
	return s, nil
}

func (l *link) reset(ctx context.Context, emv bool) (*session, error) {
	s, err := l.cold(ctx, emv)
	if err == nil || !errors.Is(err, iso7816.ErrATR) {
		return s, err
	}
	// Power on with the power on is a warm reset (CCID section
	// "PC_to_RDR_IccPowerOn").
	s, again := l.powerOn(ctx, l.volts, emv, true)
	if again != nil && errors.Is(again, iso7816.ErrATR) {
		return nil, fmt.Errorf("%w: cold reset: %w; warm reset: %w", hal.ErrMute, err, again)
	}
	return s, again
}

// cold resets the card at the first voltage at which it answers.
func (l *link) cold(ctx context.Context, emv bool) (*session, error) {
	choice := l.voltages()
	for i, code := range choice {
		if err := l.powerOff(ctx); err != nil {
			return nil, err
		}
		s, err := l.powerOn(ctx, code, emv, false)
		// What a wrong voltage looks like differs by reader.
		var failed slotError
		if i == len(choice)-1 || errors.Is(err, iso7816.ErrATR) || !errors.As(err, &failed) || failed.icc == absent {
			return s, err
		}
	}
	return nil, fmt.Errorf("ccid: no voltage to try: %w", hal.ErrMute)
}

// voltages are the codes to try. A reader that chooses by itself, or does not
// say what it has, is asked to choose.
func (l *link) voltages() []byte {
	var codes []byte
	for _, v := range voltages {
		if l.descriptor.voltage&v.bit != 0 {
			codes = append(codes, v.code)
		}
	}
	if l.descriptor.features.has(automaticVoltage) || len(codes) == 0 {
		return []byte{0}
	}
	return codes
}

// powerOn resets the card. An answer that is not acceptable is iso7816.ErrATR.
func (l *link) powerOn(ctx context.Context, voltage byte, emv, warm bool) (*session, error) {
	l.volts = voltage
	r, err := l.command(ctx, iccPowerOn, [3]byte{voltage}, nil, resetTime)
	var failed slotError
	if errors.As(err, &failed) && failed.icc != absent {
		switch failed.code {
		case badTS, badTCK, parityError, overrun:
			return nil, fmt.Errorf("%w: %w", iso7816.ErrATR, err)
		}
	}
	if err != nil {
		return nil, err
	}
	atr, err := iso7816.ParseATR(r.data)
	if err == nil && emv {
		err = atr.CheckEMV(warm)
	}
	if err != nil {
		return nil, err
	}
	return &session{raw: r.data, atr: atr, protocol: atr.Protocol()}, nil
}

func (l *link) powerOff(ctx context.Context) error {
	_, err := l.command(ctx, iccPowerOff, [3]byte{}, nil, quick)
	var failed slotError
	if errors.As(err, &failed) && failed.icc != absent {
		return nil // some readers refuse when there is no power
	}
	return err
}

// configure makes card and reader agree on protocol and parameters, as far as
// the reader leaves that to the host, and sets up the protocol. faster allows a
// higher rate than the first one.
func (l *link) configure(ctx context.Context, s *session, faster bool) error {
	f := l.descriptor.features
	fidi := byte(iso7816.DefaultFiDi)
	_, specific := s.atr.Specific()
	switch {
	case specific:
		fidi = s.atr.FiDi()
	case faster && l.can(ctx, s.atr.FiDi()):
		fidi = s.atr.FiDi()
	}
	if !f.has(automaticNegotiation) {
		if !specific && fidi != iso7816.DefaultFiDi && !f.has(automaticPPS) {
			if err := l.pps(ctx, s, &fidi); err != nil {
				return err
			}
		}
		if !f.has(automaticParameters) || fidi != iso7816.DefaultFiDi {
			if err := l.setParameters(ctx, s, fidi); err != nil {
				return err
			}
		}
		if specific && fidi != iso7816.DefaultFiDi && !f.has(automaticBaudRate) {
			if err := l.setRate(ctx, fidi); err != nil {
				return err
			}
		}
	} else if r, err := l.command(ctx, getParameters, [3]byte{}, nil, quick); err == nil {
		// The reader chose; a card that offers both may speak either now.
		if p := int(r.chain); p <= 1 && s.atr.Offers(p) {
			s.protocol = p
		}
	} else if !tolerable(err) {
		return err
	}
	return l.protocol(ctx, s)
}

// can says whether a higher rate may be asked for: the reader must follow it,
// and PPS needs an exchange below APDUs or a reader that does it.
func (l *link) can(ctx context.Context, fidi byte) bool {
	f, d, ok := iso7816.Rate(fidi)
	features := l.descriptor.features
	if fidi == iso7816.DefaultFiDi || !ok || !features.has(automaticBaudRate) || features.has(automaticNegotiation) ||
		!features.has(automaticPPS) && !features.has(levelTPDU) {
		return false
	}
	rate := l.descriptor.clock * 1000 / f * d
	if l.descriptor.clock == 0 || rate > l.descriptor.maxRate {
		return false
	}
	if l.descriptor.rates == 0 {
		return true // any rate up to the highest
	}
	list := make([]byte, 4*l.descriptor.rates)
	timed, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	n, err := l.device.Control(timed, fromInterface, controlDataRates, 0, l.iface, list)
	if err != nil {
		return false
	}
	for ; n >= 4; n -= 4 {
		// Readers round: within half a percent it is the same rate.
		if listed := int(binary.LittleEndian.Uint32(list[n-4:])); max(listed-rate, rate-listed) <= rate/200 {
			return true
		}
	}
	return false
}

// pps asks the card for a higher rate.
func (l *link) pps(ctx context.Context, s *session, fidi *byte) error {
	request := iso7816.PPS(s.protocol, *fidi)
	r, err := l.command(ctx, xfrBlock, [3]byte{}, request, quick)
	if err != nil {
		var failed slotError
		if errors.As(err, &failed) && failed.icc != absent {
			return fmt.Errorf("%w: %w", iso7816.ErrPPS, err)
		}
		return err
	}
	*fidi, err = iso7816.CheckPPS(request, r.data)
	return err
}

// setParameters tells the reader protocol, rate and times. A reader with
// automatic PPS asks the card then.
func (l *link) setParameters(ctx context.Context, s *session, fidi byte) error {
	convention := byte(0)
	if s.atr.Inverse {
		convention = 2
	}
	data := []byte{fidi, convention, s.atr.Guard(), s.atr.WaitingInteger(), 0}
	if s.protocol == 1 {
		check := byte(0x10)
		if s.atr.CRC() {
			check = 0x11
		}
		data = []byte{fidi, check | convention, s.atr.Guard(), s.atr.WaitingIntegers(), 0, byte(s.atr.IFSC()), 0}
	}
	_, err := l.command(ctx, setParameters, [3]byte{byte(s.protocol)}, data, quick)
	var failed slotError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &failed) && failed.icc != absent && fidi != iso7816.DefaultFiDi:
		return fmt.Errorf("%w: %w", iso7816.ErrPPS, err)
	case tolerable(err):
		return nil // the values after reset are in force
	}
	return err
}

// setRate sets the rate of a card in specific mode in a reader that does not
// derive it from the parameters.
func (l *link) setRate(ctx context.Context, fidi byte) error {
	f, d, ok := iso7816.Rate(fidi)
	if !ok {
		return fmt.Errorf("ccid: reserved rate %02X: %w", fidi, hal.ErrMute)
	}
	data := binary.LittleEndian.AppendUint32(nil, uint32(l.descriptor.clock))
	data = binary.LittleEndian.AppendUint32(data, uint32(l.descriptor.clock*1000/f*d))
	if _, err := l.command(ctx, setRateAndClock, [3]byte{}, data, quick); !tolerable(err) {
		return err
	}
	return nil
}

// tolerable says whether a command succeeded, or was one that the reader does
// not have.
func tolerable(err error) bool {
	var failed slotError
	return err == nil || errors.As(err, &failed) && failed.unknown() && failed.icc != absent
}

// protocol sets up how APDUs are exchanged.
func (l *link) protocol(ctx context.Context, s *session) error {
	if s.protocol > 1 {
		return fmt.Errorf("%w: the card speaks T=%d", hal.ErrMute, s.protocol)
	}
	if l.descriptor.features.has(levelTPDU) && l.descriptor.protocols&(1<<s.protocol) == 0 {
		return fmt.Errorf("%w: the card speaks T=%d, which this reader does not", hal.ErrMute, s.protocol)
	}
	if !l.descriptor.features.has(levelTPDU) {
		p := &apdus{l}
		s.exchange = func(ctx context.Context, command []byte) ([]byte, error) { return p.Exchange(ctx, command, 1) }
		if s.protocol == 0 {
			s.exchange = (&iso7816.T0{Link: p, Whole: true}).Exchange
		}
		return nil
	}
	p := &tpdus{link: l, wait: s.atr.WaitingTime(s.protocol, l.descriptor.clock), t1: s.protocol == 1}
	if s.protocol == 0 {
		s.exchange = (&iso7816.T0{Link: p}).Exchange
		return nil
	}
	t1 := iso7816.NewT1(p, s.atr)
	s.exchange = t1.Exchange
	ifsd := min(max(l.descriptor.maxIFSD, 32), 254)
	if l.descriptor.features.has(automaticIFSD) {
		t1.Assume(ifsd)
		return nil
	}
	return t1.Announce(ctx, ifsd)
}
