package boot

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A keypad's digits reach the console too: the kernel's keyboard driver sees to that.
func TestNothingTypedIsPrinted(t *testing.T) {
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer keyboard.Close()
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	screen, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer screen.Close()
	if err := noEcho(int(screen.Fd())); err != nil {
		t.Fatal(err)
	}
	if _, err := keyboard.WriteString("4711\n"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	if n, err := screen.Read(b); err != nil || string(b[:n]) != "4711\n" { // it has arrived
		t.Fatalf("typed %q, %v", b[:n], err)
	}
	if _, err := screen.WriteString("boot: ready\n"); err != nil {
		t.Fatal(err)
	}
	if n, err := keyboard.Read(b); err != nil || string(b[:n]) != "boot: ready\r\n" {
		t.Errorf("the screen shows %q, %v", b[:n], err)
	}
}
