package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"smartreader/build/bench"
	"smartreader/build/sandbox"
	"smartreader/build/story"
	"smartreader/firmware/platform"
	"smartreader/lan/client"
	"smartreader/lan/wire"
	"smartreader/store/killpoint"
)

// TestKillAtEveryPoint kills the real program at every hit of every kill point, with
// SIGKILL, while a story is played; starts it again, and goes on as a careful POS
// would. However it goes: what was accepted is charged, once, and nothing else is.
func TestKillAtEveryPoint(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "simulator")
	build := exec.Command("go", "build", "-tags", "killpoints", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	tools := buildPrograms(t)
	var mu sync.Mutex
	hit := map[string]bool{}
	t.Run("points", func(t *testing.T) {
		for _, story := range []killStory{
			{"online", nil, payment{behavior: wire.PreferOnline}.play},
			{"answer lost", nil, payment{behavior: wire.PreferOnline, loseAnswer: true}.play},
			{"offline", nil, payment{behavior: wire.ForceOffline, outage: true}.play},
			{"collect, then confirm", nil, payment{behavior: wire.PreferOnline, twoCalls: true}.play},
			{"card approves", []string{"payment."}, payment{behavior: wire.PreferOnline, cardApproves: true}.play},
			{"card approves in an outage", []string{"payment."}, payment{behavior: wire.ForceOffline, cardDecides: true, outage: true}.play},
			{"tap", []string{"payment."}, payment{behavior: wire.PreferOnline, tapped: true}.play},
			{"tap in an outage", []string{"payment.", "forward."}, payment{behavior: wire.ForceOffline, tapped: true, outage: true}.play},
			{"tap, then a PIN", []string{"payment."}, payment{behavior: wire.PreferOnline, tapped: true, wantsPIN: true}.play},
			{"drain", []string{"forward.", "store.committed"}, drain},
			{"void", []string{"store.", "reader.", "forward."}, void},
			{"rescue", []string{"store.", "reader.", "forward."}, rescue},
		} {
			for _, point := range killpoint.Names() {
				if story.points != nil && !slices.ContainsFunc(story.points, func(p string) bool { return strings.HasPrefix(point, p) }) {
					continue
				}
				t.Run(story.name+"/"+point, func(t *testing.T) {
					t.Parallel()
					for n := 1; n < 100; n++ {
						if !story.kill(t, binary, tools, fmt.Sprintf("%s:%d", point, n)) {
							break
						}
						mu.Lock()
						hit[story.name], hit[point] = true, true
						mu.Unlock()
					}
				})
			}
		}
	})
	for _, point := range append(killpoint.Names(), "card approves", "card approves in an outage", "tap", "tap in an outage", "tap, then a PIN", "drain", "void", "rescue") {
		if !hit[point] {
			t.Errorf("no kill at %s", point)
		}
	}
}

// killStory is something that a shop does.
type killStory struct {
	name   string
	points []string // how the names of those it passes begin; nil: all
	play   func(*killShop)
}

// kill plays the story with one kill, and reports whether the point was hit.
func (s killStory) kill(t *testing.T, binary string, tools programs, point string) (killed bool) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	shop := newKillShop(ctx, t, binary, point)
	defer shop.close()
	tools.t = t
	shop.tools = tools
	s.play(shop)
	if gaps := shop.platform.Gaps(shop.at.ReaderID); len(gaps) != 0 {
		t.Errorf("%s: payments are missing at the platform: %v", point, gaps)
	}
	return shop.kills > 0
}

// payment is one payment from create to its charge.
type payment struct {
	behavior   string
	loseAnswer bool
	outage     bool
	twoCalls   bool // collect and confirm, instead of process
	tapped     bool // the card, instead of inserted
	wantsPIN   bool // its issuer, who declines the tap that comes without: it comes again

	cardApproves bool // by itself, below the floor limit
	cardDecides  bool // when its issuer, which it asked for, cannot be asked
}

func (s payment) play(k *killShop) {
	if s.cardApproves || s.cardDecides {
		floor, yes, card := int64(5000), true, platform.WithoutIssuerCard
		k.must(k.platform.SetSettings(sandbox.Settings{FloorLimit: &floor, OfflineApproval: &yes, WithoutIssuer: &card}))
	}
	if s.cardApproves {
		k.args = append(k.args, "-auto", "offline-approves")
	}
	if s.tapped {
		k.args = append(k.args, "-auto", "")
	}
	k.reconnect()
	if s.loseAnswer {
		k.must(k.platform.LoseNextAnswer())
	}
	if s.outage {
		k.must(k.platform.SetUnreachable(true))
	}
	amount := int64(1230)
	if s.wantsPIN {
		amount = 1203
	}
	created := k.create(amount, s.behavior)
	ref := wire.IntentRef{LocalID: created.LocalID}
	if s.twoCalls {
		k.collect(ref)
	}
	paid := ask(k, func(ctx context.Context, c *client.Conn, id string) (wire.PaymentIntent, error) {
		if s.tapped { // a reader that is just dying answers nothing, and the next one is told again
			_ = bench.Client{Base: k.at.Control}.Tap(ctx, "visa")
		}
		if !s.twoCalls {
			return c.ProcessPaymentIntent(ctx, wire.ProcessPaymentIntentParams{RequestID: id, PaymentIntent: ref})
		}
		paid, err := c.ConfirmPaymentIntent(ctx, wire.ConfirmPaymentIntentParams{RequestID: id, PaymentIntent: ref})
		if errors.Is(err, wire.CodeConfirmInvalidIntent) || errors.Is(err, wire.CodeInterrupted) {
			k.collect(ref) // the kill came in between: the card is needed again
			return paid, wire.NewError(wire.CodeInterrupted, "")
		}
		return paid, err
	})
	if paid.LocalID != created.LocalID || paid.Status != wire.StatusSucceeded {
		k.t.Fatalf("%s: the payment ended as %s", k.point, paid.Status)
	}
	if s.outage {
		k.must(k.platform.SetUnreachable(false))
		k.forward()
	}
	k.settle(created.LocalID)
	k.charged(1, amount)
	if s.cardApproves || s.cardDecides {
		k.byCard(created.LocalID)
	}
	if p := k.retrieve(created.LocalID); s.tapped && p.PaymentMethod.CardPresent.ReadMethod != wire.ReadContactlessEMV {
		k.t.Errorf("%s: the tapped card was read by %s", k.point, p.PaymentMethod.CardPresent.ReadMethod)
	}
}

// byCard checks that the charge is the card's decision, not its issuer's, and that
// everybody was told so.
func (k *killShop) byCard(localID string) {
	p := k.retrieve(localID)
	if r := p.PaymentMethod.CardPresent.ReceiptDetails; r.AuthorizationCode != "" || !strings.HasPrefix(r.AuthorizationResponseCode, "Y") || p.OfflineDetails == nil {
		k.t.Errorf("%s: the card approved, and the receipt says %+v", k.point, r)
	}
}

// drain: four cards' payments wait and are sent at once, by a platform that
// takes its time.
func drain(k *killShop) {
	stored := k.store("visa", "mastercard", "amex", "discover")
	k.must(k.platform.SetLatency(sandbox.Latency{MinMs: 20, MaxMs: 60}))
	k.must(k.platform.SetUnreachable(false))
	k.arm()
	k.forward()
	for _, id := range stored {
		k.settle(id)
	}
	k.charged(4, 1000+1100+1200+1300)
}

// void: a stored payment is taken back, and another is not.
func void(k *killShop) {
	stored := k.store("visa", "mastercard")
	k.arm()
	voided := ask(k, func(ctx context.Context, c *client.Conn, id string) (wire.PaymentIntent, error) {
		return c.VoidStoredPayment(ctx, wire.VoidStoredPaymentParams{RequestID: id, PaymentIntent: wire.IntentRef{LocalID: stored[0]}})
	})
	if voided.Status != wire.StatusCanceled || voided.OfflineDetails.State != wire.OfflineVoided {
		k.t.Fatalf("%s: voided, and it is %+v", k.point, voided)
	}
	k.must(k.platform.SetUnreachable(false))
	k.forward()
	k.settle(stored[1])
	if p := k.retrieve(stored[0]); p.Status != wire.StatusCanceled || p.OfflineDetails.State != wire.OfflineVoided {
		k.t.Errorf("%s: the POS was told that it is voided, and now it is %+v", k.point, p)
	}
	k.charged(1, 1100)
}

// rescue: two payments are handed over, the shop's operator sends them, and the
// reader takes them back all the same.
func rescue(k *killShop) {
	stored := k.store("visa", "mastercard")
	k.arm()
	file := filepath.Join(k.t.TempDir(), "export")
	for all := false; !all; {
		all = ask(k, func(ctx context.Context, c *client.Conn, _ string) (bool, error) {
			var text bytes.Buffer
			done, err := c.Export(ctx, true, &text)
			if err == nil {
				k.must(os.WriteFile(file, text.Bytes(), 0o600))
			}
			return done.NotYet == 0, err // else an attempt runs, which cannot take long
		})
		k.must(k.ctx.Err())
	}
	k.must(k.platform.SetUnreachable(false))
	k.forward()
	if n := k.platform.Totals().Submissions; n != 0 {
		k.t.Errorf("%s: the reader sent %d payments that it had handed over", k.point, n)
	}
	k.tools.run(0, "ledger", "rescue", file, "-platform", k.device, "-key", sandbox.APIKey, "-ca", k.ca)
	for _, id := range stored {
		if k.retrieve(id).ID != nil {
			continue // it has looked by itself
		}
		ask(k, func(ctx context.Context, c *client.Conn, request string) (wire.ForwardNowResult, error) {
			result, err := c.ForwardNow(ctx, wire.ForwardNowParams{RequestID: request, PaymentIntent: &wire.IntentRef{LocalID: id}})
			if errors.Is(err, wire.CodeUnexpectedOperation) {
				err = nil // it has looked just now: the check below sees the end
			}
			return result, err
		})
	}
	k.forward()
	for _, id := range stored {
		if p := k.retrieve(id); p.ID == nil || p.OfflineDetails.State != wire.OfflineRescued || p.Status != wire.StatusSucceeded {
			k.t.Errorf("%s: rescued, and its reader says %s, %+v", k.point, p.Status, p.OfflineDetails)
		}
	}
	k.charged(2, 1000+1100)
	if n := k.platform.Totals().Rescued; n != 2 {
		k.t.Errorf("%s: %d rescued", k.point, n)
	}
}

// store stores payments of 10.00, 11.00, ... without internet. Nothing is killed
// before arm.
func (k *killShop) store(cards ...string) (localIDs []string) {
	k.unarmed = true
	k.reconnect()
	k.must(k.platform.SetUnreachable(true))
	for i, name := range cards {
		ask(k, func(ctx context.Context, c *client.Conn, id string) (wire.SimulatorConfiguration, error) {
			return c.SetSimulatorConfiguration(ctx, wire.SetSimulatorConfigurationParams{RequestID: id, SimulatorConfiguration: card(name)})
		})
		created := k.create(int64(1000+100*i), wire.ForceOffline)
		ask(k, func(ctx context.Context, c *client.Conn, id string) (wire.PaymentIntent, error) {
			p, err := c.ProcessPaymentIntent(ctx, wire.ProcessPaymentIntentParams{RequestID: id, PaymentIntent: wire.IntentRef{LocalID: created.LocalID}})
			if errors.Is(err, wire.CodeReaderBusy) || errors.Is(err, wire.CodeCardLeftInReader) { // the last card is just being taken
				return p, wire.NewError(wire.CodeInterrupted, "")
			}
			return p, err
		})
		localIDs = append(localIDs, created.LocalID)
	}
	return localIDs
}

// arm starts the reader anew, to be killed at the point from now on.
func (k *killShop) arm() {
	_ = syscall.Kill(k.reader.pid, syscall.SIGKILL)
	<-k.reader.dead
	k.reader, k.unarmed = nil, false
	k.reconnect()
}

// charged checks what the platform has.
func (k *killShop) charged(count int, amount int64) {
	k.t.Helper()
	t := k.platform.Totals()
	if t.Approved.Count != count || t.Approved.ByCurrency["usd"] != amount || t.Duplicates != 0 || t.Failed != 0 {
		k.t.Errorf("%s: the platform charged %+v", k.point, t)
	}
}

// killShop is a platform that lives on, and a reader that is killed once.
type killShop struct {
	t        *testing.T
	ctx      context.Context
	binary   string
	args     []string
	tools    programs
	device   string // URL of the platform's reader face
	ca       string // file with its root
	point    string // where to kill
	unarmed  bool   // not yet
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

func (k *killShop) create(amount int64, behavior string) wire.PaymentIntent {
	return ask(k, func(ctx context.Context, c *client.Conn, id string) (wire.PaymentIntent, error) {
		return c.CreatePaymentIntent(ctx, wire.CreatePaymentIntentParams{RequestID: id, Amount: amount, Currency: "usd", OfflineBehavior: behavior})
	})
}

func (k *killShop) retrieve(localID string) wire.PaymentIntent {
	return ask(k, func(ctx context.Context, c *client.Conn, _ string) (wire.PaymentIntent, error) {
		return c.RetrievePaymentIntent(ctx, wire.RetrievePaymentIntentParams{LocalID: localID})
	})
}

// forward has the reader send what it has at once, until it got through.
func (k *killShop) forward() {
	for {
		result := ask(k, func(ctx context.Context, c *client.Conn, id string) (wire.ForwardNowResult, error) {
			return c.ForwardNow(ctx, wire.ForwardNowParams{RequestID: id})
		})
		if result.Error == nil {
			return
		}
		k.must(k.ctx.Err())
	}
}

func (k *killShop) collect(ref wire.IntentRef) {
	ask(k, func(ctx context.Context, c *client.Conn, id string) (wire.PaymentIntent, error) {
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
	k.device, k.ca = "https://"+device.Addr().String(), filepath.Join(dir, "ca.pem")
	k.must(os.WriteFile(k.ca, k.platform.CAPEM(), 0o600))
	k.args = []string{
		"-json", "-data", dir, "-listen", "127.0.0.1:0", "-control", "127.0.0.1:0", "-auto", "visa",
		"-platform", k.device, "-platform-ca", k.ca,
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
	if k.kills > 0 || k.unarmed {
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
			k.at.POS, k.at.ReaderID, k.at.Control = at.POS, at.ReaderID, at.Control
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
func ask[T any](k *killShop, call func(context.Context, *client.Conn, string) (T, error)) T {
	id := client.NewRequestID()
	for {
		answer, err := call(k.ctx, k.pos.Conn(), id)
		if err == nil {
			return answer
		}
		refused, ok := wire.AsError(err)
		switch {
		case ok && refused.Code == wire.CodeInterrupted:
			id = client.NewRequestID()
		case ok && refused.Retry == wire.RetrySame && sending(refused.PaymentIntent):
			k.must(k.ctx.Err()) // the attempt that runs cannot take long
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

func sending(p *wire.PaymentIntent) bool {
	return p != nil && p.OfflineDetails != nil && p.OfflineDetails.State == wire.OfflineSending
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
		p := k.retrieve(localID)
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
