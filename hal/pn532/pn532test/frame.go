package pn532test

// input is a frame from the host.
type input struct {
	kind inputKind
	data []byte // command code and parameters
}

type inputKind int

const (
	nothing inputKind = iota // more bytes are needed, or these were no frame
	command
	hostAck
	hostNack
)

// receiver finds frames in the bytes from the host (User Manual, "Frames
// structure"). What is not a correct frame is dropped without an answer.
type receiver struct{ b []byte }

// maxData is the longest data field, with its frame identifier.
const maxData = 265

func (r *receiver) feed(x byte) input {
	r.b = append(r.b, x)
	// Wait for 00 FF; keep one byte, which may be the 00.
	if n := len(r.b); n >= 2 && !(r.b[0] == 0x00 && r.b[1] == 0xFF) {
		r.b = r.b[n-1:]
		return input{}
	}
	if len(r.b) < 4 {
		return input{}
	}
	head := r.b[2:]
	var size, begin int
	switch {
	case head[0] == 0x00 && head[1] == 0xFF:
		return r.done(input{kind: hostAck})
	case head[0] == 0xFF && head[1] == 0x00:
		return r.done(input{kind: hostNack})
	case head[0] == 0xFF && head[1] == 0xFF:
		if len(head) < 5 {
			return input{}
		}
		if (int(head[2])+int(head[3])+int(head[4]))%256 != 0 {
			return r.done(input{})
		}
		size, begin = int(head[2])*256+int(head[3]), 5
	case (int(head[0])+int(head[1]))%256 != 0:
		return r.done(input{})
	default:
		size, begin = int(head[0]), 2
	}
	if size < 2 || size > maxData {
		return r.done(input{})
	}
	if len(head) < begin+size+1 {
		return input{}
	}
	total := 0
	for _, b := range head[begin : begin+size+1] {
		total += int(b)
	}
	if total%256 != 0 || head[begin] != 0xD4 {
		return r.done(input{})
	}
	return r.done(input{kind: command, data: head[begin+1 : begin+size]})
}

// done starts afresh. The frame's bytes stay with whoever has them.
func (r *receiver) done(in input) input {
	r.b = nil
	return in
}

var (
	chipAck = []byte{0x00, 0x00, 0xFF, 0x00, 0xFF, 0x00}
	// syntaxError is the answer to a command that the chip cannot accept.
	syntaxError = []byte{0x00, 0x00, 0xFF, 0x01, 0xFF, 0x7F, 0x81, 0x00}
)

// answerFrame builds a frame of the chip: normal as long as it fits, else
// extended.
func answerFrame(data []byte) []byte {
	size := len(data) + 1
	out := []byte{0x00, 0x00, 0xFF}
	if size < 256 {
		out = append(out, byte(size), byte(256-size))
	} else {
		out = append(out, 0xFF, 0xFF, byte(size/256), byte(size%256), byte(512-size/256-size%256))
	}
	total := 0xD5
	out = append(out, 0xD5)
	for _, b := range data {
		total += int(b)
		out = append(out, b)
	}
	return append(out, byte(-total), 0x00)
}
