package usbfs

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel's structures and requests (include/uapi/linux/usbdevice_fs.h).
// Fields have the sizes and places of C, on 32 and 64 bits.

// urb is struct usbdevfs_urb.
type urb struct {
	Type, Endpoint byte
	Status         int32
	Flags          uint32
	Buffer         unsafe.Pointer
	Length, Actual int32
	_              [4]int32 // start_frame, number_of_packets, error_count, signr
	_              uintptr  // usercontext
}

// disconnectClaim is struct usbdevfs_disconnect_claim.
type disconnectClaim struct {
	Interface, Flags uint32
	Driver           [256]byte
}

// exceptDriver is USBDEVFS_DISCONNECT_CLAIM_EXCEPT_DRIVER: leave the interface
// to the driver of that name.
const exceptDriver = 2

// USBDEVFS_URB_TYPE_*.
const (
	urbInterrupt byte = 1
	urbControl   byte = 2
	urbBulk      byte = 3
)

// Requests: direction, size of the argument, 'U', number.
const (
	toKernel   = 1 << 30
	fromKernel = 2 << 30

	ioctlSubmit          = fromKernel | unsafe.Sizeof(urb{})<<16 | 'U'<<8 | 10
	ioctlDiscard         = 'U'<<8 | 11
	ioctlReap            = toKernel | unsafe.Sizeof(uintptr(0))<<16 | 'U'<<8 | 13
	ioctlRelease         = fromKernel | 4<<16 | 'U'<<8 | 16
	ioctlReset           = 'U'<<8 | 20
	ioctlDisconnectClaim = fromKernel | unsafe.Sizeof(disconnectClaim{})<<16 | 'U'<<8 | 27
)

func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}
