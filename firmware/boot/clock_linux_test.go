package boot

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Time servers are asked once an hour, and the console is told once, also when
// the disk takes no more files.
func TestAFullDiskIsNoReasonToAskForTheTimeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, page := newMachine(t)
		m.dataSeen.Store(true)
		if err := os.Mkdir(m.clockFile+".new", 0o700); err != nil { // in the way
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Hour-time.Minute)
		defer stop()
		if err := m.keepTime(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("gave up: %v", err)
		}
		m.console.stop(time.Minute)
		if n := strings.Count(page.String(), "boot: error: save the clock"); n != 2 {
			t.Errorf("asked %d times in two hours:\n%s", n, page)
		}
	})
}

func TestTimeServerThatWantsToBeLeftAlone(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		b := make([]byte, 48)
		_, from, err := server.ReadFrom(b)
		if err == nil {
			copy(b[24:32], b[40:48]) // the answer to this very question
			b[0], b[1] = 4<<3|4, 0   // from a server of no stratum
			copy(b[12:], "RATE")
			_, err = server.WriteTo(b, from)
		}
		answered <- err
	}()
	m, _ := newMachine(t)
	asked := m.ask([]string{server.LocalAddr().String()})
	if err := errors.Join(<-answered, server.Close()); err != nil {
		t.Fatal(err)
	}
	if wait := untilAsked(asked, &backoff{}); wait != askPeriod {
		t.Errorf("asked again in %v after: %v", wait, asked)
	}
	if wait := untilAsked(errors.New("no answer"), &backoff{}); wait != time.Second {
		t.Errorf("asked again in %v when there is no answer", wait)
	}
}

func TestClockIsSavedOnTheDataPartitionOnly(t *testing.T) {
	m, _ := newMachine(t)
	if err := m.saveClock(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(m.clockFile); err == nil {
		t.Error("saved before the data partition was there")
	}
	m.dataSeen.Store(true)
	if err := m.saveClock(); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(m.clockFile)
	if err != nil {
		t.Fatal(err)
	}
	if saved, err := parseTime(b); err != nil || time.Since(saved) > time.Hour {
		t.Errorf("saved %q, %v", b, err)
	}
}
