package sandbox

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"smartreader/firmware/platform"
)

// TestLostAnswer: processed and on disk, then the line is cut. The reader
// finds the verdict by looking it up, also after a restart of the platform.
func TestLostAnswer(t *testing.T) {
	for name, send := range map[string]func(*payment) error{
		"authorize": func(y *payment) error { _, err := y.shop.client.Authorize(y.shop.t.Context(), y.sealed()); return err },
		"forward": func(y *payment) error {
			_, err := y.shop.client.SubmitOffline(y.shop.t.Context(), y.sealed())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := openShop(t)
			if err := p.s.LoseNextAnswer(); err != nil {
				t.Fatal(err)
			}
			p.restart() // the switch is on disk
			// Other requests do not spend it.
			if _, err := p.client.Heartbeat(t.Context(), platform.HeartbeatRequest{}); err != nil {
				t.Fatal(err)
			}
			y := p.pay("visa", 1250)
			var u *platform.Unreachable
			if err := send(y); !errors.As(err, &u) || !u.Sent || u.Kind != platform.KindReset {
				t.Fatalf("got %v", err)
			}
			p.restart()
			v := y.lookUp()
			if v.Status != platform.StatusApproved {
				t.Errorf("%+v", v)
			}
			if again := y.forward(); again.ChargeID != v.ChargeID {
				t.Errorf("%+v", again)
			}
			totals := p.s.Totals()
			if totals.Submissions != 1 || totals.Repeats != 1 || totals.AnswersLost != 1 {
				t.Errorf("%+v", totals)
			}
			p.wantTotals(usd(1, 1250), usd(0, 0), usd(0, 0))
		})
	}
}

func TestLookUpOfWhatNeverArrived(t *testing.T) {
	p := openShop(t)
	y := p.pay("visa", 1250)
	if _, err := p.client.LookUp(t.Context(), y.key()); !errors.Is(err, platform.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	p := openShop(t)
	// An established, idle connection of the public face must be cut too.
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	public := &http.Client{Transport: transport}
	get := func() error {
		resp, err := public.Get(p.public + "/ca.pem")
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		return err
	}
	if err := get(); err != nil {
		t.Fatal(err)
	}
	if err := p.s.SetUnreachable(true); err != nil {
		t.Fatal(err)
	}
	y := p.pay("visa", 1250)
	check := func() {
		t.Helper()
		if get() == nil {
			t.Error("the public face answers")
		}
		_, err := p.client.Authorize(t.Context(), y.sealed())
		var u *platform.Unreachable
		// The reset may come before or after the client sees its connection.
		if !errors.As(err, &u) || u.Sent || u.Kind != platform.KindReset && u.Kind != platform.KindDial {
			t.Errorf("reader face: %v", err)
		}
	}
	check()
	p.restart() // an outage outlives the process
	check()
	if p.s.Totals().Submissions != 0 {
		t.Error("something was processed")
	}
	if err := p.s.SetUnreachable(false); err != nil {
		t.Fatal(err)
	}
	if err := get(); err != nil {
		t.Error(err)
	}
	if v := y.authorize(); v.Status != platform.StatusApproved {
		t.Errorf("%+v", v)
	}
}

// onClose is a connection that tells when it is cut.
type onClose struct {
	net.Conn
	tell func()
}

func (c *onClose) Close() error { c.tell(); return nil }

// TestLastSwitchWins: the switch is thrown back while the first throw is still
// cutting connections.
func TestLastSwitchWins(t *testing.T) {
	p := openShop(t)
	back := make(chan error, 1)
	throwBack := func() { back <- p.s.SetUnreachable(false) }
	p.s.public.admit(&gatedConn{gate: &p.s.public, Conn: &onClose{tell: func() {
		if p.s.mu.TryLock() { // nothing holds the second throw up: it ends in the middle of the first
			p.s.mu.Unlock()
			throwBack()
		} else {
			go throwBack()
		}
	}}})
	if err := p.s.SetUnreachable(true); err != nil {
		t.Fatal(err)
	}
	if err := <-back; err != nil {
		t.Fatal(err)
	}
	if p.s.Status().Unreachable || p.s.public.closed || p.s.device.closed {
		t.Errorf("state %v, gates %v %v", p.s.Status().Unreachable, p.s.public.closed, p.s.device.closed)
	}
}

// TestUnreachableCutsRequestsInProgress: a request that is half sent is cut.
func TestUnreachableCutsRequestsInProgress(t *testing.T) {
	p := openShop(t)
	c, err := net.Dial("tcp", strings.TrimPrefix(p.public, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /ca.pem HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(c)
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "POST /v1/terminal/connection_tokens HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := p.s.SetUnreachable(true); err != nil {
		t.Fatal(err)
	}
	if _, err := answers.ReadByte(); err == nil {
		t.Error("the connection survived")
	}
}

func TestControl(t *testing.T) {
	p := openShop(t)
	h := p.s.ControlHandler()
	call := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w.Code, w.Body.String()
	}
	for _, test := range []struct {
		method, path, body string
		status             int
		contains           string
	}{
		{"GET", "/control/platform", "", 200, `"unreachable":false`},
		{"POST", "/control/platform/unreachable", `{"on":true}`, 200, `"unreachable":true`},
		{"POST", "/control/platform/unreachable", `{"on":false}`, 200, `"unreachable":false`},
		{"POST", "/control/platform/unreachable", `{}`, 400, "error"},
		{"POST", "/control/platform/unreachable", `{"on":"yes"}`, 400, "error"},
		{"POST", "/control/platform/unreachable", `{`, 400, "error"},
		{"POST", "/control/platform/lose_next_answer", "", 200, `"loseNextAnswer":true`},
		{"POST", "/control/platform/revoke_pos", `{"posId":"p1"}`, 200, `"totals"`},
		{"POST", "/control/platform/revoke_pos", `{}`, 400, "error"},
		{"GET", "/control/platform/gaps?reader=tmr_x", "", 200, `[]`},
		{"GET", "/control/platform/unreachable", "", 405, ""},
	} {
		status, body := call(test.method, test.path, test.body)
		if status != test.status || !strings.Contains(body, test.contains) {
			t.Errorf("%s %s %s: %d %s", test.method, test.path, test.body, status, body)
		}
	}
	answer, err := p.client.Config(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(answer.Signed.Payload), `"revokedPos":["p1"]`) {
		t.Error("the revocation is not in the configuration")
	}
}
