package reader_test

// Being online and offline by evidence, and the platform's configuration, which
// is read again while the reader works.

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"smartreader/build/sandbox"
	"smartreader/firmware/platform"
	"smartreader/firmware/reader"
	"smartreader/lan/client"
	"smartreader/lan/wire"
)

// setOffline sets offline[enabled] as a merchant does.
func (s *shop) setOffline(enabled string) {
	s.Helper()
	list := s.call(http.MethodGet, "/v1/terminal/configurations?is_account_default=true", nil)
	id := list["data"].([]any)[0].(map[string]any)["id"].(string)
	s.call(http.MethodPost, "/v1/terminal/configurations/"+id, url.Values{"offline[enabled]": {enabled}})
}

func configurationRead(e wire.Event) bool {
	return e.Type == wire.EventLedgerNote && e.Reason == "config"
}

// What answers in the platform's place, or for it, is told apart from an outage;
// what was accepted is forwarded once, whatever it was.
func TestOutagesAndWhatIsNone(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	credential := s.connect().Credential
	charges := 0
	for _, test := range []struct {
		name     string
		fault    func() error
		impostor bool
	}{
		{"no internet", func() error { return s.platform.SetUnreachable(true) }, false},
		{"portal that shows a page", func() error { return s.platform.SetCaptivePortal(sandbox.PortalPage) }, false},
		{"portal that redirects", func() error { return s.platform.SetCaptivePortal(sandbox.PortalRedirect) }, false},
		{"server errors", func() error { return s.platform.AnswerStatus(http.StatusServiceUnavailable, 0) }, false},
		{"portal without TLS", func() error { return s.platform.SetCaptivePortal(sandbox.PortalPlain) }, true},
		{"wrong certificate", func() error { return s.platform.SetWrongCertificate(true) }, true},
		{"portal with its own certificate", func() error {
			s.must(s.platform.SetCaptivePortal(sandbox.PortalRedirect))
			return s.platform.SetWrongCertificate(true)
		}, true},
	} {
		s.must(test.fault())
		s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.NetworkStatus == wire.NetworkOffline })
		if _, err := s.let(credential); err != nil {
			t.Errorf("%s: connecting offline: %v", test.name, err)
		}
		s.conn.Close()
		s.conn = s.dial()
		_, err := s.conn.Connect(t.Context(), client.ConnectOptions{Credential: credential})
		s.must(err)

		preferred := s.create(1000, wire.PreferOnline)
		s.insert("visa")
		_, err = s.process(preferred)
		switch {
		case test.impostor:
			refusedWith(t, test.name, err, wire.CodeCertificateError, 3060)
		case err != nil:
			t.Errorf("%s: prefer_online: %v", test.name, err)
		default:
			charges++
			s.take()
			s.insert("visa")
		}
		if _, err := s.process(s.create(1000, wire.ForceOffline)); err != nil {
			t.Errorf("%s: force_offline: %v", test.name, err)
		}
		charges++
		s.take()

		s.must(s.platform.ClearFaults())
		s.awaitStatus(func(d wire.OfflineStatusDetails) bool {
			return d.NetworkStatus == wire.NetworkOnline && d.OfflinePaymentsCount == 0
		})
		if totals := s.platform.Totals(); totals.Approved.Count != charges {
			t.Errorf("%s: %d charges, want %d", test.name, totals.Approved.Count, charges)
		}
	}
}

// A platform that asks to come later is there. The payment is not lost for it.
func TestTooManyRequestsIsNoOutage(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	s.connect()
	s.must(s.platform.RateLimit(1, 0))
	paid := s.pay(1300, wire.PreferOnline, "visa")
	if paid.OfflineDetails == nil || !paid.OfflineDetails.RequiresUpload {
		t.Errorf("paid: %+v", paid)
	}
	status, err := s.conn.GetOfflineStatus(t.Context())
	s.must(err)
	if status.Reader.NetworkStatus != wire.NetworkOnline {
		t.Errorf("the network is %s", status.Reader.NetworkStatus)
	}
	s.must(s.platform.RateLimit(0, 0))
	s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.OfflinePaymentsCount == 0 })
	if totals := s.platform.Totals(); totals.Approved.Count != 1 {
		t.Errorf("the platform has %+v", totals)
	}
}

// A1: the configuration is read at an online connect, at an interval, and when
// the platform says at a heartbeat that there is another one.
func TestConfigurationIsReadAgain(t *testing.T) {
	seldom := platform.LinkOptions{OnlineInterval: time.Hour}
	for _, test := range []struct {
		name    string
		change  func(*reader.Options)
		connect bool
	}{
		{"heartbeat", func(o *reader.Options) { o.ConfigInterval = time.Hour }, false},
		{"interval", func(o *reader.Options) { o.Link, o.ConfigInterval = seldom, 50*time.Millisecond }, false},
		{"online connect", func(o *reader.Options) { o.Link, o.ConfigInterval = seldom, time.Hour }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := openShop(t)
			s.must(s.open(test.change))
			s.connect()
			explained := func() bool {
				result, err := s.conn.ExplainOfflinePolicy(t.Context(), wire.ExplainOfflinePolicyParams{Amount: 100, Currency: "usd"})
				s.must(err)
				return result.Allowed
			}
			if !explained() {
				t.Fatal("not allowed to begin with")
			}
			s.forget()
			s.setOffline("false")
			if test.connect {
				s.conn.Close()
				s.connect()
			} else {
				s.await(configurationRead)
			}
			for explained() { // it is kept before it is in force
				select {
				case <-time.After(time.Millisecond):
				case <-t.Context().Done():
					t.Fatal("still allowed")
				}
			}
		})
	}
}

// A1: offline that is switched off is off: nothing is stored any more, and what
// is stored is forwarded all the same.
func TestOfflineSwitchedOff(t *testing.T) {
	s := openShop(t)
	s.must(s.open())
	credential := s.connect().Credential
	s.must(s.platform.AnswerStatus(http.StatusServiceUnavailable, 1000)) // to submissions alone
	stored := s.pay(1000, wire.ForceOffline, "visa")
	s.setOffline("false")
	s.conn.Close()
	s.connect()

	_, err := s.conn.CreatePaymentIntent(t.Context(), wire.CreatePaymentIntentParams{
		RequestID: client.NewRequestID(), Amount: 100, Currency: "usd", OfflineBehavior: wire.ForceOffline,
	})
	refusedWith(t, "force_offline", err, wire.CodeForceOfflineDisabled, 10107)
	s.must(s.platform.ClearFaults())
	s.awaitStatus(func(d wire.OfflineStatusDetails) bool { return d.OfflinePaymentsCount == 0 })
	if pi := s.retrieve(stored.LocalID); pi.OfflineDetails.State != wire.OfflineForwarded {
		t.Errorf("what was stored is %s", pi.OfflineDetails.State)
	}

	s.cut()
	_, err = s.process(s.create(100, wire.PreferOnline))
	refusedWith(t, "prefer_online in an outage", err, wire.CodeNotConnectedToInternet, 9000)
	_, err = s.let(credential)
	refusedWith(t, "connecting in an outage", err, wire.CodeNotConnectedToInternet, 9000)
}

// The numbers by which an outage is noticed are the configuration's, at once.
func TestOutageIsNoticedByConfiguredNumbers(t *testing.T) {
	s := openShop(t)
	s.must(s.open(func(o *reader.Options) { o.Link.OnlineInterval = time.Hour })) // without payments it would never be noticed
	s.set(sandbox.Settings{Link: &platform.LinkSettings{OnlineIntervalMs: 100, FailedAttempts: 3, RetryMinMs: 100, RetryMaxMs: 100}})
	s.connect()
	s.cut()
	told := s.await(func(e wire.Event) bool {
		return e.OfflineStatus != nil && e.OfflineStatus.Reader.NetworkStatus == wire.NetworkOffline
	})
	if told.Type != wire.EventOfflineStatusChange {
		t.Errorf("told %+v", told)
	}
	s.restore()
	s.await(func(e wire.Event) bool {
		return e.OfflineStatus != nil && e.AtMs >= told.AtMs && e.OfflineStatus.Reader.NetworkStatus == wire.NetworkOnline
	})
}
