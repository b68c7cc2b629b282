package transcript

import (
	"bytes"
	"slices"
	"strings"

	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/tlv"
)

// Redact returns a copy of t without the cardholder. Lengths stay as they are. It takes out
//
//   - card numbers, but for the last four digits: where a tag says that one is there, and everywhere else in
//     commands, answers and texts where the same digits stand, at any nibble and as text. The digits become
//     zeros: numbers that begin with 0 belong to no payment system (ISO/IEC 7812-1), so it is nobody's number.
//     Two numbers of one card with the same last four stay two: the second has another digit before them;
//   - pieces of nine digits and more of a number, and what a list that asks for less leaves of one: with the
//     last four digits, and an issuer one can guess, a few more would be too many;
//   - the issuer's data of the tracks, the cardholder's name, the issuer's identification number, the payment
//     account reference and the IBAN;
//   - PINs: the data of VERIFY and of the commands that change a PIN;
//   - certificates and signatures, because the card number can be recovered from them, or found by trying
//     what is left of it against the hash inside; for the same reason the TC hash value;
//   - in answers that are not well formed, in data objects EMV does not know, and in records above file 10:
//     whatever could be a card number, or begins like one.
//
// What it cannot take out is what does not look like what it is: a name in a data object of the issuer's
// own, a number that is coded in another way. Cryptograms and the remainders of keys stay; without the
// issuer's keys, and without the certificates, they say nothing of the number.
func Redact(t *Transcript) *Transcript {
	out := t.clone()
	r := NewRedactor()
	groups := answersOf(out.Events)
	for _, g := range groups {
		r.learn(g.command, g.data(out.Events))
	}
	for _, g := range groups {
		data := g.data(out.Events)
		r.Answer(g.command, data)
		g.put(out.Events, data)
	}
	// Commands need the lists the card gives, in the order it gives them.
	r.forget()
	for i, e := range t.Events {
		switch e.Kind {
		case Command:
			r.Command(out.Events[i].Bytes)
			r.lists(e.Bytes, nil)
		case Response:
			if i > 0 && t.Events[i-1].Kind == Command {
				r.lists(t.Events[i-1].Bytes, e.Bytes)
			}
		case ATR:
			r.known(out.Events[i].Bytes)
		case UI:
			r.known(out.Events[i].Bytes)
		case Fault, Field:
			out.Events[i].Text = r.Text(e.Text)
		}
	}
	if a := out.Answer; a != nil {
		r.list(a.Scripts)
		r.known(a.IssuerAuthenticationData)
	}
	out.Outcome, out.Config, out.Terminal.SerialNumber = r.Text(out.Outcome), r.Text(out.Config), r.Text(out.Terminal.SerialNumber)
	if c := out.Terminal.Tap; c != nil {
		c.Options = r.Text(c.Options)
	}
	out.CVM = r.Text(out.CVM)
	out.Redacted = true
	return out
}

// Redactor takes the cardholder out of commands and answers as they come, by what it learnt from the answers
// so far; Redact, which sees all of them first, finds more. It works in place, and lengths stay.
type Redactor struct {
	numbers []accountNumber
	places  map[[piece]byte][]place // where in the numbers nine digits stand
	names   [][]byte
	dols    map[tlv.Tag]tlv.DOL // of the application in use
	second  bool                // one GENERATE AC was sent already
}

// NewRedactor returns a Redactor that knows nobody.
func NewRedactor() *Redactor {
	r := &Redactor{places: map[[piece]byte][]place{}}
	r.forget()
	return r
}

// String keeps what it learnt out of logs.
func (r *Redactor) String() string { return "redactor" }

// GoString does so too.
func (r *Redactor) GoString() string { return "redactor" }

func (r *Redactor) forget() { r.dols, r.second = map[tlv.Tag]tlv.DOL{}, false }

// Learn notes what the answer to a command, status word included, says of the cardholder and which data the
// card will ask for. Both in clear.
func (r *Redactor) Learn(command, answer []byte) {
	data := answer[:max(0, len(answer)-2)]
	r.learn(command, data)
	r.lists(command, nil)
	r.lists(command, answer)
}

// learn notes account numbers and names.
func (r *Redactor) learn(command, data []byte) {
	each(data, r.noteObject, func(rest []byte) { eachRaw(rest, r.noteObject) })
	if tag, ok := askedFor(command); ok && !startsWith(data, tag) {
		r.noteObject(tag, data)
	}
}

func (r *Redactor) noteObject(tag tlv.Tag, value []byte) {
	switch tag {
	case 0x5A, 0x57, 0x9F6B:
		for i, n := 0, 2*len(value); i < n; i++ {
			from := i
			for i < n && nibble(value, i) <= 9 {
				i++
			}
			number := make([]byte, i-from)
			for j := range number {
				number[j] = '0' + nibble(value, from+j)
			}
			r.noteNumber(string(number))
			if i < n && nibble(value, i) == 0x0D {
				return
			}
		}
	case 0x56:
		parts := strings.Split(strings.TrimLeft(string(value), "B"), "^")
		r.noteNumber(parts[0])
		if len(parts) > 1 {
			r.noteName(parts[1])
		}
	case 0x5F20, 0x9F0B:
		r.noteName(string(value))
	}
}

func (r *Redactor) noteNumber(digits string) {
	if len(r.numbers) == mostLearnt || len(digits) < piece || strings.Trim(digits, "0123456789") != "" || redacted(digits) {
		return
	}
	number := accountNumber{digits: digits, keep: 4}
	for i, other := range r.numbers {
		switch {
		case strings.Contains(other.digits, digits):
			return // it will be found as a piece
		case strings.Contains(digits, other.digits):
			r.numbers[i].keep = 0 // the other's last four digits are not those of the whole
		}
		if strings.HasSuffix(other.digits, digits[len(digits)-4:]) {
			number.mark = (number.mark + 1) % 10
		}
	}
	if len(digits) < leastNumber {
		number.keep = 0
	}
	for i := range len(digits) - piece + 1 {
		var nine [piece]byte
		for j := range nine {
			nine[j] = digits[i+j] - '0'
		}
		if nine != [piece]byte{} {
			r.places[nine] = append(r.places[nine], place{len(r.numbers), i})
		}
	}
	r.numbers = append(r.numbers, number)
}

func (r *Redactor) noteName(s string) {
	if s = strings.TrimSpace(s); len(s) >= 4 && len(r.names) < mostLearnt && !slices.ContainsFunc(r.names, func(n []byte) bool { return string(n) == s }) {
		r.names = append(r.names, []byte(s))
	}
}

// Answer redacts the data of an answer, without its status word, to a command in clear or redacted.
func (r *Redactor) Answer(command, data []byte) {
	switch {
	case len(command) > 1 && command[1] == apdu.INSInternalAuthenticate && len(data) > 2:
		clearSignature(data)
	case len(command) > 3 && command[1] == apdu.INSReadRecord && command[3]>>3 > 10:
		r.list(data)
		r.unknown(data)
	default:
		r.list(data)
	}
	if tag, ok := askedFor(command); ok && !startsWith(data, tag) {
		r.object(tag, data) // the bare value, as some cards answer
	}
}

// clearSignature: an answer that is only a signature, in either format.
func clearSignature(data []byte) {
	if e, rest, err := tlv.ParseOne(data); err == nil && len(rest) == 0 {
		data = e.Value
		if list, err := e.Children(); err == nil {
			for _, part := range list {
				clear(part.Value)
			}
			return
		}
	}
	clear(data)
}

// Command redacts a command. It must be told every answer before it, by Learn.
func (r *Redactor) Command(command []byte) {
	cmd, err := apdu.ParseCommand(command)
	if err != nil {
		r.unknown(command)
		return
	}
	switch cmd.INS {
	case apdu.INSVerify, insPINChange:
		clear(cmd.Data)
		return
	case apdu.INSSelect, apdu.INSExternalAuthenticate:
	case apdu.INSGetProcessingOptions, apdu.INSGenerateAC, apdu.INSInternalAuthenticate, apdu.INSComputeChecksum, apdu.INSRecoverAC:
		dol, data, ok := r.dolOf(cmd)
		if !ok {
			r.unknown(cmd.Data)
			break
		}
		for _, item := range dol {
			r.object(item.Tag, data[:item.Length])
			data = data[item.Length:]
		}
	default:
		r.unknown(cmd.Data)
	}
	r.known(cmd.Data)
}

const insPINChange = 0x24 // PIN CHANGE/UNBLOCK (EMV Book 3, 6.5.10)

// dolOf finds the list a command's data was made by, and the data; not ok when they do not fit.
func (r *Redactor) dolOf(cmd apdu.Command) (dol tlv.DOL, data []byte, ok bool) {
	data = cmd.Data
	switch cmd.INS {
	case apdu.INSGetProcessingOptions:
		e, rest, err := tlv.ParseOne(data)
		if err != nil || e.Tag != 0x83 || len(rest) != 0 {
			return nil, nil, false
		}
		dol, data = r.dols[0x9F38], e.Value
	case apdu.INSGenerateAC:
		dol = r.dols[0x8C]
		if r.second {
			dol = r.dols[0x8D]
		}
	case apdu.INSInternalAuthenticate:
		if dol, ok = r.dols[0x9F49]; !ok {
			dol = tlv.DOL{{Tag: 0x9F37, Length: 4}}
		}
	case apdu.INSComputeChecksum:
		if dol, ok = r.dols[0x9F69]; !ok {
			dol = tlv.DOL{{Tag: 0x9F6A, Length: 4}}
		}
	case apdu.INSRecoverAC:
		dol = r.dols[0x9F51]
	}
	return dol, data, dol.Size() == len(data)
}

// lists follows which application is in use and what it asks for. A nil answer: the command was sent.
func (r *Redactor) lists(command, answer []byte) {
	if len(command) < 4 {
		return
	}
	if answer == nil {
		switch command[1] {
		case apdu.INSSelect:
			r.forget()
		case apdu.INSGetProcessingOptions:
			r.second = false
		}
		return
	}
	// After '6Cxx' the same command comes again.
	if n := len(answer); command[1] == apdu.INSGenerateAC && (n < 2 || answer[n-2] != 0x6C) {
		r.second = true
	}
	each(answer[:max(0, len(answer)-2)], func(tag tlv.Tag, value []byte) {
		switch tag {
		case 0x9F38, 0x8C, 0x8D, 0x9F49, 0x9F69, 0x9F51:
			if dol, err := tlv.ParseDOL(value); err == nil {
				r.dols[tag] = dol
			}
		}
	}, func([]byte) {})
}

// Text redacts a line for people, also where blanks or hyphens divide a number, and takes out what a terminal
// could take for a command.
func (r *Redactor) Text(s string) string {
	b := []byte(s)
	maskTextRuns(b)
	runs(spaced(b), func(from, to int) { clearDigits(spaced(b), from, to) })
	r.known(b)
	r.mask(spaced(b))
	return oneLine(string(b))
}

// list redacts a list of data objects. One that is not well formed may hide anything.
func (r *Redactor) list(data []byte) {
	broken := false
	each(data, r.object, func(rest []byte) {
		broken = true
		eachRaw(rest, r.object)
	})
	if broken {
		r.unknown(data)
	}
	r.known(data)
}

// Object redacts the value of one data object, which is known to be that and nothing else.
func (r *Redactor) Object(tag tlv.Tag, value []byte) {
	r.noteObject(tag, value)
	r.object(tag, value)
	r.known(value)
}

// object redacts the value of one data object by its tag. What was learnt is for known, over all of the data.
func (r *Redactor) object(tag tlv.Tag, value []byte) {
	switch tag {
	case 0x5A:
		n := 2 * len(value)
		for n > 0 && nibble(value, n-1) == 0x0F {
			n--
		}
		r.maskUntil(value, n)
	case 0x57, 0x9F6B:
		r.maskTrack2(value)
	case 0x5F20, 0x9F0B:
		fill(value, 'X')
	case 0x56:
		r.maskTrack1(value)
	case 0x9F1F, 0x5F53, 0x9F24:
		fill(value, '0')
	case 0x90, 0x93, 0x98, 0x9F46, 0x9F2D, 0x9F4B, 0x42, 0x9F0C:
		clear(value)
	case 0x86:
		r.Command(value)
	case 0x50, 0x9F12, 0x5F50:
		maskTextRuns(value)
	default:
		if tag.Sensitive() {
			clear(value)
		} else if freeForm(tag) {
			r.unknown(value)
		}
	}
}

// freeForm: data objects whose value is issuer's, a third party's or an application's own, those of data storage
// among them, or a copy of what another one holds.
func freeForm(tag tlv.Tag) bool {
	switch tag {
	case 0x9F05, 0x9F0A, 0x9F7C, 0x9F6E, 0x9F29, 0x9F54, 0x9F5C, 0x9F60, 0x9F7D, 0xDF60, 0xDF61, 0xDF62, 0xDF63,
		0xDF8107, 0xDF8109, 0xDF810A, 0xDF8111, 0xDF8113:
		return true
	}
	return tag >= 0x9F70 && tag <= 0x9F79 || tag.Name() == ""
}

// maskUntil takes out the number in the first n nibbles. One that was not learnt, such as what a list that
// asks for less leaves of it, goes as a whole: its last four digits would not be those of the number.
func (r *Redactor) maskUntil(value []byte, n int) {
	r.known(value)
	digits := make([]byte, n)
	for i := range digits {
		digits[i] = "0123456789ABCDEF"[nibble(value, i)]
	}
	if !redacted(string(digits)) {
		zero(value, 0, n)
	}
}

func (r *Redactor) maskTrack2(value []byte) {
	const kept = 7 // expiry and service code
	for i := range 2 * len(value) {
		if nibble(value, i) == 0x0D {
			r.maskUntil(value, i)
			zero(value, i+1+kept, 2*len(value))
			return
		}
	}
	zero(value, 0, 2*len(value))
}

// maskTrack1 leaves as much as maskTrack2, and the form, so that a kernel still takes it for a track. What has another
// form goes as a whole.
func (r *Redactor) maskTrack1(value []byte) {
	parts := bytes.Split(value, []byte{'^'}) // "B" and number, name, the rest
	if len(parts) != 3 || !bytes.HasPrefix(parts[0], []byte{'B'}) {
		fill(value, '0')
		return
	}
	number, name, rest := parts[0][1:], parts[1], parts[2]
	r.mask(characters(number))
	if !redacted(string(number)) {
		fill(number, '0')
	}
	fill(name, 'X')
	const kept = 7 // expiry and service code
	for i, c := range rest {
		if i >= kept || c < '0' || c > '9' {
			rest[i] = '0'
		}
	}
}

// known takes out the numbers and names that were learnt.
func (r *Redactor) known(b []byte) {
	r.mask(nibbles(b))
	r.mask(characters(b))
	for _, name := range r.names {
		for i := bytes.Index(b, name); i >= 0; i = bytes.Index(b, name) {
			fill(b[i:i+len(name)], 'X')
			if bytes.Equal(name, b[i:i+len(name)]) {
				break // a name of nothing but X
			}
		}
	}
}

// unknown takes out whatever could be a number.
func (r *Redactor) unknown(b []byte) {
	r.known(b)
	maskRuns(b)
}

// List returns the data object list a command was made by, and the part of its data that is the values; not
// ok when the command has none, or does not fit. It goes by the answers given to Learn.
func (r *Redactor) List(command []byte) (dol tlv.DOL, data []byte, ok bool) {
	cmd, err := apdu.ParseCommand(command)
	if err != nil {
		return nil, nil, false
	}
	switch cmd.INS {
	case apdu.INSGetProcessingOptions, apdu.INSGenerateAC, apdu.INSInternalAuthenticate, apdu.INSComputeChecksum, apdu.INSRecoverAC:
		dol, data, ok = r.dolOf(cmd)
		return dol, data, ok && len(dol) > 0
	}
	return nil, nil, false
}
