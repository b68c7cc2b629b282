package fb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"smartreader/hal"
)

// Requests of uapi/linux/fb.h and uapi/linux/kd.h.
const (
	getVariable = 0x4600 // FBIOGET_VSCREENINFO
	getFixed    = 0x4602 // FBIOGET_FSCREENINFO
	panDisplay  = 0x4606 // FBIOPAN_DISPLAY
	blank       = 0x4611 // FBIOBLANK
	setMode     = 0x4B3A // KDSETMODE
	getMode     = 0x4B3B // KDGETMODE
	graphics    = 1      // KD_GRAPHICS
)

// currentConsole is the virtual console that is in front.
const currentConsole = "/dev/tty0"

// Open opens a framebuffer, wakes the display up and, if it may, silences the
// console on it. Errors match hal.ErrNotFound when there is no such device, and
// hal.ErrUnsupported when this package cannot draw on it.
func Open(path string) (*Screen, error) {
	s, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("fb: open %s: %w", path, err)
	}
	return s, nil
}

func open(path string) (_ *Screen, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hal.Advise(hal.ErrNotFound, "%s is not there: connect a display that the kernel has a driver for, before power is switched on", path)
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		// A mapping does not need its file any more.
		err = errors.Join(err, f.Close())
	}()
	var fix fixed
	var v variable
	if err := errors.Join(
		ioctl(f, getFixed, unsafe.Pointer(&fix)),
		ioctl(f, getVariable, unsafe.Pointer(&v)),
	); err != nil {
		return nil, fmt.Errorf("%w: not a framebuffer: %w", hal.ErrUnsupported, err)
	}
	if v.XOffset != 0 || v.YOffset != 0 {
		// The console scrolls by moving the visible part. Where that cannot be
		// undone the picture goes where the visible part is now.
		top := v
		top.XOffset, top.YOffset = 0, 0
		if ioctl(f, panDisplay, unsafe.Pointer(&top)) == nil {
			v = top
		}
	}
	layout, start, err := layoutOf(fix, v)
	if err != nil {
		return nil, err
	}
	// The kernel maps whole pages; the memory may start inside the first one.
	start += int(fix.Start % uintptr(os.Getpagesize()))
	mapped, err := unix.Mmap(int(f.Fd()), 0, start+layout.length(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map its memory: %w", err)
	}
	// Both are extras: many displays never sleep, and without the rights for
	// the console the picture is right until the console writes.
	_ = unix.IoctlSetInt(int(f.Fd()), blank, 0)
	restore, quietErr := Quiet(currentConsole)
	return &Screen{
		layout: layout,
		memory: mapped[start:],
		release: func() error {
			err := unix.Munmap(mapped)
			if quietErr == nil {
				err = errors.Join(err, restore())
			}
			return err
		},
	}, nil
}

// Quiet keeps the kernel's text console from drawing: it switches a virtual
// console ("/dev/tty0" is the one in front) to graphics mode. What is written to
// the console is kept and shown by restore. It needs root or CAP_SYS_TTY_CONFIG
// and lasts until restore, even after the process ended, so a supervisor can do
// it for a reader without rights. A console in graphics mode is left as it is.
func Quiet(console string) (restore func() error, err error) {
	before, err := switchMode(console, graphics)
	if err != nil {
		return nil, fmt.Errorf("fb: quiet console %s: %w", console, err)
	}
	return func() error {
		if _, err := switchMode(console, before); err != nil {
			return fmt.Errorf("fb: restore console %s: %w", console, err)
		}
		return nil
	}, nil
}

// switchMode switches a console's mode and returns the one it had.
func switchMode(console string, mode int) (before int, err error) {
	f, err := os.OpenFile(console, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if before, err = unix.IoctlGetInt(int(f.Fd()), getMode); err != nil || before == mode {
		return before, err
	}
	return before, unix.IoctlSetInt(int(f.Fd()), setMode, mode)
}

func ioctl(f *os.File, request uintptr, argument unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}
