package ccid

import (
	"encoding/binary"
	"errors"
	"fmt"

	"smartreader/hal/iso7816"
)

// headerSize is the size of every bulk message without its data.
const headerSize = 10

// Bulk-OUT messages (PC_to_RDR_*).
const (
	setParameters   = 0x61
	iccPowerOn      = 0x62
	iccPowerOff     = 0x63
	getSlotStatus   = 0x65
	getParameters   = 0x6C
	xfrBlock        = 0x6F
	bulkAbort       = 0x72
	setRateAndClock = 0x73
)

// Bulk-IN messages (RDR_to_PC_*).
const (
	dataBlock    = 0x80
	slotStatus   = 0x81
	parameters   = 0x82
	rateAndClock = 0x84
)

// answers is which message answers a command.
var answers = map[byte]byte{
	setParameters: parameters, getParameters: parameters,
	iccPowerOn: dataBlock, xfrBlock: dataBlock,
	iccPowerOff: slotStatus, getSlotStatus: slotStatus, bulkAbort: slotStatus,
	setRateAndClock: rateAndClock,
}

// Requests over the control pipe.
const (
	controlAbort     = 0x01
	controlDataRates = 0x03

	toInterface   = 0x21 // class request, data to the reader
	fromInterface = 0xA1
)

// icc is bmICCStatus: what is in the slot.
type icc byte

const (
	active   icc = 0
	inactive icc = 1
	absent   icc = 2
)

// Command status.
const (
	commandFailed = 1
	timeExtension = 2
)

// Slot errors (bError when the command failed).
const (
	cmdAborted      = 0xFF
	iccMute         = 0xFE
	parityError     = 0xFD
	overrun         = 0xFC
	hardwareError   = 0xFB
	badTS           = 0xF8
	badTCK          = 0xF7
	noProtocol      = 0xF6
	noClass         = 0xF5
	procedureByte   = 0xF4
	deactivated     = 0xF3
	autoSequence    = 0xF2
	slotBusy        = 0xE0
	commandUnknown  = 0x00
	lastParameter   = 0x7F
	slotMissingByte = 5
)

// response is one bulk-IN message.
type response struct {
	kind, slot, seq byte
	icc             icc
	command         byte // command status
	err             byte // slot error; multiplier of the time with timeExtension
	chain           byte // bChainParameter or bProtocolNum
	data            []byte
}

var errMessage = errors.New("ccid: bad message from the reader")

// parseHeader decodes a message header and returns how much data belongs to it.
func parseHeader(b []byte, limit int) (r response, size int, err error) {
	if len(b) < headerSize {
		return response{}, 0, fmt.Errorf("%w: %d bytes", errMessage, len(b))
	}
	length := binary.LittleEndian.Uint32(b[1:])
	if length > uint32(limit) {
		return response{}, 0, fmt.Errorf("%w: announces %d bytes", errMessage, length)
	}
	r = response{kind: b[0], slot: b[5], seq: b[6], icc: icc(b[7] & 3), command: b[7] >> 6, err: b[8], chain: b[9]}
	if r.icc > absent || r.command > timeExtension {
		return response{}, 0, fmt.Errorf("%w: status %02X", errMessage, b[7])
	}
	return r, int(length), nil
}

// slotError is a command that the reader could not carry out.
type slotError struct {
	code byte
	icc  icc
}

func (e slotError) Error() string {
	what := "the reader failed"
	switch e.code {
	case cmdAborted:
		what = "the command was aborted"
	case iccMute:
		what = "the card is mute"
	case parityError:
		what = "parity error on the card's line"
	case overrun:
		what = "the card sent more than the reader could take"
	case hardwareError:
		what = "hardware error (a short circuit at the card?)"
	case badTS, badTCK:
		what = "bad answer to reset"
	case noProtocol:
		what = "the reader does not have the card's protocol"
	case noClass:
		what = "the reader does not have the card's voltage"
	case procedureByte:
		what = "the card sent a wrong procedure byte"
	case deactivated:
		what = "the protocol is switched off"
	case autoSequence, slotBusy:
		what = "the slot is busy"
	case commandUnknown:
		what = "the reader does not know the command"
	case slotMissingByte:
		what = "the reader does not have the slot"
	}
	return fmt.Sprintf("ccid: %s (slot error %02X)", what, e.code)
}

// Is makes line errors that a protocol can repair known to it: the card must
// still be powered for that.
func (e slotError) Is(target error) bool {
	switch {
	case e.icc != active:
		return false
	case e.code == iccMute:
		return target == iso7816.ErrSilent
	case e.code == parityError || e.code == overrun:
		return target == iso7816.ErrGarbled
	}
	return false
}

// unknown says whether the reader refused the command or a field of it, as one
// does that has no need for it.
func (e slotError) unknown() bool { return e.code <= lastParameter && e.code != slotMissingByte }
