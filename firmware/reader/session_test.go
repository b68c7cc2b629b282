package reader_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"smartreader/build/sandbox"
	"smartreader/firmware/reader"
	"smartreader/lan/client"
	"smartreader/lan/wire"
)

// A3: where and when a POS may connect offline, and how it is refused.
func TestOfflineConnectRules(t *testing.T) {
	s := openShop(t)
	network := "network of the shop"
	inNetwork := func(o *reader.Options) { o.Network = func() string { return network } }
	s.must(s.open(inNetwork))
	credential := s.connect().Credential
	other := s.second()
	s.must(other.open(inNetwork))
	s.cut()

	if result, err := s.let(credential); err != nil || result.Connection != wire.ConnectedOffline {
		t.Errorf("the reader it knows: %+v, %v", result.Connection, err)
	}
	if _, err := other.let(credential); err != nil {
		t.Errorf("a reader that never saw this POS: %v", err)
	}
	network = "another network"
	_, err := s.let(credential)
	refusedWith(t, "another network", err, wire.CodeReaderNotAvailableOffline, 2870)
	network = "" // the gateway does not answer: no evidence of another place
	if _, err := s.let(credential); err != nil {
		t.Errorf("network not known: %v", err)
	}
	network = "network of the shop"

	days := func(n int) func(*reader.Options) {
		return func(o *reader.Options) { o.Now = func() time.Time { return time.Now().AddDate(0, 0, n) } }
	}
	s.close()
	s.must(s.open(inNetwork, days(29)))
	if _, err := s.let(credential); err != nil {
		t.Errorf("on day 29: %v", err)
	}
	s.close()
	s.must(s.open(inNetwork, days(31)))
	_, err = s.let(credential)
	refusedWith(t, "on day 31", err, wire.CodeReaderNotAvailableOffline, 2870)
	s.close()

	truth, hour, past := true, time.Hour.Milliseconds(), time.Now().Add(-time.Hour).UnixMilli()
	for _, test := range []struct {
		name   string
		change sandbox.Settings
		at     *shop
		clock  int // days ahead
		code   wire.Code
		native int
	}{
		{"reader that must have seen this POS", sandbox.Settings{RequirePaired: &truth}, other, 0, wire.CodeMissingPrerequisite, 2873},
		{"reader that has seen this POS", sandbox.Settings{RequirePaired: &truth}, s, 0, "", 0},
		{"session of an hour, a day later", sandbox.Settings{SessionMaxAgeMs: &hour}, s, 1, wire.CodeSessionExpired, 9060},
		{"configuration of an hour, a day later", sandbox.Settings{ConfigMaxAgeMs: &hour}, s, 1, wire.CodeReaderNotAvailableOffline, 2870},
		{"software too old", sandbox.Settings{SoftwareNotAfterMs: &past}, s, 0, wire.CodeUnsupportedReaderVersion, 2872},
	} {
		test.at.close()
		s.restore()
		s.set(test.change)
		s.must(test.at.open(inNetwork)) // with internet: it takes the settings
		watcher := &shop{T: t, platform: s.platform, public: s.public, at: test.at.at, id: test.at.id, posID: "watcher", key: s.key, changed: make(chan struct{})}
		watcher.connect()
		watcher.conn.Close()
		s.must(s.platform.SetUnreachable(true))
		test.at.close()
		s.must(test.at.open(inNetwork, days(test.clock)))
		_, err := test.at.let(credential)
		if test.code == "" && err != nil {
			t.Errorf("%s: %v", test.name, err)
		} else if test.code != "" {
			refusedWith(t, test.name, err, test.code, test.native)
		}
	}
}

// A11: a session ends in time; what runs then goes on, and a new online connect
// begins another.
func TestSessionExpires(t *testing.T) {
	s := openShop(t)
	day := (24 * time.Hour).Milliseconds()
	s.set(sandbox.Settings{SessionMaxAgeMs: &day})
	var mu sync.Mutex
	ahead := time.Duration(0)
	s.must(s.open(func(o *reader.Options) {
		o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Add(ahead) }
	}))
	s.connect()
	pi := s.create(900, wire.ForceOffline)
	s.insert("visa")
	_, err := s.conn.CollectPaymentMethod(t.Context(), wire.CollectPaymentMethodParams{RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: pi.LocalID}})
	s.must(err)
	mu.Lock()
	ahead = 25 * time.Hour
	mu.Unlock()
	paid, err := s.conn.ConfirmPaymentIntent(t.Context(), wire.ConfirmPaymentIntentParams{RequestID: client.NewRequestID(), PaymentIntent: wire.IntentRef{LocalID: pi.LocalID}})
	if err != nil || paid.Status != wire.StatusSucceeded {
		t.Errorf("the payment that ran: %+v, %v", paid, err)
	}
	s.must(s.board.Tray.Remove())
	_, err = s.conn.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{RequestID: client.NewRequestID(), Amount: 100, Currency: "usd"})
	refusedWith(t, "a new payment", err, wire.CodeSessionExpired, 9060)
	s.await(func(e wire.Event) bool { return e.Type == wire.EventConnectionLost && e.Reason == wire.LostExpired })
	if _, err := s.conn.RetrievePaymentIntent(t.Context(), wire.RetrievePaymentIntentParams{LocalID: pi.LocalID}); err != nil {
		t.Errorf("looking: %v", err)
	}
	mu.Lock()
	ahead = 0
	mu.Unlock()
	s.conn.Close()
	s.connect()
	s.create(100, wire.PreferOnline)
}

// A9, A11: the reader asks the POS for tokens: to renew a credential in time,
// and when forwarding begins, also while offline. Nothing waits for the POS.
func TestReaderAsksForTokens(t *testing.T) {
	s := openShop(t)
	reasons := make(chan string, 100)
	fail := make(chan struct{})
	s.tokens = func(_ context.Context, reason string) (string, error) {
		reasons <- reason
		select {
		case <-fail:
			return "", errors.New("the backend is down")
		default:
			return s.token(), nil
		}
	}
	// Half of the credential's time is over by this reader's clock.
	s.must(s.openLater(16 * 24 * time.Hour))
	before := s.connect().Credential
	renewed := s.await(func(e wire.Event) bool { return e.Type == wire.EventCredentialRenewed })
	if reason := <-reasons; reason != wire.TokenForConnect {
		t.Errorf("asked for %q", reason)
	}
	if renewed.Credential == nil || bytes.Equal(renewed.Credential.Payload, before.Payload) || renewed.ExpiresAtMs == 0 {
		t.Errorf("renewed: %+v", renewed)
	}
	if _, err := s.let(renewed.Credential); err != nil {
		t.Errorf("the renewed credential: %v", err)
	}
	s.conn.Close()
	s.connect()
	close(fail)
	s.cut()
	s.pay(1200, wire.PreferOnline, "visa")
	for reason := range reasons {
		if reason == wire.TokenForForwarding {
			break // while there is no internet: the POS has to bear it
		}
	}
	told := s.await(func(e wire.Event) bool { return e.Error != nil && e.Error.Code == wire.CodeTokenErrorForwarding })
	if told.Type != wire.EventForwardingFailure || told.Error.NativeErrorCode != 9051 {
		t.Errorf("told %+v", told)
	}
	s.restore()
	s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.OfflinePaymentsCount == 0 })
}
