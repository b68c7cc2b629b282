package simulation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"smartreader/lan/wire"
)

// echo is a server that sends back what it gets.
func echo(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, l *Line, address string) net.Conn {
	t.Helper()
	c, err := l.Dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// say sends one byte and hears it back.
func say(c net.Conn) error {
	if _, err := c.Write([]byte{1}); err != nil {
		return err
	}
	_, err := c.Read(make([]byte, 1))
	return err
}

func TestImmediateRefusesAndResets(t *testing.T) {
	l, address := newLine(1), echo(t)
	c := dial(t, l, address)
	if err := say(c); err != nil {
		t.Fatal(err)
	}
	read := make(chan error)
	go func() {
		_, err := c.Read(make([]byte, 1))
		read <- err
	}()
	l.SetMode(wire.SimulatedOfflineImmediate)
	if err := <-read; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a read that waited got %v", err)
	}
	if err := say(c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a write after it got %v", err)
	}
	_, err := l.Dial(t.Context(), "tcp", address)
	var op *net.OpError
	if !errors.Is(err, syscall.ECONNREFUSED) || !errors.As(err, &op) || op.Op != "dial" {
		t.Errorf("connecting got %v", err)
	}
	l.SetMode(wire.SimulatedOnline)
	if err := say(dial(t, l, address)); err != nil {
		t.Errorf("back online: %v", err)
	}
	if len(l.conns) != 1 {
		t.Errorf("%d connections are kept, 1 is open", len(l.conns))
	}
}

func TestTimeoutHangs(t *testing.T) {
	address := echo(t) // outside: who waits for a socket stops the bubble's clock
	synctest.Test(t, func(t *testing.T) {
		l := newLine(1)
		writing, reading := dial(t, l, address), dial(t, l, address)
		if _, err := reading.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		l.SetMode(wire.SimulatedOfflineTimeout)
		for name, do := range map[string]func() error{
			"write": func() error { return say(writing) },
			"read": func() error {
				_, err := reading.Read(make([]byte, 1))
				return err
			},
			"dial": func() error {
				_, err := l.Dial(t.Context(), "tcp", address)
				return err
			},
		} {
			start := time.Now()
			err := do()
			var op *net.OpError
			if !errors.Is(err, syscall.ETIMEDOUT) || !errors.As(err, &op) || op.Op != name || !op.Timeout() {
				t.Errorf("%s got %v", name, err)
			}
			if took := time.Since(start); took != hang {
				t.Errorf("%s took %v", name, took)
			}
		}
		start := time.Now()
		if err := errors.Join(say(writing), say(reading)); !errors.Is(err, syscall.ETIMEDOUT) || time.Since(start) != 0 {
			t.Errorf("broken connections got %v after %v", err, time.Since(start))
		}
	})
}

func TestTimeoutEndsWhenTheModeDoes(t *testing.T) {
	address := echo(t)
	synctest.Test(t, func(t *testing.T) {
		l := newLine(1)
		for mode, want := range map[string]error{wire.SimulatedOnline: nil, wire.SimulatedOfflineImmediate: syscall.ECONNREFUSED} {
			l.SetMode(wire.SimulatedOfflineTimeout)
			time.AfterFunc(2*time.Second, func() { l.SetMode(mode) })
			start := time.Now()
			_, err := l.Dial(t.Context(), "tcp", address)
			if !errors.Is(err, want) || time.Since(start) != 2*time.Second {
				t.Errorf("%s: got %v after %v", mode, err, time.Since(start))
			}
			l.SetMode(wire.SimulatedOnline)
		}
		// A connection that was established before lives on.
		c := dial(t, l, address)
		l.SetMode(wire.SimulatedOfflineTimeout)
		time.AfterFunc(time.Second, func() { l.SetMode(wire.SimulatedOnline) })
		if err := say(c); err != nil {
			t.Errorf("a write that hung and then passed: %v", err)
		}
	})
}

func TestTimeoutGivesUpWithItsCaller(t *testing.T) {
	address := echo(t)
	synctest.Test(t, func(t *testing.T) {
		l := newLine(1)
		c, closing := dial(t, l, address), dial(t, l, address)
		l.SetMode(wire.SimulatedOfflineTimeout)
		start := time.Now()
		if err := c.SetDeadline(start.Add(3 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if err := say(c); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("deadline: got %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Dial(ctx, "tcp", address); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial: got %v", err)
		}
		start = time.Now()
		time.AfterFunc(time.Second, func() { closing.Close() })
		if err := say(closing); !errors.Is(err, net.ErrClosed) || time.Since(start) != time.Second {
			t.Errorf("closed: got %v after %v", err, time.Since(start))
		}
	})
}

// Requests over TLS, one connection each, as the reader makes them.
func TestIntermittentFailsAboutHalf(t *testing.T) {
	var served atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		served.Add(1)
		fmt.Fprint(w, "ok")
	}))
	t.Cleanup(server.Close)
	run := func(seed uint64) (pattern string, refused, lost int) {
		l := newLine(seed)
		l.SetMode(wire.SimulatedOfflineIntermittent)
		transport := server.Client().Transport.(*http.Transport).Clone()
		transport.DialContext, transport.DisableKeepAlives = l.Dial, true
		client := &http.Client{Transport: transport}
		for range 200 {
			before := served.Load()
			response, err := client.Post(server.URL, "text/plain", http.NoBody)
			switch {
			case err == nil:
				response.Body.Close()
				pattern += "."
			case errors.Is(err, syscall.ECONNREFUSED):
				refused++
				pattern += "r"
			case errors.Is(err, syscall.ECONNRESET) && served.Load() == before+1:
				lost++
				pattern += "l"
			default:
				t.Fatalf("got %v", err)
			}
		}
		return pattern, refused, lost
	}
	first, refused, lost := run(7)
	if refused < 30 || refused > 70 || lost < 30 || lost > 70 {
		t.Errorf("of 200 requests %d were refused and %d lost their answer, want about 50 each", refused, lost)
	}
	if again, _, _ := run(7); again != first {
		t.Error("the same seed behaved differently")
	}
	if other, _, _ := run(8); other == first {
		t.Error("another seed behaved the same")
	}
}
