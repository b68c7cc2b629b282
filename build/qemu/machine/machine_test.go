package machine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The test's own program plays QEMU when this is set.
const actor = "MACHINE_TEST_QEMU"

func TestMain(m *testing.M) {
	if os.Getenv(actor) != "" {
		os.Exit(playQEMU(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// playQEMU opens the sockets that the arguments name and answers commands. It
// ends by the power button, and by a kernel that is called "broken".
func playQEMU(args []string) int {
	after := func(flag string) string { return args[slices.Index(args, flag)+1] }
	if after("-kernel") == "broken" {
		fmt.Fprintln(os.Stderr, "could not load kernel 'broken'")
		return 1
	}
	fmt.Println("Linux says hello")
	path, _, _ := strings.Cut(strings.TrimPrefix(after("-qmp"), "unix:"), ",")
	for _, socket := range []string{slotSocket, serialSocket} {
		l, err := net.Listen("unix", filepath.Join(filepath.Dir(path), socket))
		if err != nil {
			return 2
		}
		go func() {
			for {
				if c, err := l.Accept(); err == nil {
					fmt.Fprint(c, socket)
					c.Close()
				}
			}
		}()
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return 2
	}
	conn, err := l.Accept()
	if err != nil {
		return 2
	}
	fmt.Fprintln(conn, `{"QMP": {}}`)
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		var c struct {
			Execute   string
			Arguments struct{ ID, Driver, Filename string }
			ID        uint64
		}
		if json.Unmarshal(lines.Bytes(), &c) != nil {
			return 2
		}
		if c.Execute == "screendump" && os.WriteFile(c.Arguments.Filename, []byte("picture"), 0o600) != nil {
			return 2
		}
		fmt.Fprintf(conn, "{\"return\": {}, \"id\": %d}\n", c.ID)
		fmt.Println("qmp", c.Execute, c.Arguments.Driver)
		switch c.Execute {
		case "system_powerdown", "send-key":
			if c.Execute == "send-key" && !strings.Contains(lines.Text(), "delete") {
				continue
			}
			fmt.Fprintln(conn, `{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}`)
			return 0
		case "device_del":
			fmt.Fprintf(conn, "{\"event\": \"DEVICE_DELETED\", \"data\": {\"device\": %q}}\n", c.Arguments.ID)
		}
	}
	return 0
}

// act puts this program in QEMU's place.
func act(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "qemu-system-aarch64")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	t.Setenv(actor, "1")
}

// The other lane needs UEFI firmware, which is not on every computer.
var options = Options{Lane: Raspi3b, Kernel: "kernel", Initrd: "initrd", DTB: "dtb", PN532: "PN532-0001"}

func TestLifeOfAMachine(t *testing.T) {
	act(t)
	ctx := t.Context()
	m, err := Start(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Console.Await(ctx, "Linux says hello"); err != nil {
		t.Error(err)
	}
	for _, dial := range []struct {
		socket string
		open   func(context.Context) (net.Conn, error)
	}{{slotSocket, m.Slot}, {serialSocket, m.Serial}} {
		conn, err := dial.open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if said, err := io.ReadAll(conn); err != nil || string(said) != dial.socket {
			t.Errorf("%s: %q, %v", dial.socket, said, err)
		}
		conn.Close()
	}
	if err := errors.Join(m.UnplugCCID(ctx), m.PlugCCID(ctx), m.Press(ctx, "kp_5")); err != nil {
		t.Error(err)
	}
	for _, said := range []string{"qmp device_del", "qmp device_add usb-ccid", "qmp device_add ccid-card-passthru", "qmp send-key"} {
		if _, err := m.Console.Await(ctx, said); err != nil {
			t.Error(err)
		}
	}
	if picture, err := m.Screenshot(ctx); err != nil || string(picture) != "picture" {
		t.Errorf("%q, %v", picture, err)
	}
	m.Kill()
	m.Kill() // again does nothing
	if m.Err() == nil || m.OffByGuest() {
		t.Errorf("killed, and it says %v, switched off by itself %v", m.Err(), m.OffByGuest())
	}
	if _, err := m.Screenshot(ctx); !errors.Is(err, ErrOff) {
		t.Errorf("a picture of a dead machine: %v", err)
	}
	if _, err := m.Slot(ctx); !errors.Is(err, ErrOff) {
		t.Errorf("a dead machine's slot: %v", err)
	}
	if _, err := os.Stat(m.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the sockets are still there: %v", err)
	}
}

func TestPowerDown(t *testing.T) {
	act(t)
	m, err := Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.PowerDown(t.Context()); err != nil || !m.OffByGuest() || m.Err() != nil {
		t.Errorf("%v, %v, switched off by itself %v", err, m.Err(), m.OffByGuest())
	}
	if err := m.PowerDown(t.Context()); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestMachineThatDoesNotStart(t *testing.T) {
	act(t)
	broken := options
	broken.Kernel = "broken"
	if _, err := Start(t.Context(), broken); err == nil || !strings.Contains(err.Error(), "could not load kernel") {
		t.Errorf("got %v, want QEMU's own words", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Start(t.Context(), options); err == nil || !strings.Contains(err.Error(), "apt-get install qemu-system-arm") {
		t.Errorf("got %v, want the package", err)
	}
	if err := Check("cray"); err == nil || !strings.Contains(err.Error(), "raspi3b") {
		t.Errorf("got %v, want the lanes", err)
	}
}

func TestArguments(t *testing.T) {
	o := options
	o.Disk, o.POS, o.GuestPort = "reader.img", netip.MustParseAddrPort("127.0.0.1:4443"), 4443
	for lane, want := range map[string][]string{
		Virt: {
			"file=reader.img,format=raw,cache=writeback,if=none,id=disk", "user,id=net,hostfwd=tcp:127.0.0.1:4443-:4443",
			"usb-ccid,id=ccid,bus=usb.0", "edk2.fd", "i6300esb",
		},
		Raspi3b: {"file=reader.img,format=raw,cache=writeback,if=sd", "usb-ccid,id=ccid", "usb-serial,chardev=pn532,serial=PN532-0001", "dtb"},
	} {
		o.Lane = lane
		args := o.arguments("/tmp/x", "edk2.fd")
		for _, a := range want {
			if !slices.Contains(args, a) {
				t.Errorf("%s: no %q in %q", lane, a, args)
			}
		}
	}
}
