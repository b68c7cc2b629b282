package ccidtest

import "context"

// t1 is the card's side of T=1. It asks for more time once in a while, so that
// every driver has to deal with it, and repeats what the terminal did not get.
type t1 struct {
	ifsd    int
	next    byte // N(S) of the terminal's next I-block
	own     byte // N(S) of the card's next I-block
	command []byte
	answer  []byte // what is still to be sent
	sent    []byte // the last block
	count   int
	pending bool // the answer waits until the terminal has granted time
}

// block answers one block.
func (t *t1) block(ctx context.Context, b []byte, run func(context.Context, []byte) ([]byte, error)) ([]byte, error) {
	if len(b) < 4 || len(b) != 4+int(b[2]) || sum(b) != 0 {
		return t.send(0x80|t.next<<4|1, nil), nil
	}
	pcb, inf := b[1], b[3:len(b)-1]
	switch {
	case pcb&0x80 == 0:
		return t.information(ctx, pcb, inf, run)
	case pcb&0xC0 == 0x80:
		return t.receipt(pcb), nil
	case pcb == 0xC1 && len(inf) == 1:
		t.ifsd = int(inf[0])
		return t.send(0xE1, inf), nil
	case pcb == 0xE3 && t.pending:
		t.pending = false
		return t.part(), nil
	}
	return t.send(0x80|t.next<<4|2, nil), nil
}

func (t *t1) information(ctx context.Context, pcb byte, inf []byte, run func(context.Context, []byte) ([]byte, error)) ([]byte, error) {
	if pcb>>6&1 != t.next {
		return t.send(0x80|t.next<<4|2, nil), nil
	}
	t.next ^= 1
	t.command = append(t.command, inf...)
	if pcb&0x20 != 0 {
		return t.send(0x80|t.next<<4, nil), nil
	}
	command := t.command
	t.command = nil
	answer, err := run(ctx, command)
	if err != nil {
		return nil, err
	}
	t.answer = answer
	if t.count++; t.count%4 == 3 {
		t.pending = true
		return t.send(0xC3, []byte{2}), nil
	}
	return t.part(), nil
}

// receipt handles an R-block: it asks for the next part, or again for the last.
func (t *t1) receipt(pcb byte) []byte {
	switch {
	case pcb>>4&1 == t.own && len(t.answer) > 0 && !t.pending:
		return t.part()
	case len(t.sent) == 0 || t.sent[1] == 0xE1: // there was no command yet
		return t.send(0x80|t.next<<4|2, nil)
	}
	return t.sent
}

// part sends the next part of the answer.
func (t *t1) part() []byte {
	n := min(len(t.answer), t.ifsd)
	pcb := t.own << 6
	if n < len(t.answer) {
		pcb |= 0x20
	}
	inf := t.answer[:n]
	t.answer = t.answer[n:]
	t.own ^= 1
	return t.send(pcb, inf)
}

func (t *t1) send(pcb byte, inf []byte) []byte {
	b := append([]byte{0, pcb, byte(len(inf))}, inf...)
	t.sent = append(b, sum(b))
	return append([]byte(nil), t.sent...)
}

func sum(b []byte) (s byte) {
	for _, c := range b {
		s ^= c
	}
	return s
}
