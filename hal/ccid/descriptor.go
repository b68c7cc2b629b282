package ccid

import (
	"encoding/binary"
	"errors"
	"fmt"

	"smartreader/hal"
	"smartreader/hal/usbfs"
)

// Interface class of chip card readers and its protocols.
const (
	class        = 0x0B
	protocolCCID = 0
)

// Class descriptor: type and length.
const (
	typeClass = 0x21
	sizeClass = 54
)

// features is dwFeatures of the class descriptor.
type features uint32

const (
	automaticParameters  features = 0x00000002 // from the ATR
	automaticVoltage     features = 0x00000008
	automaticBaudRate    features = 0x00000020
	automaticNegotiation features = 0x00000040 // parameters and protocol
	automaticPPS         features = 0x00000080
	automaticIFSD        features = 0x00000400

	levelTPDU     features = 0x00010000
	levelShort    features = 0x00020000
	levelExtended features = 0x00040000
	levelMask     features = 0x00070000
)

func (f features) has(which features) bool { return f&which != 0 }

// Voltage bits of bVoltageSupport, and the codes that PC_to_RDR_IccPowerOn has
// for them. EMV wants class A, so 5 V is tried first.
var voltages = []struct{ bit, code byte }{{1, 1}, {2, 2}, {4, 3}}

// descriptor is what the driver uses of the class descriptor.
type descriptor struct {
	maxSlot    byte // highest slot number
	voltage    byte // bits
	protocols  byte // bits: 1 is T=0, 2 is T=1
	clock      int  // kHz after reset
	maxRate    int  // bit/s
	rates      int  // number of data rates that can be listed
	maxIFSD    int
	features   features
	maxMessage int // bytes, with the header
}

var errDescriptor = errors.New("ccid: bad class descriptor")

// parseDescriptor finds the class descriptor among those of an interface.
func parseDescriptor(b []byte) (descriptor, error) {
	for len(b) >= 2 {
		size := int(b[0])
		if size < 2 || size > len(b) {
			break
		}
		if b[1] == typeClass && size >= sizeClass {
			le := binary.LittleEndian
			return descriptor{
				maxSlot:    b[4],
				voltage:    b[5],
				protocols:  b[6],
				clock:      int(le.Uint32(b[10:]) & 0xFFFFFF),
				maxRate:    int(le.Uint32(b[23:]) & 0xFFFFFFF),
				rates:      int(b[27]),
				maxIFSD:    int(min(le.Uint32(b[28:]), 254)),
				features:   features(le.Uint32(b[40:])),
				maxMessage: int(min(le.Uint32(b[44:]), headerSize+65544)),
			}, nil
		}
		b = b[size:]
	}
	return descriptor{}, fmt.Errorf("%w: none of at least %d bytes", errDescriptor, sizeClass)
}

// usable says whether the driver can use an interface of the smart card class.
func usable(i usbfs.Interface) (descriptor, error) {
	unsupported := func(what string) (descriptor, error) {
		return descriptor{}, hal.Advise(hal.ErrUnsupported, "%s: use a CCID reader with TPDU or APDU exchange", what)
	}
	if i.Protocol != protocolCCID {
		return unsupported(fmt.Sprintf("this is a smart card with a USB plug (ICCD, interface protocol %d), not a reader", i.Protocol))
	}
	d, err := parseDescriptor(i.Extra)
	if err != nil {
		return unsupported("the reader has no CCID class descriptor")
	}
	if d.features&levelMask == 0 {
		return unsupported("the reader exchanges single characters")
	}
	return d, nil
}
