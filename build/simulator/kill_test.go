package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"smartreader/build/bench"
	"smartreader/build/sandbox"
	"smartreader/build/story"
	"smartreader/lan/client"
	"smartreader/lan/wire"
	"smartreader/store/killpoint"
)

// TestKillAtEveryPoint kills the real program at every hit of every kill point, with
// SIGKILL, while a payment runs; starts it again, and finishes the payment as
// a POS would. However it goes: what was accepted is charged, once, and
// nothing else is.
func TestKillAtEveryPoint(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "simulator")
	build := exec.Command("go", "build", "-tags", "killpoints", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	hit := map[string]bool{}
	t.Run("points", func(t *testing.T) {
		for _, story := range []killStory{
			{name: "online", behavior: wire.PreferOnline},
			{name: "answer lost", behavior: wire.PreferOnline, loseAnswer: true},
			{name: "offline", behavior: wire.ForceOffline, outage: true},
			{name: "collect, then confirm", behavior: wire.PreferOnline, twoCalls: true},
		} {
			for _, point := range killpoint.Names() {
				t.Run(story.name+"/"+point, func(t *testing.T) {
					for n := 1; n < 100; n++ {
						if !story.play(t, binary, fmt.Sprintf("%s:%d", point, n)) {
							break
						}
						hit[point] = true
					}
				})
			}
		}
	})
	for _, point := range killpoint.Names() {
		if !hit[point] {
			t.Errorf("no story passes %s", point)
		}
	}
}

// killStory is one payment from create to its charge.
type killStory struct {
	name       string
	behavior   string
	loseAnswer bool
	outage     bool
	twoCalls   bool // collect and confirm, instead of process
}

// play runs the story with one kill, and reports whether the point was hit.
func (s killStory) play(t *testing.T, binary, point string) (killed bool) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	shop := newKillShop(ctx, t, binary, point)
	defer shop.close()

	shop.reconnect()
	if s.loseAnswer {
		shop.must(shop.platform.LoseNextAnswer())
	}
	if s.outage {
		shop.must(shop.platform.SetUnreachable(true))
	}
	const amount = 1230
	created := shop.ask(func(ctx context.Context, c *client.Conn, id string) (wire.PaymentIntent, error) {
		return c.CreatePaymentIntent(ctx, wire.CreatePaymentIntentParams{RequestID: id, Amount: amount, Currency: "usd", OfflineBehavior: s.behavior})
	})
	ref := wire.IntentRef{LocalID: created.LocalID}
	if s.twoCalls {
		shop.collect(ref)
	}
	paid := shop.ask(func(ctx context.Context, c *client.Conn, id string) (wire.PaymentIntent, error) {
		if !s.twoCalls {
			return c.ProcessPaymentIntent(ctx, wire.ProcessPaymentIntentParams{RequestID: id, PaymentIntent: ref})
		}
		paid, err := c.ConfirmPaymentIntent(ctx, wire.ConfirmPaymentIntentParams{RequestID: id, PaymentIntent: ref})
		if errors.Is(err, wire.CodeConfirmInvalidIntent) || errors.Is(err, wire.CodeInterrupted) {
			shop.collect(ref) // the kill came in between: the card is needed again
			return paid, wire.NewError(wire.CodeInterrupted, "")
		}
		return paid, err
	})
	if paid.LocalID != created.LocalID || paid.Status != wire.StatusSucceeded {
		t.Fatalf("%s: the payment ended as %s", point, paid.Status)
	}
	if s.outage {
		shop.must(shop.platform.SetUnreachable(false))
	}
	shop.settle(created.LocalID)

	totals := shop.platform.Totals()
	if totals.Approved.Count != 1 || totals.Approved.ByCurrency["usd"] != amount || totals.Duplicates != 0 || totals.Failed != 0 {
		t.Errorf("%s: the platform charged %+v", point, totals)
	}
	if gaps := shop.platform.Gaps(shop.at.ReaderID); len(gaps) != 0 {
		t.Errorf("%s: payments are missing at the platform: %v", point, gaps)
	}
	return shop.kills > 0
}

// killShop is a platform that lives on, and a reader that is killed once.
type killShop struct {
	t        *testing.T
	ctx      context.Context
	binary   string
	args     []string
	point    string // where to kill
	kills    int
	platform *sandbox.Sandbox
	stop     context.CancelFunc
	ended    chan error

	pos    *story.POS
	at     bench.Endpoints
	reader *victim
}

// victim is one life of the reader.
type victim struct {
	pid    int
	killed bool          // it stood still at the point; valid once dead is closed
	dead   chan struct{} // closed: reaped
	stderr strings.Builder
}

func (k *killShop) collect(ref wire.IntentRef) {
	k.ask(func(ctx context.Context, c *client.Conn, id string) (wire.PaymentIntent, error) {
		return c.CollectPaymentMethod(ctx, wire.CollectPaymentMethodParams{RequestID: id, PaymentIntent: ref})
	})
}

func newKillShop(ctx context.Context, t *testing.T, binary, point string) *killShop {
	dir := t.TempDir()
	k := &killShop{t: t, ctx: ctx, binary: binary, point: point, ended: make(chan error, 1)}
	public, device := k.listen(), k.listen()
	var err error
	k.platform, err = sandbox.New(sandbox.Options{Dir: filepath.Join(dir, "platform"), Public: public, Device: device})
	k.must(err)
	run, stop := context.WithCancel(context.Background())
	k.stop = stop
	go func() { k.ended <- k.platform.Run(run) }()
	ca := filepath.Join(dir, "ca.pem")
	k.must(os.WriteFile(ca, k.platform.CAPEM(), 0o600))
	k.args = []string{
		"-json", "-data", dir, "-listen", "127.0.0.1:0", "-control", "127.0.0.1:0", "-auto", "visa",
		"-platform", "https://" + device.Addr().String(), "-platform-ca", ca,
	}
	k.at.Public, k.at.APIKey = "http://"+public.Addr().String(), sandbox.APIKey
	k.pos, err = story.NewPOS("kill-loop")
	k.must(err)
	return k
}

func (k *killShop) listen() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	k.must(err)
	return l
}

func (k *killShop) must(err error) {
	k.t.Helper()
	if err != nil {
		log := ""
		if k.reader != nil {
			select {
			case <-k.reader.dead:
				log = k.reader.stderr.String()
			default:
			}
		}
		k.t.Fatalf("%s: %v\n%s", k.point, err, log)
	}
}

func (k *killShop) close() {
	k.pos.Close()
	if k.reader != nil {
		_ = syscall.Kill(k.reader.pid, syscall.SIGKILL) // it may be gone
		<-k.reader.dead
	}
	k.stop()
	k.must(<-k.ended)
	k.must(k.platform.Close())
}

// start begins a life of the reader. It returns the first line printed, empty
// when the reader died before it was ready.
func (k *killShop) start() []byte {
	cmd := exec.CommandContext(k.ctx, k.binary, k.args...)
	point := k.point
	if k.kills > 0 {
		point = ""
	}
	cmd.Env = append(os.Environ(), "SMARTREADER_KILLPOINT="+point)
	v := &victim{dead: make(chan struct{})}
	stderr, err := cmd.StderrPipe()
	k.must(err)
	out, err := cmd.StdoutPipe()
	k.must(err)
	k.must(cmd.Start())
	v.pid = cmd.Process.Pid
	k.reader = v
	logged := make(chan struct{})
	go func() { _, _ = io.Copy(&v.stderr, stderr); close(logged) }()
	go func() {
		defer close(v.dead)
		defer func() { <-logged }()
		for {
			var status syscall.WaitStatus
			_, err := syscall.Wait4(v.pid, &status, syscall.WUNTRACED, nil)
			if err == syscall.EINTR {
				continue
			}
			if err != nil || !status.Stopped() {
				return
			}
			// At the point: every thread stands still. Now the power goes.
			v.killed = true
			_ = syscall.Kill(v.pid, syscall.SIGKILL)
		}
	}()
	line, _ := bufio.NewReader(out).ReadBytes('\n')
	return line
}

// buried counts a death that was wanted. Any other is a failure.
func (k *killShop) buried() {
	<-k.reader.dead
	if !k.reader.killed {
		k.t.Fatalf("%s: the reader died by itself:\n%s", k.point, k.reader.stderr.String())
	}
	k.kills++
}

// reconnect brings the POS back to a running reader, starting one if there is
// none. The kill may come at any moment of it.
func (k *killShop) reconnect() {
	for {
		if k.reader != nil {
			select {
			case <-k.reader.dead:
				k.buried()
				k.reader = nil
			default:
			}
		}
		if k.reader == nil {
			line := k.start()
			if len(line) == 0 {
				k.buried()
				k.reader = nil
				continue
			}
			var at bench.Endpoints
			k.must(json.Unmarshal(line, &at))
			k.at.POS, k.at.ReaderID = at.POS, at.ReaderID
		}
		_, err := k.pos.Connect(k.ctx, k.at)
		if err == nil {
			return
		}
		k.must(k.ctx.Err())
		if _, refused := wire.AsError(err); refused {
			k.must(err)
		}
		<-k.reader.dead // nothing else breaks a connection here
	}
}

// ask makes one request as a careful POS does: with the same request id until
// there is an answer, and a new one when told that the first was interrupted.
func (k *killShop) ask(call func(context.Context, *client.Conn, string) (wire.PaymentIntent, error)) wire.PaymentIntent {
	id := client.NewRequestID()
	for {
		p, err := call(k.ctx, k.pos.Conn(), id)
		if err == nil {
			return p
		}
		refused, ok := wire.AsError(err)
		switch {
		case ok && refused.Code == wire.CodeInterrupted:
			id = client.NewRequestID()
		case ok && refused.Code == wire.CodeUnexpectedOperation && refused.Retry == wire.RetrySame:
			// The interrupted attempt is still being reversed.
			k.await(func(b *story.Books) bool {
				p, ok := b.Payments[refused.PaymentIntent.LocalID]
				return ok && p.OfflineDetails != nil && p.OfflineDetails.State == wire.OfflineInterrupted
			})
			id = client.NewRequestID()
		case ok:
			k.must(err)
		default:
			k.must(k.ctx.Err())
			<-k.reader.dead
			k.reconnect()
		}
	}
}

// await waits for something the POS is told, however often it must reconnect.
func (k *killShop) await(ok func(*story.Books) bool) {
	for {
		err := k.pos.Await(k.ctx, time.Minute, ok)
		if err == nil {
			return
		}
		k.must(k.ctx.Err())
		<-k.reader.dead
		k.reconnect()
	}
}

// settle waits until nothing of the payment is open any more. The POS was told
// that it is paid: from then on no other end is true.
func (k *killShop) settle(localID string) {
	k.t.Helper()
	for {
		changed := k.pos.Look(func(*story.Books) {}) // before asking, so that no change is missed
		p := k.ask(func(ctx context.Context, c *client.Conn, _ string) (wire.PaymentIntent, error) {
			return c.RetrievePaymentIntent(ctx, wire.RetrievePaymentIntentParams{LocalID: localID})
		})
		if p.Status != wire.StatusSucceeded {
			k.t.Fatalf("%s: the POS was told that the payment succeeded, and now that it is %s", k.point, p.Status)
		}
		if p.OfflineDetails == nil || p.OfflineDetails.State == wire.OfflineForwarded {
			return
		}
		select {
		case <-changed:
		case <-k.reader.dead: // the next question finds it
		case <-k.ctx.Done():
			k.must(k.ctx.Err())
		}
	}
}
