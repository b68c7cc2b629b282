package boot

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// shutDown stops the machine in good order. The worker has ended.
func (m *machine) shutDown(ctx context.Context) {
	m.stayWell(setupPatience)
	why := context.Cause(ctx)
	if why == nil { // supervision ended by a panic
		why = errReboot
		m.end(why)
	}
	const patience = 2 * time.Second
	ended := make(chan struct{})
	go func() { m.tasks.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience): // what still runs goes down with the machine
	}
	_ = m.guard("save the clock", m.saveClock)
	_ = m.guard("unmount", m.unmount)
	unix.Sync()
	command := unix.LINUX_REBOOT_CMD_POWER_OFF
	if errors.Is(why, errReboot) {
		command = unix.LINUX_REBOOT_CMD_RESTART
	}
	m.say("%v", why)
	m.console.stop(time.Second)
	for {
		_ = unix.Reboot(command)
		time.Sleep(time.Second) // it failed, and there is nothing else to do
	}
}

func (m *machine) unmount() error {
	var errs []error
	if m.dataSeen.Load() {
		err := unix.Unmount(dataDir, 0)
		if err != nil { // in use: make it whole at least
			err = errors.Join(err, unix.Mount("", dataDir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		}
		errs = append(errs, err)
	}
	if m.bootSeen {
		errs = append(errs, unix.Unmount(bootDir, 0))
	}
	return errors.Join(errs...)
}

// watchPowerKey switches the machine off when a power key is pressed, on any
// keyboard or button, whenever plugged in.
func (m *machine) watchPowerKey(ctx context.Context) error {
	events, err := hearDevices()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { events.Close() })
	defer func() { stop(); events.Close() }()
	var watched sync.Map // by name
	for {
		names, _ := filepath.Glob("/dev/input/event*")
		for _, name := range names {
			if _, already := watched.LoadOrStore(name, true); !already {
				m.tasks.Go(func() {
					defer watched.Delete(name)
					_ = m.guard(name, func() error { m.watchKeys(ctx, name); return nil })
				})
			}
		}
		if err := nextEvents(events); err != nil {
			return errors.Join(ctx.Err(), err)
		}
	}
}

// watchKeys reads one input device until it is gone.
func (m *machine) watchKeys(ctx context.Context, name string) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { f.Close() })
	defer func() { stop(); f.Close() }()
	if hasPowerKey(f) && powerPressed(f) {
		m.say("power key pressed")
		m.end(errPowerOff)
	}
}

const (
	evKey    = 1   // input event type EV_KEY
	keyPower = 116 // KEY_POWER
)

// hasPowerKey asks a device which keys it has.
func hasPowerKey(f *os.File) bool {
	var keys [768 / 8]byte
	connection, err := f.SyscallConn()
	if err != nil {
		return false
	}
	// EVIOCGBIT(EV_KEY, len(keys)): _IOC(_IOC_READ, 'E', 0x20+EV_KEY, len)
	request := uintptr(2<<30 | len(keys)<<16 | 'E'<<8 | 0x20 + evKey)
	var errno syscall.Errno
	err = connection.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(&keys)))
	})
	return err == nil && errno == 0 && keys[keyPower/8]>>(keyPower%8)&1 == 1
}

// powerPressed reads events until the power key goes down; false when there
// are no more.
func powerPressed(r io.Reader) bool {
	// struct input_event: two longs of time, type, code, value.
	event := make([]byte, 2*unsafe.Sizeof(uintptr(0))+8)
	for {
		if _, err := io.ReadFull(r, event); err != nil {
			return false
		}
		e := event[len(event)-8:]
		if binary.NativeEndian.Uint16(e) == evKey && binary.NativeEndian.Uint16(e[2:]) == keyPower && binary.NativeEndian.Uint32(e[4:]) == 1 {
			return true
		}
	}
}
