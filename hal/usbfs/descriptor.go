package usbfs

import (
	"errors"
	"fmt"
)

// ErrDescriptor is returned for descriptors that do not parse.
var ErrDescriptor = errors.New("usbfs: bad descriptors")

// Descriptor types and lengths of the USB specification.
const (
	typeConfiguration = 2
	typeInterface     = 4
	typeEndpoint      = 5

	sizeConfiguration = 9
	sizeInterface     = 9
	sizeEndpoint      = 7
)

// Interface is one interface in its alternate setting 0.
type Interface struct {
	Number                    int
	Class, Subclass, Protocol byte
	// Extra are the class-specific descriptors, one behind the other, each
	// beginning with its length and type.
	Extra     []byte
	Endpoints []Endpoint
}

// Endpoint is one endpoint of an interface.
type Endpoint struct {
	Address   byte // with the direction in bit 7
	Transfer  Transfer
	MaxPacket int // bytes
}

// In says whether data comes from the device.
func (e Endpoint) In() bool { return e.Address&0x80 != 0 }

// Transfer is the type of an endpoint, as coded in its bmAttributes.
type Transfer byte

// Transfer types.
const (
	Control Transfer = iota
	Isochronous
	Bulk
	Interrupt
)

// Endpoint returns the first endpoint of a type and direction.
func (i Interface) Endpoint(transfer Transfer, in bool) (Endpoint, bool) {
	for _, e := range i.Endpoints {
		if e.Transfer == transfer && e.In() == in {
			return e, true
		}
	}
	return Endpoint{}, false
}

// ParseInterfaces reads the interfaces of one configuration (its
// bConfigurationValue) from descriptors as the kernel keeps them in sysfs: the
// device descriptor and then all configurations. Errors match ErrDescriptor.
func ParseInterfaces(b []byte, configuration int) ([]Interface, error) {
	var found []Interface
	var current *Interface // nil: outside of what is looked for
	inside := false
	for len(b) > 0 {
		size := int(b[0])
		if size < 2 || size > len(b) {
			return nil, fmt.Errorf("%w: length %d with %d bytes left", ErrDescriptor, size, len(b))
		}
		d := b[:size]
		b = b[size:]
		switch {
		case d[1] == typeConfiguration && size >= sizeConfiguration:
			inside, current = int(d[5]) == configuration, nil
		case !inside:
		case d[1] == typeInterface && size >= sizeInterface:
			current = nil
			if d[3] == 0 {
				found = append(found, Interface{Number: int(d[2]), Class: d[5], Subclass: d[6], Protocol: d[7]})
				current = &found[len(found)-1]
			}
		case current == nil:
		case d[1] == typeEndpoint && size >= sizeEndpoint:
			current.Endpoints = append(current.Endpoints, Endpoint{
				Address:   d[2],
				Transfer:  Transfer(d[3] & 3),
				MaxPacket: (int(d[4]) | int(d[5])<<8) & 0x7FF,
			})
		default:
			current.Extra = append(current.Extra, d...)
		}
	}
	return found, nil
}
