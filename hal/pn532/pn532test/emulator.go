package pn532test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// Emulator is one chip. It keeps its state when the host goes away, and loses
// it with its power: at the start of each Serve, and by PowerCycle.
type Emulator struct {
	mu         sync.Mutex
	cards      []*held
	field      bool
	lit, dark  time.Time // when the field was switched on, and off
	baud       int
	faults     map[byte][]Fault
	ignoreBaud bool
	served     bool
	exchanges  int
	cycle      bool // a power cycle is asked for

	// By Serve only:
	asleep  bool
	edges   int // rising edges heard asleep
	settle  int // bytes that pass while the clock starts
	receive receiver
	heard   time.Time // when bytes came last
	last    []byte    // the last answer, for NACK
	newBaud int       // what an acknowledgement from the host makes the rate, 0 none

	// By the running command only:
	lowBattery bool
	parameters byte
	retries    byte // MxRtyPassiveActivation
	polledB    bool // the cards looked for last are of type B
	polled     time.Time
	targets    []*target
}

// target is a card by the number the chip gives it, its place in the list.
type target struct {
	card *held
	in   []byte // command so far (chaining)
	out  []byte // answer still to be fetched
}

// New makes a chip without cards.
func New() *Emulator {
	e := &Emulator{faults: map[byte][]Fault{}}
	e.powerOn()
	return e
}

// powerOn puts the chip in its state after power on.
func (e *Emulator) powerOn() {
	e.switchField(false)
	e.mu.Lock()
	e.baud = 115200
	e.cycle = false
	e.mu.Unlock()
	e.asleep, e.edges, e.settle = true, 0, 0
	e.receive, e.last, e.newBaud = receiver{}, nil, 0
	e.lowBattery, e.parameters, e.retries = true, 0x14, 0xFF
}

// PowerCycle takes the chip's power away and gives it back, before the next
// byte it would hear.
func (e *Emulator) PowerCycle() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cycle = true
}

// Baud returns the rate of the chip's serial line.
func (e *Emulator) Baud() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.baud
}

// Exchanges returns how many APDUs cards were asked.
func (e *Emulator) Exchanges() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.exchanges
}

// Serve powers the chip on and lets it talk to a host over line, until ctx ends
// or the line breaks; it closes the line. A line that the host closed is no
// error. One Serve runs at a time.
func (e *Emulator) Serve(ctx context.Context, line io.ReadWriteCloser) error {
	e.mu.Lock()
	if e.served {
		e.mu.Unlock()
		return errors.Join(errors.New("pn532test: the chip is on another line"), line.Close())
	}
	e.served = true
	e.mu.Unlock()
	e.powerOn()

	ctx, stop := context.WithCancel(ctx)
	bytesIn := make(chan []byte, 64) // so that a chip at work loses nothing
	broken := make(chan error, 1)
	go func() {
		defer close(bytesIn)
		for {
			b := make([]byte, 512)
			n, err := line.Read(b)
			if n > 0 {
				select {
				case bytesIn <- b[:n]:
				case <-ctx.Done():
				}
			}
			if err != nil {
				broken <- err
				return
			}
		}
	}()
	err := e.run(ctx, line, bytesIn)
	ended := ctx.Err()
	stop()
	closed := line.Close()
	read := <-broken
	e.mu.Lock()
	e.served = false
	e.mu.Unlock()
	switch {
	case ended != nil:
		return ended
	case err != nil:
		return err
	case errors.Is(read, io.EOF), errors.Is(read, io.ErrClosedPipe), errors.Is(read, os.ErrClosed):
		return closed
	}
	return read
}

// job is a command at work.
type job struct {
	cancel context.CancelFunc
	done   chan []byte // gets the answer frame, nil: none
	fault  Fault
}

// end stops a command that nobody wants the answer of any more.
func (j *job) end() {
	if j != nil {
		j.cancel()
		<-j.done
	}
}

// run is the chip: it hears bytes, runs one command at a time and answers.
func (e *Emulator) run(ctx context.Context, line io.Writer, bytesIn <-chan []byte) error {
	var work *job
	defer func() { work.end() }()
	for {
		var done chan []byte
		if work != nil {
			done = work.done
		}
		select {
		case <-ctx.Done():
			return nil
		case answer := <-done:
			fault := work.fault
			work.cancel()
			work = nil
			if answer == nil {
				continue
			}
			e.last = answer
			if _, err := line.Write(damage(fault, answer)); err != nil {
				return err
			}
		case chunk, ok := <-bytesIn:
			if !ok {
				return nil
			}
			// The time of the chunk, not of each byte: what came together stays
			// together on a busy computer.
			pause := time.Since(e.heard)
			e.heard = time.Now()
			for i, x := range chunk {
				if i > 0 {
					pause = 0
				}
				e.mu.Lock()
				cycle := e.cycle
				e.mu.Unlock()
				if cycle {
					work.end()
					work = nil
					e.powerOn()
				}
				in := e.hear(x, pause)
				if in.kind == nothing {
					continue
				}
				var err error
				if work, err = e.react(ctx, line, work, in); err != nil {
					return err
				}
			}
		}
	}
}

// react is the dialogue (User Manual, "Dialog structure"): an ACK ends the
// command at work, a NACK asks for the last answer again, a new command takes
// the place of the one at work.
func (e *Emulator) react(ctx context.Context, line io.Writer, work *job, in input) (*job, error) {
	switch in.kind {
	case hostAck:
		work.end()
		if e.newBaud != 0 {
			e.mu.Lock()
			if !e.ignoreBaud {
				e.baud = e.newBaud
			}
			e.mu.Unlock()
			e.newBaud = 0
		}
		return nil, nil
	case hostNack:
		// The manual does not say what a chip at work does: the worst, to see
		// that the host does not fall for it. [unverified]
		if e.last != nil {
			_, err := line.Write(e.last)
			return work, err
		}
		return work, nil
	}
	fault := e.fault(in.data[0])
	if fault == Deaf {
		return work, nil
	}
	work.end()
	e.newBaud = 0
	hello := bytes.Clone(chipAck)
	switch fault {
	case BadAck:
		hello[4] ^= 0x01
	case Noise:
		hello = append([]byte{0x00, 0xFF, 0x77, 0x5A}, hello...)
	case Crosstalk:
		hello = append(hello, 0x00, 0xFF, 0x77, 0x5A)
	}
	if _, err := line.Write(hello); err != nil {
		return nil, err
	}
	if fault == PowerLoss {
		e.powerOn()
		return nil, nil
	}
	return e.start(ctx, in.data, fault), nil
}

// start runs a command.
func (e *Emulator) start(ctx context.Context, data []byte, fault Fault) *job {
	ctx, cancel := context.WithCancel(ctx)
	work := &job{cancel: cancel, done: make(chan []byte, 1), fault: fault}
	if data[0] == 0x10 && len(data) == 2 && int(data[1]) < len(baudRates) && !e.lowBattery {
		e.newBaud = baudRates[data[1]]
	}
	if data[0] == 0x16 {
		e.asleep, e.edges = true, 0 // PowerDown: after the answer
	}
	go func() {
		defer close(work.done)
		answer := e.execute(ctx, data, fault)
		switch {
		case ctx.Err() != nil || fault == NoAnswer:
			// Nobody waits for an answer of a cancelled command.
			work.done <- nil
		case answer == nil || fault == Refuse:
			work.done <- syntaxError
		default:
			work.done <- answerFrame(answer)
		}
	}()
	return work
}

// hear takes one byte. Asleep, the chip only counts rising edges: five wake it
// (data sheet, "Host interface wake-up"), and what comes while its clock starts
// is lost. Pause is the silence before the byte.
func (e *Emulator) hear(x byte, pause time.Duration) input {
	switch {
	case e.asleep:
		if e.edges += risingEdges(x); e.edges >= 5 {
			// Some ten byte times at 115200 baud, unless the host waits.
			e.asleep, e.settle = false, 10
		}
		return input{}
	case e.settle > 0 && pause < 2*time.Millisecond:
		e.settle--
		return input{}
	}
	e.settle = 0
	// The chip does not wait long for the rest of a frame (User Manual, "HSU":
	// time-out between bytes). Generous, for busy computers.
	if pause > 150*time.Millisecond {
		e.receive = receiver{}
	}
	return e.receive.feed(x)
}

// risingEdges counts the rising edges of a byte on a serial line: start bit 0,
// eight bits from the lowest on, stop bit 1.
func risingEdges(x byte) (n int) {
	level := byte(0)
	for i := range 9 {
		next := byte(1)
		if i < 8 {
			next = x >> i & 1
		}
		if level == 0 && next == 1 {
			n++
		}
		level = next
	}
	return n
}
