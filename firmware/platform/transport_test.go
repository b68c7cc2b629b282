package platform

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// submit makes the call in which a wrong Sent would cost money.
func submit(ctx context.Context, c *Client) error {
	_, err := c.Authorize(ctx, Submission{NaturalKey: aKey, Envelope: make([]byte, 4096)})
	return err
}

func TestRefusedConnection(t *testing.T) {
	a := newAuthority(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	wantUnreachable(t, submit(t.Context(), a.client("https://"+l.Addr().String())), KindDial, false)
}

func TestConnectionCutAtOnce(t *testing.T) {
	a := newAuthority(t)
	c := a.client(accept(t, func(c net.Conn) { c.Close() }))
	wantUnreachable(t, submit(t.Context(), c), KindReset, false)
}

func TestNobodyAnswersTheHandshake(t *testing.T) {
	a := newAuthority(t)
	stop := make(chan struct{})
	c := a.client(accept(t, func(c net.Conn) { <-stop; c.Close() }), func(o *Options) { o.Timeout = 50 * time.Millisecond })
	err := submit(t.Context(), c)
	close(stop)
	wantUnreachable(t, err, KindTimeout, false)
}

// TestCutAfterRequest: the platform has the request and the line goes dead.
// The request must arrive exactly once, and count as sent.
func TestCutAfterRequest(t *testing.T) {
	for name, afterwards := range map[string]func(*tls.Conn){
		"no answer":   func(c *tls.Conn) {},
		"half answer": func(c *tls.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"natural") },
		"reset":       func(c *tls.Conn) { c.NetConn().(*net.TCPConn).SetLinger(0) },
	} {
		t.Run(name, func(t *testing.T) {
			a := newAuthority(t)
			config := a.serverConfig(a.issue(nil))
			var requests, connections atomic.Int32
			c := a.client(accept(t, func(raw net.Conn) {
				connections.Add(1)
				conn := tls.Server(raw, config)
				defer raw.Close()
				if _, err := conn.Read(make([]byte, 1)); err == nil {
					requests.Add(1)
					conn.Read(make([]byte, 16<<10))
					afterwards(conn)
				}
			}))
			for n := range int32(3) {
				err := submit(t.Context(), c)
				wantUnreachable(t, err, KindReset, true)
				if requests.Load() != n+1 || connections.Load() != n+1 {
					t.Fatalf("after %d calls: %d requests on %d connections", n+1, requests.Load(), connections.Load())
				}
			}
		})
	}
}

// TestNeverRepeatedOnStaleConnection: the server answers, keeps the connection
// open, and cuts it during the next request. A pooled connection would now be
// retried by net/http; ours never is.
func TestNeverRepeatedOnStaleConnection(t *testing.T) {
	a := newAuthority(t)
	var requests atomic.Int32
	c := a.client(a.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1)%2 == 0 {
			panic(http.ErrAbortHandler)
		}
		answers(200, Verdict{NaturalKey: aKey, Status: StatusDeclined}).ServeHTTP(w, r)
	})))
	for range 3 {
		if err := submit(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		wantUnreachable(t, submit(t.Context(), c), KindReset, true)
	}
	if n := requests.Load(); n != 6 {
		t.Errorf("%d requests for 6 calls", n)
	}
}

func TestTimeoutAfterRequest(t *testing.T) {
	a := newAuthority(t)
	arrived := make(chan struct{})
	c := a.client(a.serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		close(arrived)
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // returning would send an answer after all
	})), func(o *Options) { o.Timeout = time.Minute })
	ctx, cancel := context.WithCancelCause(t.Context())
	deadline := &expired{Context: ctx, at: arrived}
	err := submit(deadline, c)
	cancel(nil)
	wantUnreachable(t, err, KindTimeout, true)
}

// expired is a context whose deadline passes when at is closed, so that no
// test waits for real time.
type expired struct {
	context.Context
	at <-chan struct{}
}

func (e *expired) Done() <-chan struct{} { return e.at }
func (e *expired) Err() error {
	select {
	case <-e.at:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestCallerGivesUp(t *testing.T) {
	a := newAuthority(t)
	ctx, cancel := context.WithCancel(t.Context())
	c := a.client(a.serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	})))
	err := submit(ctx, c)
	wantUnreachable(t, err, KindCanceled, true)
	if !errors.Is(err, context.Canceled) {
		t.Error("the cause is lost")
	}
	wantUnreachable(t, submit(ctx, c), KindCanceled, false)
	if s := c.Link().Status(); s.State != LinkUnknown || s.Failures != 0 {
		t.Errorf("giving up counted as evidence: %+v", s)
	}
}

func TestServerCertificates(t *testing.T) {
	other, unknown := newAuthority(t), newAuthority(t)
	yes, no := func() bool { return true }, func() bool { return false }
	for _, test := range []struct {
		name     string
		change   func(*x509.Certificate)
		issuer   *authority
		clockSet func() bool
		kind     Kind
	}{
		{"other name", func(c *x509.Certificate) { c.IPAddresses = nil; c.DNSNames = []string{"elsewhere"} }, nil, nil, KindTLS},
		{"other authority", nil, other, nil, KindTLS},
		{"expired", func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) }, nil, no, KindTLS},
		{"not yet valid, clock not set", func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }, nil, no, KindClock},
		{"not yet valid, clock unknown", func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }, nil, nil, KindClock},
		{"not yet valid, clock set", func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }, nil, yes, KindTLS},
		{"not yet valid, of an unknown authority", func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }, unknown, no, KindTLS},
		{"not yet valid, for another name", func(c *x509.Certificate) {
			c.NotBefore = now.Add(time.Hour)
			c.IPAddresses, c.DNSNames = nil, []string{"elsewhere"}
		}, nil, no, KindTLS},
		{"not yet valid, not for servers", func(c *x509.Certificate) {
			c.NotBefore = now.Add(time.Hour)
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}, nil, no, KindTLS},
		{"not for servers", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, nil, no, KindTLS},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAuthority(t)
			issuer := a
			if test.issuer != nil {
				issuer = &authority{t: t, key: test.issuer.key, cert: test.issuer.cert}
			}
			config := a.serverConfig(issuer.issue(test.change))
			c := a.client(accept(t, func(raw net.Conn) {
				defer raw.Close()
				if conn := tls.Server(raw, config); conn.Handshake() == nil {
					if _, err := conn.Read(make([]byte, 1)); err == nil {
						t.Error("a request byte arrived")
					}
				}
			}), func(o *Options) { o.ClockSet = test.clockSet })
			wantUnreachable(t, submit(t.Context(), c), test.kind, false)
		})
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	a := newAuthority(t)
	config := a.serverConfig(a.issue(nil))
	config.MaxVersion = tls.VersionTLS12
	c := a.client(accept(t, func(raw net.Conn) {
		defer raw.Close()
		if tls.Server(raw, config).Handshake() == nil {
			t.Error("TLS 1.2 was spoken")
		}
	}))
	wantUnreachable(t, submit(t.Context(), c), KindTLS, false)
}

func TestNotTLSAtAll(t *testing.T) {
	a := newAuthority(t)
	c := a.client(accept(t, func(raw net.Conn) {
		defer raw.Close()
		io.WriteString(raw, "HTTP/1.1 200 OK\r\n\r\nwelcome to our wifi")
		io.Copy(io.Discard, raw)
	}))
	wantUnreachable(t, submit(t.Context(), c), KindTLS, false)
}

// TestOwnCertificateRefused: in TLS 1.3 the client learns this only after it
// has sent its request, so it must count as sent.
func TestOwnCertificateRefused(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	wrong := other.issue(nil)
	config := a.serverConfig(a.issue(nil))
	base := accept(t, func(raw net.Conn) {
		defer raw.Close()
		if tls.Server(raw, config).Handshake() == nil {
			t.Error("the certificate was accepted")
		}
		// Closing with the request unread would reset the connection, and the
		// reset may overtake the alert.
		io.Copy(io.Discard, raw)
	})
	for name, identity := range map[string]func() tls.Certificate{
		"of another authority": func() tls.Certificate { return wrong },
		"none":                 nil,
		"empty":                func() tls.Certificate { return tls.Certificate{} },
	} {
		t.Run(name, func(t *testing.T) {
			wantUnreachable(t, submit(t.Context(), a.client(base, func(o *Options) { o.Identity = identity })), KindTLS, true)
		})
	}
}
