package pn532test

// Fault is something that goes wrong once, with one command.
type Fault int

// Faults of the chip, the line and the card.
const (
	// Deaf: the chip does not hear the command.
	Deaf Fault = iota
	// NoAnswer: it acknowledges the command and never answers it.
	NoAnswer
	// BadAnswer: one byte of the answer is changed on the line.
	BadAnswer
	// ShortAnswer: one byte of the answer is lost on the line.
	ShortAnswer
	// HeadlessAnswer: the start of the answer is lost on the line.
	HeadlessAnswer
	// BadAck: the acknowledgement is changed on the line.
	BadAck
	// Noise: there are bytes on the line before the acknowledgement and before
	// the answer.
	Noise
	// Crosstalk: there are bytes on the line while the command is at work.
	Crosstalk
	// Refuse: the chip answers with a syntax error.
	Refuse
	// PowerLoss: the chip loses power and comes back asleep before it answers.
	PowerLoss
	// Forget: the chip forgets which cards it has found and selected; they do not.
	Forget
	// Mute: the card does not answer (InDataExchange only).
	Mute
	// Transmission: the card's answer has a bad CRC (InDataExchange only).
	Transmission
	// Endless: the answer says that more follows, and nothing does
	// (InDataExchange only).
	Endless
)

// Fail makes the next commands of this code go wrong, one fault for each.
func (e *Emulator) Fail(command byte, faults ...Fault) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults[command] = append(e.faults[command], faults...)
}

// IgnoreBaud makes the chip acknowledge changes of its baud rate and not follow
// them, from now on.
func (e *Emulator) IgnoreBaud() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ignoreBaud = true
}

const noFault Fault = -1

// fault takes the next fault of a command.
func (e *Emulator) fault(command byte) Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	queue := e.faults[command]
	if len(queue) == 0 {
		return noFault
	}
	e.faults[command] = queue[1:]
	return queue[0]
}

// damage puts an answer on the line as the fault wants it.
func damage(f Fault, answer []byte) []byte {
	bad := append([]byte(nil), answer...)
	switch f {
	case BadAnswer:
		bad[len(bad)-3] ^= 0x10
	case ShortAnswer:
		bad = append(bad[:len(bad)-3], bad[len(bad)-2:]...)
	case HeadlessAnswer:
		bad = bad[3:]
	case Noise:
		bad = append([]byte{0xA5, 0x00, 0x13}, bad...)
	}
	return bad
}
