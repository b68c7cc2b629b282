package reader

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"smartreader/firmware/payment"
	"smartreader/firmware/platform"
	"smartreader/store"
	"smartreader/store/forward"
)

// refusing is a platform that refuses everything with one status.
func refusing(t *testing.T, status int) *Reader {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"error":{"code":"refused","message":"no"}}`))
	}))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	server.StartTLS()
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	client, err := platform.New(platform.Options{
		BaseURL: server.URL, RootCAs: pool, Now: time.Now, Identity: func() tls.Certificate { return server.TLS.Certificates[0] },
	})
	if err != nil {
		t.Fatal(err)
	}
	return &Reader{platform: client}
}

// Invariant 2: only an answer to a submission ends a payment. A refused
// question or reversal says nothing about the attempt, which may be charged.
func TestRefusedQuestionsSettleNothing(t *testing.T) {
	p := store.Payment{NaturalKey: "tmr_1.1.0001.0000000000000000"}
	for _, status := range []int{http.StatusBadRequest, http.StatusForbidden, http.StatusConflict, http.StatusGone, http.StatusInternalServerError} {
		s := submitter{refusing(t, status)}
		var temporary *forward.Temporary
		if err := s.Reverse(t.Context(), p); !errors.As(err, &temporary) || !temporary.Sent {
			t.Errorf("%d to a reversal: %v", status, err)
		}
		if v, err := s.LookUp(t.Context(), p); !errors.As(err, &temporary) {
			t.Errorf("%d to a look-up: %+v, %v", status, v, err)
		}
	}
}

// A platform that turns this reader away is not an outage.
func TestRefusedReaderIsNoOutage(t *testing.T) {
	for status, outage := range map[int]bool{
		http.StatusUnauthorized: false, http.StatusForbidden: false, http.StatusBadRequest: false,
		http.StatusTooManyRequests: true, http.StatusServiceUnavailable: true,
	} {
		a := authorizer{refusing(t, status)}
		_, err := a.Authorize(t.Context(), store.Payment{NaturalKey: "tmr_1.1.0001.0000000000000000"}, []byte("x"), nil)
		var unreachable *payment.Unreachable
		if err == nil || errors.As(err, &unreachable) != outage {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// A response code is two characters to people and four digits to platforms; that of a card that approved
// by itself stays where no issuer has another.
func TestResponseCodeOfAStoredPayment(t *testing.T) {
	for _, c := range []struct{ own, platforms, want string }{
		{"", "", ""}, {"", "3030", "00"}, {"Y1", "", "Y1"}, {"Y3", "5933", "Y3"}, {"Y1", "3035", "05"}, {"", "xx", ""}, {"Y1", "30", "Y1"},
	} {
		v, err := ended(store.Payment{ResponseCode: c.own}, &platform.Verdict{Status: platform.StatusApproved, ResponseCode: c.platforms}, nil)
		if err != nil || v.ResponseCode != c.want {
			t.Errorf("%+v: %q, %v", c, v.ResponseCode, err)
		}
	}
}
