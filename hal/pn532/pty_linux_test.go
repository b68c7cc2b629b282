package pn532_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"smartreader/hal"
	"smartreader/hal/pn532"
	"smartreader/hal/pn532/pn532test"
	"smartreader/hal/tty"
)

// pty opens a pseudo terminal: the far end of the line, and the port's path.
func pty(t *testing.T) (far *os.File, path string) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), "/dev/ptmx"), fmt.Sprintf("/dev/pts/%d", n)
}

// TestPseudoTerminal is the whole way: driver, serial port, kernel, chip. The
// far end is closed in the end: the adapter is unplugged. It waits for nothing
// by the clock.
func TestPseudoTerminal(t *testing.T) {
	far, path := pty(t)
	// The port stays open on one side, or the chip would see it hang up when
	// the reader closes its own.
	held, err := tty.Open(path, 115200)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	chip := pn532test.New()
	served := make(chan error, 1)
	ctx, unplug := context.WithCancel(t.Context())
	go func() { served <- chip.Serve(ctx, far) }()

	reader := pn532.New(func(context.Context) (pn532.Link, error) {
		port, err := tty.Open(path, 115200)
		if err != nil {
			return nil, err
		}
		return pn532.HSU(port), nil
	}, nil)
	defer reader.Close()

	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = reader.Activate(short)
	want(t, "no card", err, context.DeadlineExceeded)

	if err := chip.Tap(pn532test.TypeA(&stub{})); err != nil {
		t.Fatal(err)
	}
	card, err := reader.Activate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	answers(t, card)
	for _, fault := range []pn532test.Fault{pn532test.Noise, pn532test.BadAnswer, pn532test.ShortAnswer} {
		chip.Fail(dataExchange, fault)
		answers(t, card)
	}
	response, err := card.Transceive(t.Context(), make([]byte, 600))
	if err != nil || len(response) != 3 {
		t.Errorf("600 bytes: % X, %v", response, err)
	}

	unplug()
	<-served
	_, err = card.Transceive(t.Context(), selectPPSE)
	want(t, "unplugged", err, hal.ErrNotFound)
	_, err = reader.Activate(t.Context())
	want(t, "still unplugged", err, hal.ErrNotFound)
}

// pipePort is a serial port made of a pipe; the rate does not matter to it.
type pipePort struct{ net.Conn }

func (pipePort) SetBaud(int) error { return nil }

func TestPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		chip := pn532test.New()
		served := make(chan error, 1)
		go func() { served <- chip.Serve(t.Context(), far) }()
		reader := pn532.New(func(context.Context) (pn532.Link, error) { return pn532.HSU(pipePort{near}), nil }, nil)
		if err := chip.Tap(pn532test.TypeB(&stub{})); err != nil {
			t.Fatal(err)
		}
		card, err := reader.Activate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		answers(t, card)
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}
