package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"smartreader/build/qemu/qmp"
)

// ErrOff is returned when the machine has ended, or ends meanwhile.
var ErrOff = errors.New("machine: it is off")

// Files in the folder of sockets. Their names are short: the path of a socket
// has room for about 100 bytes.
const (
	qmpSocket    = "qmp"
	slotSocket   = "slot"
	serialSocket = "pn532"
)

// startTime is how long QEMU may take to open its sockets.
const startTime = 20 * time.Second

// Machine is one run of QEMU. Its methods may be called concurrently.
type Machine struct {
	Console *Console

	lane   string
	dir    string // of sockets
	cmd    *exec.Cmd
	done   chan struct{} // closed when QEMU has ended
	err    error         // how; valid once done is closed
	stderr bytes.Buffer  // valid once done is closed
	qmp    *qmp.Client
	events chan qmp.Event

	plug sync.Mutex // one plug or unplug at a time

	asleep atomic.Bool // the guest switched itself off
}

// Start starts QEMU. The machine boots from then on; the caller ends it with
// PowerDown or Kill.
func Start(ctx context.Context, o Options) (*Machine, error) {
	program, firmware, err := programs(o.Lane)
	if err != nil {
		return nil, err
	}
	// Not in the caller's folder: socket paths must be short.
	dir, err := os.MkdirTemp("", "reader-")
	if err != nil {
		return nil, fmt.Errorf("machine: %w", err)
	}
	m := &Machine{
		Console: newConsole(o.Console), lane: o.Lane, dir: dir, done: make(chan struct{}),
		cmd:    exec.Command(program, o.arguments(dir, firmware)...),
		events: make(chan qmp.Event, 64),
	}
	m.cmd.Stdout = m.Console
	m.cmd.Stderr = &m.stderr
	if err := m.launch(); err != nil {
		return nil, errors.Join(fmt.Errorf("machine: %w", err), os.RemoveAll(dir))
	}
	if err := m.connect(ctx); err != nil {
		m.Kill()
		if said := strings.TrimSpace(m.stderr.String()); said != "" {
			err = errors.New(said) // it knows better than we do
		}
		return nil, fmt.Errorf("machine: QEMU did not start: %w", err)
	}
	return m, nil
}

// connect waits for QEMU's sockets.
func (m *Machine) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		client, err := qmp.Dial(ctx, filepath.Join(m.dir, qmpSocket), m.event)
		if err == nil {
			m.qmp = client
			return nil
		}
		select {
		case <-again.C:
		case <-m.done:
			return ErrOff
		case <-ctx.Done():
			return err
		}
	}
}

// event keeps an event for who waits for it. When nobody does the oldest are
// dropped.
func (m *Machine) event(e qmp.Event) {
	var shutdown struct{ Reason string }
	if e.Event == "SHUTDOWN" && json.Unmarshal(e.Data, &shutdown) == nil {
		m.asleep.Store(shutdown.Reason == "guest-shutdown")
	}
	for {
		select {
		case m.events <- e:
			return
		default:
		}
		select {
		case <-m.events:
		default:
		}
	}
}

// finish runs when QEMU has ended.
func (m *Machine) finish(err error) {
	m.err = err
	m.Console.end()
	close(m.done)
}

// Done is closed when QEMU has ended: killed, powered down, or reset by the
// guest.
func (m *Machine) Done() <-chan struct{} { return m.done }

// Err says how QEMU ended, after Done: nil when the guest switched off or
// asked for a reset.
func (m *Machine) Err() error {
	<-m.done
	if m.err == nil {
		return nil
	}
	return fmt.Errorf("machine: %w: %s", m.err, strings.TrimSpace(m.stderr.String()))
}

// OffByGuest says, after Done, whether the guest switched itself off; it may
// also have asked for a reset, or have been killed.
func (m *Machine) OffByGuest() bool { return m.asleep.Load() }

// PID of QEMU.
func (m *Machine) PID() int { return m.cmd.Process.Pid }

// Kill cuts the power: SIGKILL, and nothing that was not flushed is saved.
func (m *Machine) Kill() {
	_ = m.cmd.Process.Kill() // it may have ended by itself
	m.clean()
}

func (m *Machine) clean() {
	<-m.done
	if m.qmp != nil {
		<-m.qmp.Done()    // its last words say why it ended
		_ = m.qmp.Close() // the other end is gone
	}
	_ = os.RemoveAll(m.dir) // a few sockets in the temporary folder
}

// PowerDown presses the power button and waits until the guest has switched
// itself off. When ctx ends before, the machine is killed and the error says so.
// A Raspberry Pi has no such button: there it is Ctrl-Alt-Delete.
func (m *Machine) PowerDown(ctx context.Context) error {
	var err error
	if m.lane == Raspi3b {
		err = m.Press(ctx, "ctrl", "alt", "delete")
	} else {
		err = m.execute(ctx, "system_powerdown", nil, nil)
	}
	if err == nil {
		select {
		case <-m.done:
		case <-ctx.Done():
			err = fmt.Errorf("machine: it did not switch off when asked to, and was killed: %w", ctx.Err())
		}
	}
	if errors.Is(err, ErrOff) {
		err = nil
	}
	m.Kill()
	return err
}

// Slot connects to the far end of the chip card slot: build/qemu/vscard.
func (m *Machine) Slot(ctx context.Context) (net.Conn, error) { return m.dial(ctx, slotSocket) }

// Serial connects to the far end of the serial adapter: that plugs it in, and
// closing the connection unplugs it.
func (m *Machine) Serial(ctx context.Context) (net.Conn, error) { return m.dial(ctx, serialSocket) }

func (m *Machine) dial(ctx context.Context, socket string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", filepath.Join(m.dir, socket))
	if err != nil {
		return nil, fmt.Errorf("machine: %w", m.orOff(err))
	}
	return conn, nil
}

func (m *Machine) orOff(err error) error {
	select {
	case <-m.done:
		return fmt.Errorf("%w: %w", ErrOff, err)
	default:
		return err
	}
}

func (m *Machine) execute(ctx context.Context, command string, arguments, result any) error {
	err := m.qmp.Execute(ctx, command, arguments, result)
	if errors.Is(err, qmp.ErrClosed) {
		return fmt.Errorf("%w: %w", ErrOff, err)
	}
	return err
}

// UnplugCCID pulls the chip card reader out of its USB port. The connection of
// Slot has to be closed by who made it.
func (m *Machine) UnplugCCID(ctx context.Context) error {
	m.plug.Lock()
	defer m.plug.Unlock()
	for len(m.events) > 0 {
		<-m.events
	}
	if err := m.execute(ctx, "device_del", map[string]string{"id": idCCID}, nil); err != nil {
		return err
	}
	for {
		select {
		case e := <-m.events:
			var data struct{ Device string }
			if e.Event == "DEVICE_DELETED" && json.Unmarshal(e.Data, &data) == nil && data.Device == idCCID {
				return nil
			}
		case <-m.done:
			return ErrOff
		case <-ctx.Done():
			return fmt.Errorf("machine: unplug the chip card reader: %w", ctx.Err())
		}
	}
}

// PlugCCID puts it in again. Slot can be called afterwards.
func (m *Machine) PlugCCID(ctx context.Context) error {
	m.plug.Lock()
	defer m.plug.Unlock()
	if err := m.execute(ctx, "device_add", map[string]string{"driver": "usb-ccid", "id": idCCID}, nil); err != nil {
		return err
	}
	return m.execute(ctx, "device_add", map[string]string{
		"driver": "ccid-card-passthru", "id": idCard, "bus": idCCID + ".0", "chardev": "slot",
	}, nil)
}

// Press presses keys of the keypad together and releases them. The names are
// QEMU's, such as "kp_5", "kp_enter", "esc" (QMP reference manual, QKeyCode).
func (m *Machine) Press(ctx context.Context, keys ...string) error {
	type value struct {
		Type string `json:"type"`
		Data string `json:"data"`
	}
	values := make([]value, len(keys))
	for i, key := range keys {
		values[i] = value{"qcode", key}
	}
	return m.execute(ctx, "send-key", map[string]any{"keys": values}, nil)
}

// Screenshot returns what the guest's screen shows, as PNG.
func (m *Machine) Screenshot(ctx context.Context) ([]byte, error) {
	file := filepath.Join(m.dir, "screen.png")
	if err := m.execute(ctx, "screendump", map[string]string{"filename": file, "format": "png"}, nil); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}
