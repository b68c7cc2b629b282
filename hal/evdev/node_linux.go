package evdev

import (
	"errors"
	"fmt"
	"image"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// system is what this package asks of the kernel besides reading and waiting:
// the seam where tests put pipes in the place of devices.
type system struct {
	// open opens a device for reading without blocking and says what it is.
	open func(path string) (fd int, id *identity, err error)
	// where says where the fingers on a touch screen are.
	where func(fd int, kind touchKind) position
	// grab makes all further events go to this file only.
	grab func(fd int) error
	// poll is poll(2).
	poll func(files []unix.PollFd, milliseconds int) (int, error)
}

func kernel() system {
	return system{open: openNode, where: where, grab: grab, poll: unix.Poll}
}

// Requests of uapi/linux/input.h: direction, size, 'E', number.
const (
	getID     = 0x80084502 // EVIOCGID
	getName   = 0x80004506 // EVIOCGNAME(size << 16)
	getSerial = 0x80004508 // EVIOCGUNIQ(size << 16)
	getBits   = 0x80004520 // EVIOCGBIT(type, size << 16)
	getAbs    = 0x80184540 // EVIOCGABS(axis)
	getSlots  = 0x8000450a // EVIOCGMTSLOTS(size << 16)
	setGrab   = 0x40044590 // EVIOCGRAB
	sizeBits  = 16
)

func openNode(path string) (fd int, id *identity, err error) {
	fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, nil, err
	}
	if id, err = identify(fd); err != nil {
		return -1, nil, errors.Join(fmt.Errorf("not an input device: %w", err), unix.Close(fd))
	}
	return fd, id, nil
}

func identify(fd int) (*identity, error) {
	var number struct{ bus, vendor, product, version uint16 }
	var name, serial [256]byte
	id := new(identity)
	types := map[uintptr]*bitmap{evKey: &id.keys, evAbs: &id.abs}
	if err := ioctl(fd, getID, unsafe.Pointer(&number)); err != nil {
		return nil, err
	}
	// A device without name, serial number, keys or axes is no error.
	_ = ioctl(fd, getName|uintptr(len(name))<<sizeBits, unsafe.Pointer(&name))
	_ = ioctl(fd, getSerial|uintptr(len(serial))<<sizeBits, unsafe.Pointer(&serial))
	for kind, bits := range types {
		_ = ioctl(fd, getBits+kind|uintptr(len(bits))<<sizeBits, unsafe.Pointer(bits))
	}
	id.bus, id.vendor, id.product = number.bus, number.vendor, number.product
	id.name, _, _ = strings.Cut(string(name[:]), "\x00")
	id.serial, _, _ = strings.Cut(string(serial[:]), "\x00")
	for code, a := range map[uint16]*axis{absX: &id.x, absY: &id.y, absMTX: &id.mtX, absMTY: &id.mtY} {
		if !id.abs.has(code) {
			continue
		}
		info, err := absolute(fd, code)
		if err != nil {
			return nil, err
		}
		*a = axis{info.low, info.high}
	}
	return id, nil
}

// absInfo is struct input_absinfo.
type absInfo struct{ value, low, high, fuzz, flat, resolution int32 }

func absolute(fd int, code uint16) (info absInfo, err error) {
	err = ioctl(fd, getAbs+uintptr(code), unsafe.Pointer(&info))
	return info, err
}

// where leaves at zero what the kernel does not say: the device is gone, and
// the next read will tell.
func where(fd int, kind touchKind) (p position) {
	switch kind {
	case pointer:
		x, _ := absolute(fd, absX)
		y, _ := absolute(fd, absY)
		p.fingers[0] = image.Pt(int(x.value), int(y.value))
	case multi:
		slot, _ := absolute(fd, absMTSlot)
		p.slot = int(slot.value)
		x := struct {
			code   uint32
			values [slots]int32
		}{code: absMTX}
		y := x
		y.code = absMTY
		const size = unsafe.Sizeof(x) << sizeBits
		_ = ioctl(fd, getSlots|size, unsafe.Pointer(&x))
		_ = ioctl(fd, getSlots|size, unsafe.Pointer(&y))
		for i := range p.fingers {
			p.fingers[i] = image.Pt(int(x.values[i]), int(y.values[i]))
		}
	}
	return p
}

func grab(fd int) error { return unix.IoctlSetInt(fd, setGrab, 1) }

func ioctl(fd int, request uintptr, argument unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}
