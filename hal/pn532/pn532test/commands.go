package pn532test

import (
	"context"
	"slices"
	"time"
)

// baudRates by their code in SetSerialBaudRate.
var baudRates = [...]int{9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1288000}

// Status codes (User Manual, "Error handling").
const (
	ok              = 0x00
	timeOut         = 0x01
	badCRC          = 0x02
	notAcceptable   = 0x27
	moreInformation = 0x40
)

// maxExchange is the most data of one InDataExchange, either way.
const maxExchange = 262

// pollTime is how long the chip listens after one request.
const pollTime = 3 * time.Millisecond

// execute runs one command and returns its answer, nil for a syntax error.
func (e *Emulator) execute(ctx context.Context, data []byte, fault Fault) []byte {
	code, params := data[0], data[1:]
	// In low battery mode the chip waits for SAMConfiguration; that it says its
	// version too is seen in practice. [unverified]
	if e.lowBattery && code != 0x14 && code != 0x02 {
		return nil
	}
	if fault == Forget {
		e.targets = nil
	}
	answer := func(b ...byte) []byte { return append([]byte{code + 1}, b...) }
	switch code {
	case 0x00: // Diagnose
		return e.diagnose(params)
	case 0x02: // GetFirmwareVersion
		if len(params) == 0 {
			return answer(0x32, 0x01, 0x06, 0x07)
		}
	case 0x04: // GetGeneralStatus
		if len(params) == 0 {
			return answer(e.generalStatus()...)
		}
	case 0x10: // SetSerialBaudRate: the change itself waits for the host's ACK
		if len(params) == 1 && int(params[0]) < len(baudRates) {
			return answer()
		}
	case 0x12: // SetParameters
		if len(params) == 1 {
			e.parameters = params[0]
			return answer()
		}
	case 0x14: // SAMConfiguration
		if len(params) >= 1 && len(params) <= 3 && params[0] >= 1 && params[0] <= 4 {
			e.lowBattery = false
			return answer()
		}
	case 0x16: // PowerDown
		if len(params) == 1 || len(params) == 2 {
			e.switchField(false)
			return answer(ok)
		}
	case 0x32: // RFConfiguration
		if e.configure(params) {
			return answer()
		}
	case 0x40: // InDataExchange
		if len(params) >= 1 && len(params) <= 1+maxExchange {
			return answer(e.exchange(ctx, params[0], params[1:], fault)...)
		}
	case 0x44, 0x52: // InDeselect, InRelease
		if len(params) == 1 && params[0] <= 2 {
			return answer(e.release(params[0], code == 0x44))
		}
	case 0x4A: // InListPassiveTarget
		return e.list(ctx, params)
	}
	return nil
}

func (e *Emulator) diagnose(params []byte) []byte {
	if len(params) < 1 {
		return nil
	}
	switch params[0] {
	case 0x00: // communication line: what came goes back
		return append([]byte{0x01}, params...)
	case 0x01, 0x02: // ROM, RAM
		return []byte{0x01, ok}
	case 0x06: // presence of the activated card
		if len(e.targets) == 0 {
			return []byte{0x01, notAcceptable}
		}
		if card := e.targets[0].card; card.gone.Err() != nil || !card.busy {
			return []byte{0x01, timeOut}
		}
		return []byte{0x01, ok}
	}
	return nil
}

// generalStatus: error, external field, targets with number, rates and type,
// SAM status.
func (e *Emulator) generalStatus() []byte {
	status := []byte{ok, 0x00, byte(len(e.targets))}
	for i := range e.targets {
		status = append(status, byte(i+1), 0x00, 0x00, 0x00)
	}
	return append(status, 0x00)
}

// configure is RFConfiguration: an item and its data, of a fixed length.
func (e *Emulator) configure(params []byte) bool {
	if len(params) == 0 {
		return false
	}
	lengths := map[byte]int{0x01: 1, 0x02: 3, 0x04: 1, 0x05: 3, 0x0A: 11, 0x0B: 8, 0x0C: 3, 0x0D: 9}
	item, data := params[0], params[1:]
	if n, known := lengths[item]; !known || n != len(data) {
		return false
	}
	switch item {
	case 0x01:
		e.switchField(data[0]&0x01 != 0)
	case 0x05:
		e.retries = data[2]
	}
	return true
}

// list is InListPassiveTarget. It forgets the targets it had; their cards stay
// activated, and deaf to polling, until they lose power.
func (e *Emulator) list(ctx context.Context, params []byte) []byte {
	if len(params) < 2 || params[0] < 1 || params[0] > 2 {
		return nil
	}
	most, kind, initiator := int(params[0]), params[1], params[2:]
	switch {
	case kind == 0x00: // type A; a UID to look for is not supported here
		if len(initiator) > 0 {
			return nil
		}
	case kind == 0x03: // type B: AFI, and optionally how to tell cards apart
		if len(initiator) < 1 || len(initiator) > 2 {
			return nil
		}
	default:
		return nil
	}
	e.targets = nil
	if !e.FieldOn() {
		e.switchField(true)
		time.Sleep(quiet) // it gives the cards their time by itself
	}
	isB := kind == 0x03
	confused := time.Since(e.lit) < quiet || e.polledB != isB && time.Since(e.polled) < quiet
	defer func() { e.polledB, e.polled = isB, time.Now() }()
	answer := []byte{0x4B, 0}
	for try := 0; e.retries == 0xFF || try <= int(e.retries); try++ {
		select {
		case <-time.After(pollTime):
		case <-ctx.Done():
			return nil
		}
		for _, card := range e.present() {
			if len(e.targets) == most {
				break
			}
			if card.B != isB || card.busy || !card.powered || confused {
				continue
			}
			card.busy = true
			e.targets = append(e.targets, &target{card: card})
			answer = append(answer, byte(len(e.targets)))
			answer = append(answer, card.targetData(e.parameters&0x10 != 0)...)
		}
		if answer[1] = byte(len(e.targets)); answer[1] > 0 {
			break
		}
	}
	return answer
}

// find returns a target by its number.
func (e *Emulator) find(number byte) *target {
	if number < 1 || int(number) > len(e.targets) {
		return nil
	}
	return e.targets[number-1]
}

// exchange is InDataExchange with a card that speaks ISO/IEC 14443-4. Its
// answer is a status and data.
func (e *Emulator) exchange(ctx context.Context, number byte, data []byte, fault Fault) []byte {
	t := e.find(number &^ moreInformation)
	if t == nil || number&0x80 != 0 {
		return []byte{notAcceptable}
	}
	card := t.card
	switch fault {
	case Mute:
		return []byte{timeOut}
	case Transmission:
		return []byte{badCRC}
	case Endless:
		return []byte{ok | moreInformation}
	}
	if card.gone.Err() != nil || !card.busy || card.Chip == nil || !card.B && len(card.ATS) == 0 {
		return []byte{timeOut}
	}
	if number&moreInformation != 0 {
		t.in = append(t.in, data...)
		return []byte{ok}
	}
	if len(data) == 0 && len(t.in) == 0 && len(t.out) > 0 {
		return t.next()
	}
	apdu := slices.Concat(t.in, data)
	t.in, t.out = nil, nil
	if len(apdu) == 0 {
		return []byte{notAcceptable}
	}
	e.mu.Lock()
	e.exchanges++
	e.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(card.gone, cancel)()
	if card.Tardy {
		// Nothing asks the chip to wait any longer than it must.
		var late context.CancelFunc
		ctx, late = context.WithTimeout(ctx, card.waitingTime())
		defer late()
	}
	response, err := card.Chip.Exchange(ctx, apdu)
	if err != nil || card.gone.Err() != nil {
		return []byte{timeOut}
	}
	t.out = slices.Clone(response)
	return t.next()
}

// next is the next piece of a card's answer.
func (t *target) next() []byte {
	n, status := len(t.out), byte(ok)
	if n > maxExchange {
		n, status = maxExchange, ok|moreInformation
	}
	piece := append([]byte{status}, t.out[:n]...)
	t.out = t.out[n:]
	return piece
}

// release is InDeselect (the card answers polling again only after the field
// was off: it is halted) and InRelease. Number 0 is all targets.
func (e *Emulator) release(number byte, keep bool) byte {
	if number == 0 {
		if !keep {
			e.targets = nil
		}
		return ok
	}
	if e.find(number) == nil {
		return notAcceptable
	}
	if !keep {
		e.targets = slices.Delete(e.targets, int(number)-1, int(number))
	}
	return ok
}
