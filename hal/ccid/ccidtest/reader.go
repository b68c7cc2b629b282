package ccidtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"smartreader/hal"
	"smartreader/hal/ccid"
	"smartreader/hal/usbfs"
)

// Chip is a card without its transport. A T=0 card may answer 61xx and 6Cxx
// itself; otherwise the reader does it for the card.
type Chip interface {
	ATR() []byte
	// Exchange answers one command. It must return when ctx ends.
	Exchange(ctx context.Context, command []byte) (response []byte, err error)
	// Reset puts the chip in its state after power on.
	Reset()
}

// Exchange levels and features of dwFeatures.
const (
	AutomaticParameters  = 0x00000002
	AutomaticVoltage     = 0x00000008
	AutomaticBaudRate    = 0x00000020
	AutomaticNegotiation = 0x00000040
	AutomaticPPS         = 0x00000080
	AutomaticIFSD        = 0x00000400
	LevelTPDU            = 0x00010000
	LevelShort           = 0x00020000
	LevelExtended        = 0x00040000
)

// Options of a Reader. The zero value is a reader at TPDU level that does
// nothing by itself.
type Options struct {
	Features   uint32 // without a level: LevelTPDU, unless Characters
	Characters bool   // character level
	Protocol   byte   // bInterfaceProtocol
	Voltages   byte   // bVoltageSupport; 0: 5 V
	Protocols  byte   // dwProtocols; 0: T=0 and T=1
	MaxMessage int    // dwMaxCCIDMessageLength; 0: 271
	MaxPacket  int    // of the bulk endpoints; 0: 64
	Quiet      bool   // no interrupt endpoint
	EmptyEnd   bool   // messages of full packets end with an empty one
	NoAbort    bool   // does not know how to abort
	NoPPS      bool   // the card refuses PPS
	Unknown    []byte // types of messages it does not know
	Rates      []int  // data rates it can list, in bit/s; none: all up to its highest
	Serial     string
}

// Fault is what goes wrong with the next command to the card.
type Fault int

// Faults.
const (
	Mute         Fault = iota + 1 // the card says nothing
	Garble                        // parity error in the card's answer
	Corrupt                       // a T=1 block with a wrong check byte
	Extend                        // three time extensions before the answer
	Hang                          // the reader says nothing until it is aborted
	Garbage                       // the reader's answer makes no sense
	Stale                         // an answer to an earlier command comes first
	Stall                         // the bulk-IN endpoint stalls
	Busy                          // the slot is busy twice
	Pull                          // the card is taken out
	PullSilently                  // the card is taken out, and the answer never comes
	Vanish                        // the reader is unplugged
)

// Reader is the emulated reader and the hands around it. All methods are safe
// for concurrent use.
type Reader struct {
	options Options

	mu      sync.Mutex
	plugged bool
	open    *device // nil: not open
	chip    Chip
	card    *card // nil: no power
	faults  []Fault
	swallow int           // answers about the slot's state to lose
	changed chan struct{} // closed and renewed when anything changes
	notice  bool          // slot change that was not told yet
	cold    int           // resets by kind
	warm    int
	aborts  int
	resets  int
	voltage byte
	set     []byte // parameters set by the host
	bits    int    // data rate set by the host
}

// New makes a reader that is plugged in and empty.
func New(o Options) *Reader {
	if o.Features&(LevelTPDU|LevelShort|LevelExtended) == 0 && !o.Characters {
		o.Features |= LevelTPDU
	}
	if o.Protocols == 0 {
		o.Protocols = 3
	}
	if o.Voltages == 0 {
		o.Voltages = 1
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = 271
	}
	if o.MaxPacket == 0 {
		o.MaxPacket = 64
	}
	return &Reader{options: o, plugged: true, changed: make(chan struct{})}
}

// Open is for ccid.Options.
func (r *Reader) Open(context.Context, string) (ccid.Device, usbfs.Info, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.plugged {
		return nil, usbfs.Info{}, fmt.Errorf("ccidtest: not plugged in: %w", hal.ErrNotFound)
	}
	if r.open != nil {
		return nil, usbfs.Info{}, errors.New("ccidtest: opened twice")
	}
	r.open = &device{reader: r, life: make(chan struct{})}
	return r.open, r.info(), nil
}

func (r *Reader) info() usbfs.Info {
	o := r.options
	d := make([]byte, 54)
	d[0], d[1], d[3], d[5] = 54, 0x21, 1, o.Voltages
	le := binary.LittleEndian
	le.PutUint32(d[6:], uint32(o.Protocols))
	le.PutUint32(d[10:], 4000)
	le.PutUint32(d[14:], 4000)
	le.PutUint32(d[19:], 10752)
	le.PutUint32(d[23:], 344086)
	d[27] = byte(len(o.Rates))
	le.PutUint32(d[28:], 254)
	le.PutUint32(d[40:], o.Features)
	le.PutUint32(d[44:], uint32(o.MaxMessage))
	d[53] = 1
	i := usbfs.Interface{Class: 0x0B, Protocol: o.Protocol, Extra: d, Endpoints: []usbfs.Endpoint{
		{Address: bulkOut, Transfer: usbfs.Bulk, MaxPacket: o.MaxPacket},
		{Address: bulkIn, Transfer: usbfs.Bulk, MaxPacket: o.MaxPacket},
	}}
	if !o.Quiet {
		i.Endpoints = append(i.Endpoints, usbfs.Endpoint{Address: interruptIn, Transfer: usbfs.Interrupt, MaxPacket: 8})
	}
	return usbfs.Info{Name: "1-1", Bus: 1, Number: 2, Vendor: 0x1234, Product: 0x5678, Title: "Emulated reader", Serial: o.Serial, Interfaces: []usbfs.Interface{i}}
}

// Insert puts a card in, which must be empty.
func (r *Reader) Insert(c Chip) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.chip != nil {
		return errors.New("ccidtest: there is a card in the slot")
	}
	r.chip = c
	r.moved()
	return nil
}

// Remove takes the card out, in the middle of an exchange if there is one.
func (r *Reader) Remove() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.chip == nil {
		return errors.New("ccidtest: there is no card in the slot")
	}
	r.pull()
	return nil
}

// Unplug takes the reader off the bus; a card stays in its slot.
func (r *Reader) Unplug() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.vanish()
}

// Plug puts the reader back on the bus.
func (r *Reader) Plug() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plugged = true
	r.announce()
}

// Fail lets the next exchanges with the card go wrong, in this order.
func (r *Reader) Fail(f ...Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, f...)
}

// Swallow loses the answers to the next n questions about the slot's state, as
// QEMU's reader does when the card leaves at that moment.
func (r *Reader) Swallow(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.swallow = n
}

// Counts is what happened to a reader.
type Counts struct {
	Cold, Warm, Aborts, Resets int
	Voltage                    byte   // bPowerSelect of the last reset
	Parameters                 []byte // protocol and data of the last SetParameters
	DataRate                   int    // bit/s of the last SetDataRateAndClockFrequency
	Rate                       byte   // TA1 coding in force at the card after PPS; 0: not negotiated
}

// Counts returns what happened so far.
func (r *Reader) Counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := Counts{Cold: r.cold, Warm: r.warm, Aborts: r.aborts, Resets: r.resets, Voltage: r.voltage, DataRate: r.bits, Parameters: append([]byte(nil), r.set...)}
	if r.card != nil {
		c.Rate = r.card.rate
	}
	return c
}

// pull, vanish, moved and announce are called with mu held.

func (r *Reader) pull() {
	r.chip = nil
	r.powerOff()
	r.moved()
}

func (r *Reader) vanish() {
	r.plugged = false
	r.powerOff()
	if r.open != nil {
		r.open.gone = true
		r.open = nil
	}
	r.announce()
}

func (r *Reader) powerOff() {
	if r.card != nil {
		r.card.end()
		r.card = nil
	}
}

func (r *Reader) moved() {
	r.notice = true
	r.announce()
}

func (r *Reader) announce() {
	close(r.changed)
	r.changed = make(chan struct{})
}
