package usbfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"smartreader/hal"
)

// Device is one open device with one interface claimed. Its methods are safe
// for concurrent use; transfers on one endpoint run in the order of the calls.
type Device struct {
	file  *os.File
	conn  syscall.RawConn
	iface int

	reaped sync.WaitGroup
	lost   chan struct{} // closed when the reaper has ended

	mu      sync.Mutex
	pending map[uintptr]*transfer
	gone    error // why no transfer can start: unplugged or closed; nil: none
}

// transfer is one URB in the kernel's hands.
type transfer struct {
	urb  urb
	data []byte
	pin  runtime.Pinner // the kernel holds addresses of urb and data
	done chan struct{}  // closed when the kernel gave the URB back
	err  error          // set before done when it never will
}

// Open opens a device and claims one of its interfaces; a kernel driver that
// has it is detached, another program is not (ErrBusy). Errors also match
// hal.ErrNotFound, fs.ErrPermission or are the kernel's.
func Open(root string, i Info, iface int) (*Device, error) {
	name := filepath.Join(root, filepath.FromSlash(i.Node()))
	// Non-blocking, so that the runtime's poller waits for finished URBs.
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &os.PathError{Op: "usbfs: open", Path: name, Err: translate(err)}
	}
	d := &Device{file: os.NewFile(uintptr(fd), name), iface: iface, lost: make(chan struct{}), pending: map[uintptr]*transfer{}}
	if d.conn, err = d.file.SyscallConn(); err == nil {
		err = d.claim()
	}
	if err != nil {
		d.file.Close()
		return nil, fmt.Errorf("%w (interface %d of %s)", err, iface, name)
	}
	d.reaped.Go(d.reap)
	return d, nil
}

// Close gives the interface back and ends transfers in flight with
// hal.ErrHalted. It may be called twice.
func (d *Device) Close() error {
	// Transfers end when the reaper has: until then the kernel may still write
	// to their memory.
	d.mu.Lock()
	if d.gone == nil {
		d.gone = fmt.Errorf("usbfs: %w", hal.ErrHalted)
	}
	d.mu.Unlock()
	err := d.file.Close()
	d.reaped.Wait()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// Transfer moves data over a bulk or interrupt endpoint, whose address gives
// the direction, and returns how many bytes were moved. When ctx ends, the
// transfer is taken back; what had been moved until then stays counted and is
// in data, and a transfer that was complete already is no error. An unplugged
// device is hal.ErrNotFound, a halted endpoint ErrStall.
func (d *Device) Transfer(ctx context.Context, e Endpoint, data []byte) (int, error) {
	kind := urbBulk
	if e.Transfer == Interrupt {
		kind = urbInterrupt
	}
	return d.run(ctx, kind, e.Address, data)
}

// Control sends a control request with at most 65535 bytes of data, in the
// direction that requestType says. Results are as with Transfer.
func (d *Device) Control(ctx context.Context, requestType, request byte, value, index uint16, data []byte) (int, error) {
	setup := make([]byte, 8, 8+len(data))
	setup[0], setup[1] = requestType, request
	for i, v := range []uint16{value, index, uint16(len(data))} {
		setup[2+2*i], setup[3+2*i] = byte(v), byte(v>>8)
	}
	buffer := append(setup, data...)
	n, err := d.run(ctx, urbControl, requestType&0x80, buffer)
	if requestType&0x80 != 0 {
		copy(data, buffer[8:8+n])
	}
	return n, err
}

// Reset resets the port, which is like unplugging the device for a moment, and
// claims the interface again; stalled endpoints work again then. No transfer may be in flight. The device may come
// back under another number: hal.ErrNotFound.
func (d *Device) Reset() error {
	// The kernel takes claims away in a reset; given back before, the interface
	// is not offered to other drivers.
	iface := uint32(d.iface)
	return errors.Join(
		d.control("release", ioctlRelease, unsafe.Pointer(&iface)),
		d.control("reset", ioctlReset, nil),
		d.claim(),
	)
}

func (d *Device) claim() error {
	claim := disconnectClaim{Interface: uint32(d.iface), Flags: exceptDriver}
	copy(claim.Driver[:], "usbfs")
	return d.control("claim", ioctlDisconnectClaim, unsafe.Pointer(&claim))
}

func (d *Device) control(what string, request uintptr, arg unsafe.Pointer) error {
	var err error
	if closed := d.conn.Control(func(fd uintptr) { err = ioctl(int(fd), request, arg) }); closed != nil {
		return fmt.Errorf("usbfs: %w", hal.ErrHalted)
	}
	if err != nil {
		return fmt.Errorf("usbfs: %s: %w", what, translate(err))
	}
	return nil
}

func (d *Device) run(ctx context.Context, kind byte, endpoint byte, data []byte) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	t := &transfer{data: data, done: make(chan struct{})}
	t.urb = urb{Type: kind, Endpoint: endpoint, Length: int32(len(data))}
	t.pin.Pin(&t.urb)
	defer t.pin.Unpin()
	if len(data) > 0 {
		t.pin.Pin(&data[0])
		t.urb.Buffer = unsafe.Pointer(&data[0])
	}
	if err := d.submit(t); err != nil {
		return 0, err
	}
	var cancelled error
	select {
	case <-t.done:
	case <-ctx.Done():
		cancelled = ctx.Err()
		d.discard(t)
		<-t.done // the kernel gives a discarded URB back at once
	}
	if t.err != nil {
		return 0, t.err
	}
	n := min(max(int(t.urb.Actual), 0), len(data))
	switch status := unix.Errno(-t.urb.Status); {
	case t.urb.Status == 0:
		return n, nil
	case cancelled != nil && (status == unix.ENOENT || status == unix.ECONNRESET):
		return n, cancelled
	default:
		return n, d.explain(ctx, endpoint, status)
	}
}

// explain gives a failed transfer's status a meaning. A device that is pulled
// out looks like a noisy line at first, and is known to be gone a little later.
func (d *Device) explain(ctx context.Context, endpoint byte, status unix.Errno) error {
	const settled = 250 * time.Millisecond
	switch status {
	case unix.EPROTO, unix.EILSEQ, unix.ETIME, unix.ECOMM:
		timer := time.NewTimer(settled)
		defer timer.Stop()
		select {
		case <-d.lost:
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.gone
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return fmt.Errorf("usbfs: endpoint %02x: %w", endpoint, translate(status))
}

func (d *Device) submit(t *transfer) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone != nil {
		return d.gone
	}
	if err := d.control("submit", ioctlSubmit, unsafe.Pointer(&t.urb)); err != nil {
		return err
	}
	d.pending[uintptr(unsafe.Pointer(&t.urb))] = t
	return nil
}

func (d *Device) discard(t *transfer) {
	// An error says that the URB is finished or the device gone; both end it.
	_ = d.control("discard", ioctlDiscard, unsafe.Pointer(&t.urb))
}

// reap hands finished URBs back until the device is unplugged or closed.
func (d *Device) reap() {
	var end error
	err := d.conn.Write(func(fd uintptr) bool {
		for {
			var address uintptr
			err := ioctl(int(fd), ioctlReap, unsafe.Pointer(&address))
			switch {
			case err == nil:
				d.finish(address)
			case errors.Is(err, unix.EAGAIN):
				return false // wait for the next one
			case errors.Is(err, unix.EINTR):
			default:
				end = translate(err)
				return true
			}
		}
	})
	if err != nil {
		end = hal.ErrHalted
	}
	d.fail(fmt.Errorf("usbfs: %w", end))
}

func (d *Device) finish(address uintptr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.pending[address]; t != nil {
		delete(d.pending, address)
		close(t.done)
	}
}

// fail ends all transfers, now and later. The first reason stays. Only the
// reaper calls it, once and on its way out: no URB is written to any more.
func (d *Device) fail(why error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer close(d.lost)
	if d.gone == nil {
		d.gone = why
	}
	for address, t := range d.pending {
		t.err = d.gone
		delete(d.pending, address)
		close(t.done)
	}
}

// translate gives kernel errors the names that callers know.
func translate(err error) error {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return err
	}
	switch errno {
	case unix.ENODEV, unix.ESHUTDOWN, unix.ENOENT, unix.ENXIO:
		return fmt.Errorf("%w: %w", hal.ErrNotFound, err)
	case unix.EPIPE:
		return fmt.Errorf("%w: %w", ErrStall, err)
	case unix.EBUSY:
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}
