package reader_test

import (
	"testing"
	"time"

	"smartreader/build/sandbox"
	"smartreader/firmware/reader"
	"smartreader/lan/client"
	"smartreader/lan/wire"
)

// A clock that is far ahead keeps nobody out who has internet, and leaves no
// trace once it is right again.
func TestClockAheadLocksNobodyOut(t *testing.T) {
	s := openShop(t)
	day := (24 * time.Hour).Milliseconds()
	s.set(sandbox.Settings{SessionMaxAgeMs: &day})
	s.must(s.open())
	s.connect()
	s.close()
	s.must(s.openLater(40 * 24 * time.Hour))
	result := s.connect()
	if ends := time.UnixMilli(result.SessionExpiresAtMs); time.Until(ends) < 40*24*time.Hour {
		t.Errorf("the session ends %v: by the reader's clock it is over", ends)
	}
	s.pay(700, wire.PreferOnline, "visa")
	s.cut()
	if _, err := s.let(result.Credential); err == nil {
		t.Error("connected offline with a credential that is too old by the reader's clock")
	}
	s.close()
	s.must(s.open())
	if _, err := s.let(result.Credential); err != nil {
		t.Errorf("the clock is right again: %v", err)
	}
}

// floors is what the time floor was raised to.
type floors chan time.Time

func (f floors) from(o *reader.Options) { o.FloorRaised = func(at time.Time) { f <- at } }

// await waits until the floor is less than an hour from where it is expected, and
// fails when it is beyond.
func (f floors) await(t *testing.T, want time.Time) {
	t.Helper()
	for {
		select {
		case at := <-f:
			if d := at.Sub(want); d > time.Hour {
				t.Fatalf("the floor is %v beyond", d)
			} else if d > -time.Hour {
				return
			}
		case <-time.After(time.Minute): // to say what is missing, not to wait
			t.Fatal("the floor was not raised")
		}
	}
}

// A reader whose clock was lost goes on by the time floor: certificates and
// credentials are checked at what is certainly past.
func TestClockLostGoesOnByTheFloor(t *testing.T) {
	s := openShop(t)
	floor := make(floors, 100)
	s.must(s.open(floor.from))
	credential := s.connect().Credential
	floor.await(t, time.Now()) // the platform has said what time it is
	s.close()
	s.must(s.open(func(o *reader.Options) { o.Now = func() time.Time { return time.Unix(0, 0) } }))
	s.connect()
	s.pay(800, wire.PreferOnline, "visa")
	s.cut()
	if _, err := s.let(credential); err != nil {
		t.Errorf("offline: %v", err)
	}
	stored := s.reconnected(credential).pay(900, wire.PreferOnline, "visa")
	s.restore()
	s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.OfflinePaymentsCount == 0 })
	if pi := s.retrieve(stored.LocalID); pi.OfflineDetails.State != wire.OfflineForwarded {
		t.Errorf("taken without a clock: %s", pi.OfflineDetails.State)
	}
}

// reconnected connects offline.
func (s *shop) reconnected(credential *wire.Credential) *shop {
	s.Helper()
	s.conn.Close()
	s.conn = s.dial()
	_, err := s.conn.Connect(s.Context(), client.ConnectOptions{Credential: credential})
	s.must(err)
	return s
}

// A platform whose clock is wrong, once, must not make all credentials and
// certificates expire for ever.
func TestPlatformsClockFarAheadIsNotBelievedAtOnce(t *testing.T) {
	s := openShop(t)
	floor := make(floors, 100)
	s.must(s.open(floor.from))
	credential := s.connect().Credential
	floor.await(t, time.Now())
	s.must(s.platform.SetClock((200 * 24 * time.Hour).Milliseconds()))
	floor.await(t, time.Now().Add(24*time.Hour))
	s.must(s.platform.SetClock(0))
	s.connectAgain()
	s.pay(700, wire.PreferOnline, "visa")
	s.setOffline("true") // a configuration that the platform issues now is still taken
	s.cut()
	if _, err := s.let(credential); err != nil {
		t.Errorf("offline: %v", err)
	}
}

// connectAgain connects online on a new connection.
func (s *shop) connectAgain() {
	s.Helper()
	s.conn.Close()
	s.connect()
}
