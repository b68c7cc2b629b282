package haltest

import (
	"bytes"
	"context"
	"fmt"

	"smartreader/hal"
)

// Tap is what a tap moved over the air. It holds no data of a cardholder's.
type Tap struct {
	AID            []byte // the application that was read; nil: none
	Commands       int
	Sent, Received int // bytes of all commands and answers
	Longest        int // bytes of the longest answer, with its status word
	Records        int
	// Ended says where the card had no more to give, and why; empty: it was read
	// to its end. Cards need not give anything: whether the driver carried what
	// they said is another question.
	Ended string
}

// String is for logs and reports.
func (t Tap) String() string {
	s := fmt.Sprintf("application %X, %d records, %d commands, %d bytes to the card, %d from it, the longest answer %d",
		t.AID, t.Records, t.Commands, t.Sent, t.Received, t.Longest)
	if t.Ended != "" {
		s += "; then " + t.Ended
	}
	return s
}

// mostRecords is more than EMV cards have. A card that lists more is not read on.
const mostRecords = 64

// ReadCard reads a contactless EMV card as a payment does, up to where keys and
// amounts would matter: directory, first application in it, processing options
// and every record that these list. It says nothing of the payment that the card
// asks about: zeros, but for being a terminal of the EMV kind. An error is what
// Transceive returned, or about an answer that has no status word.
//
// It is here so that drivers are tried with what taps are made of, without a
// payment kernel. (EMV Contactless Book B, 3.3; EMV Book 3, 10.1 and 10.2.)
func ReadCard(ctx context.Context, card hal.Card) (Tap, error) {
	return readCard(ctx, card, func(byte, byte, []byte) {}, func([]byte) {})
}

// readCard hands the application's name to name, and then every record, by file
// and number, to record.
func readCard(ctx context.Context, card hal.Card, record func(file, number byte, data []byte), name func(aid []byte)) (Tap, error) {
	var tap Tap
	// ask runs one command. Ok: it is done, and data is what the card said.
	ask := func(what string, command []byte) (data []byte, ok bool, err error) {
		answer, err := card.Transceive(ctx, command)
		if err != nil {
			return nil, false, fmt.Errorf("%s: %w", what, err)
		}
		tap.Commands++
		tap.Sent += len(command)
		tap.Received += len(answer)
		tap.Longest = max(tap.Longest, len(answer))
		if len(answer) < 2 {
			return nil, false, fmt.Errorf("%s: %d bytes, want a response with its status word", what, len(answer))
		}
		end := len(answer) - 2
		if sw := answer[end:]; sw[0] != 0x90 || sw[1] != 0x00 {
			tap.Ended = fmt.Sprintf("%s: status %X", what, sw)
			return nil, false, nil
		}
		return answer[:end], true, nil
	}

	directory, ok, err := ask("SELECT PPSE", []byte(selectPPSE))
	if err != nil || !ok {
		return tap, err
	}
	aid := find(directory, 0x6F, 0xA5, 0xBF0C, 0x61, 0x4F)
	if len(aid) < 5 || len(aid) > 16 {
		tap.Ended = "the directory lists no application"
		return tap, nil
	}
	tap.AID = bytes.Clone(aid)
	name(tap.AID)
	application, ok, err := ask("SELECT application", selectName(aid))
	if err != nil || !ok {
		return tap, err
	}
	options, ok := processingOptions(find(application, 0x6F, 0xA5, 0x9F38))
	if !ok {
		tap.Ended = "the application's list of what it wants to know (9F38) cannot be read"
		return tap, nil
	}
	profile, ok, err := ask("GET PROCESSING OPTIONS", options)
	if err != nil || !ok {
		return tap, err
	}
	files := find(profile, 0x77, 0x94)
	if short := find(profile, 0x80); len(short) >= 2 {
		files = short[2:] // behind the application interchange profile
	}
	if len(files)%4 != 0 {
		tap.Ended = "the list of files (94) cannot be read"
		return tap, nil
	}
	for ; len(files) > 0; files = files[4:] {
		file, first, last := files[0]>>3, files[1], files[2]
		if file == 0 || file > 30 || first == 0 || last < first {
			tap.Ended = "the list of files (94) names what there cannot be"
			return tap, nil
		}
		for n := int(first); n <= int(last); n++ {
			if tap.Records == mostRecords {
				tap.Ended = "the card lists too many records"
				return tap, nil
			}
			data, ok, err := ask("READ RECORD", []byte{0x00, 0xB2, byte(n), file<<3 | 0x04, 0x00})
			if err != nil || !ok {
				return tap, err
			}
			tap.Records++
			record(file, byte(n), data)
		}
	}
	return tap, nil
}

func selectName(name []byte) []byte {
	command := append([]byte{0x00, 0xA4, 0x04, 0x00, byte(len(name))}, name...)
	return append(command, 0x00)
}

// processingOptions builds GET PROCESSING OPTIONS for a list of what the card
// wants to know: tags and lengths.
func processingOptions(list []byte) (command []byte, ok bool) {
	var data []byte
	for len(list) > 0 {
		tag, n := uint32(list[0]), 1
		if tag&0x1F == 0x1F {
			for more := true; more; n++ {
				if n == 3 || n == len(list) {
					return nil, false
				}
				tag, more = tag<<8|uint32(list[n]), list[n]&0x80 != 0
			}
		}
		if n == len(list) {
			return nil, false
		}
		value := make([]byte, list[n])
		if tag == 0x9F66 && len(value) == 4 {
			// EMV mode, online PIN and signature: a card that gets nothing but
			// zeros here may take this for a terminal that cannot do EMV.
			value[0] = 0x26
		}
		data = append(data, value...)
		list = list[n+1:]
	}
	data = object(0x83, data)
	if len(data) > 0xFF {
		return nil, false
	}
	command = append([]byte{0x80, 0xA8, 0x00, 0x00, byte(len(data))}, data...)
	return append(command, 0x00), true
}
