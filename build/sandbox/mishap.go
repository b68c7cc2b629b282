package sandbox

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"smartreader/firmware/platform"
)

// mishap is what the faults do to one request.
type mishap struct {
	portal string
	refuse *Failing
	reset  bool
	late   time.Duration // the answer
	early  time.Duration // the request
}

// meet decides it, and uses up what is counted.
func (s *Sandbox) meet(submission bool) (m mishap, err error) {
	err = s.update(func(t *tx) error {
		f := t.faults
		m = mishap{portal: f.CaptivePortal}
		if m.portal != "" {
			return nil
		}
		if l := f.Latency; l != nil {
			wait := time.Duration(l.MinMs+rand.Int64N(l.MaxMs-l.MinMs+1)) * time.Millisecond
			if l.Request {
				m.early = wait
			} else {
				m.late = wait
			}
		}
		for _, failing := range []**Failing{&f.RateLimit, &f.HTTP} {
			if *failing == nil || (*failing).Next > 0 && !submission {
				continue
			}
			m.refuse = *failing
			if (*failing).Next > 0 {
				rest := **failing // the state's own is not to be changed
				rest.Next--
				*failing = &rest
				if rest.Next == 0 {
					*failing = nil
				}
				t.put(f)
			}
			return nil
		}
		if submission && f.Resets > 0 {
			m.reset = true
			f.Resets--
			t.put(f)
		}
		return nil
	})
	return m, err
}

func isSubmission(r *http.Request) bool {
	switch r.URL.Path {
	case platform.PathAuthorize, platform.PathOfflinePayments, platform.PathRescues, platform.PathOperatorRescues:
		return r.Method == http.MethodPost
	}
	return false
}

// faulty lets the faults happen to the requests of the reader face.
func (s *Sandbox) faulty(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m, err := s.meet(isSubmission(r))
		switch {
		case err != nil:
			s.refuse(w, err)
			return
		case m.portal != "":
			answerPortal(w, m.portal)
			return
		case m.reset, m.late > 0, m.early > 0:
		case m.refuse != nil:
			m.refuse.answer(w)
			return
		default:
			next.ServeHTTP(w, r)
			return
		}
		// The body is read first: a reader that gave up has sent it all the same,
		// and only then its going away is noticed.
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			s.refuse(w, invalid("the body broke off, or is longer than %d bytes", maxBody))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		control := http.NewResponseController(w)
		// The server's own time limits would end a long wait early.
		limit := time.Now().Add(m.early + m.late + 30*time.Second)
		control.SetReadDeadline(limit)
		control.SetWriteDeadline(limit)
		sleep(r.Context(), m.early)
		kept := &keptAnswer{header: make(http.Header), status: http.StatusOK}
		if m.refuse != nil {
			m.refuse.answer(kept)
		} else {
			next.ServeHTTP(kept, r)
		}
		sleep(r.Context(), m.late)
		maps.Copy(w.Header(), kept.header)
		w.Header().Set("Content-Length", strconv.Itoa(kept.body.Len()))
		w.WriteHeader(kept.status)
		if !m.reset {
			w.Write(kept.body.Bytes())
			return
		}
		w.Write(kept.body.Bytes()[:kept.body.Len()/2])
		control.Flush()
		conn, _, err := control.Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		cutConn(conn)
	})
}

// cutConn resets a connection of the reader face.
func cutConn(conn net.Conn) {
	if over, ok := conn.(*tls.Conn); ok {
		conn = over.NetConn()
	}
	if c, ok := conn.(*gatedConn); ok {
		c.cut()
		return
	}
	conn.Close()
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (f Failing) answer(w http.ResponseWriter) {
	if f.RetryAfterSeconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfterSeconds))
	}
	code := "fault"
	if f.Status == http.StatusTooManyRequests {
		code = "rate_limit"
	}
	refuse(w, f.Status, code, "refused by a fault switch of the sandbox")
}

// answerPortal is what a hotel's network says to everything.
func answerPortal(w http.ResponseWriter, kind string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if kind != PortalPage {
		w.Header().Set("Location", "http://portal.example/login")
		w.WriteHeader(http.StatusFound)
	}
	io.WriteString(w, "<!doctype html><title>Welcome</title><p>Please accept the terms to use this network.\n")
}

// keptAnswer holds an answer back.
type keptAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *keptAnswer) Header() http.Header         { return k.header }
func (k *keptAnswer) WriteHeader(status int)      { k.status = status }
func (k *keptAnswer) Write(b []byte) (int, error) { return k.body.Write(b) }

// deviceListener adds TLS, unless a portal speaks plain HTTP instead.
type deviceListener struct {
	net.Listener
	config *tls.Config
	plain  func() bool
}

func (l *deviceListener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil || l.plain() {
		return raw, err
	}
	return tls.Server(raw, l.config), nil
}
