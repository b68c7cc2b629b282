package main

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"smartreader/build/bench"
	"smartreader/build/qemu/machine"
	"smartreader/build/qemu/sntp"
	"smartreader/build/qemu/vscard"
	"smartreader/build/sandbox"
	"smartreader/build/story"
	"smartreader/hal/pn532/pn532test"
	"smartreader/lan/client"
	"smartreader/lan/wire"
)

// rig is a machine and all that is around it on this computer: what a power
// cut does not reach.
type rig struct {
	o        options
	log      *slog.Logger
	progress *progress
	parts    *bench.Parts

	platform *sandbox.Sandbox
	cards    *bench.Cards
	slot     *vscard.Slot
	field    *pn532test.Emulator
	tapper   tapper
	console  *os.File
	echo     io.Writer // the console as it comes; nil: not shown
	image    loaded
	words    string         // more for the kernel command line
	level    string         // what the reader logs; empty: INFO
	pos      netip.AddrPort // where POS connect, on this computer
	at       bench.Endpoints
	devices  int // port of the platform's reader face
	clock    int // port of the time server

	mu    sync.Mutex
	m     *machine.Machine // nil: off
	began time.Time        // when m was started
	ccid  *plug            // nil: unplugged
	pn532 *plug            // nil: unplugged
}

var _ story.Bench = (*rig)(nil)

// newRig starts everything but the machine. The parts end with ctx; close
// follows.
func newRig(ctx context.Context, o options, parts *bench.Parts, log *slog.Logger, say *progress, echo io.Writer) (*rig, error) {
	r := &rig{o: o, log: log, progress: say, parts: parts, slot: vscard.NewSlot(), field: pn532test.New(), echo: echo}
	var err error
	if r.cards, err = bench.OpenCards(filepath.Join(o.dir, "cards.json")); err != nil {
		return nil, err
	}
	r.tapper = tapper{field: r.field, cards: r.cards}
	if r.pos, err = freeAddress(o.listen); err != nil {
		return nil, err
	}
	public, err := bench.ListenLoopback(o.public, "-public")
	if err != nil {
		return nil, err
	}
	device, err := bench.ListenLoopback(o.device, "-device")
	if err != nil {
		return nil, errors.Join(err, public.Close())
	}
	r.platform, err = sandbox.New(sandbox.Options{
		Dir: filepath.Join(o.dir, "platform"), Public: public, Device: device, Log: log,
		Hosts: []string{"localhost", "127.0.0.1", "::1", machine.Host},
	})
	if err != nil {
		return nil, errors.Join(err, public.Close(), device.Close())
	}
	parts.Run("platform", func() error { return r.platform.Run(ctx) })
	clock, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return r, err
	}
	parts.Run("time server", func() error { return sntp.Serve(ctx, clock, nil) })
	r.devices, r.clock = port(device.Addr()), port(clock.LocalAddr())
	r.at = bench.Endpoints{
		POS: "wss://" + r.pos.String() + wire.Path, Data: o.dir, APIKey: sandbox.APIKey,
		Public: "http://" + public.Addr().String(), Device: "https://" + device.Addr().String(),
	}
	r.console, err = os.Create(r.consoleFile())
	return r, err
}

func (r *rig) consoleFile() string { return filepath.Join(r.o.dir, "console.log") }

// close is for after the parts have ended.
func (r *rig) close() error {
	r.tapper.end()
	err := r.platform.Close()
	if r.console != nil {
		err = errors.Join(err, r.console.Close())
	}
	return err
}

func port(a net.Addr) int { return int(netip.MustParseAddrPort(a.String()).Port()) }

// freeAddress checks that a TCP address is free, and chooses a port for port 0:
// it is the machine that will listen there, again after every start.
func freeAddress(address string) (netip.AddrPort, error) {
	l, err := bench.Listen(address, "-listen")
	if err != nil {
		return netip.AddrPort{}, err
	}
	if err := l.Close(); err != nil {
		return netip.AddrPort{}, err
	}
	at := l.Addr().(*net.TCPAddr).AddrPort()
	ip := at.Addr().Unmap()
	if ip == netip.IPv6Unspecified() { // what Go makes of every address of this computer
		ip = netip.IPv4Unspecified()
	}
	if !ip.Is4() {
		return netip.AddrPort{}, bench.Usagef("-listen %s: QEMU forwards IPv4 addresses only", address)
	}
	return netip.AddrPortFrom(ip, at.Port()), nil
}

// build makes the image; main and worker are Go packages, empty as in
// pack.Options.
func (r *rig) build(ctx context.Context, main, worker string) error {
	config, err := readerConfig(r.o.lane, cmp.Or(r.level, "INFO"), r.devices, r.clock)
	if err != nil {
		return err
	}
	r.image, err = recipe{
		lane: r.o.lane, main: main, worker: worker, config: config, ca: r.platform.CAPEM(),
		progress: func(what string) { r.progress.step("image: " + what) },
	}.make(ctx, r.o.dir)
	r.progress.step("")
	return err
}

// switchOn starts the machine, if it is off, with everything plugged in.
func (r *rig) switchOn(ctx context.Context) (*machine.Machine, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.m != nil {
		return r.m, nil
	}
	// What a boot ROM does at every start: the reader may have chosen its other
	// slot meanwhile.
	var err error
	if r.image, err = load(ctx, r.image.disk, r.o.lane); err != nil {
		return nil, err
	}
	r.began = time.Now()
	m, err := machine.Start(ctx, r.options(r.image))
	if err != nil {
		return nil, err
	}
	r.m = m
	if err := errors.Join(r.plugCCID(ctx), r.plugPN532(ctx)); err != nil {
		r.kill()
		return nil, err
	}
	return m, nil
}

// options say how to run an image.
func (r *rig) options(i loaded) machine.Options {
	out := io.Writer(r.console)
	if r.echo != nil {
		out = io.MultiWriter(r.console, r.echo)
	}
	return machine.Options{
		Lane: r.o.lane, Kernel: i.kernel, Initrd: i.initramfs, DTB: i.dtb, Cmdline: i.cmdline + r.words, Disk: i.disk,
		POS: r.pos, GuestPort: posPort, PN532: pn532Serial, Console: out,
	}
}

// Kill implements story.Bench: the machine's power is cut.
func (r *rig) Kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kill()
}

// kill is for who holds mu.
func (r *rig) kill() {
	if r.m != nil {
		r.m.Kill()
	}
	r.off()
}

// off forgets a machine that has ended.
func (r *rig) off() {
	r.ccid.pull()
	r.pn532.pull()
	r.m, r.ccid, r.pn532 = nil, nil, nil
}

// switchOff presses the power button and waits.
func (r *rig) switchOff(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.m == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	err := r.m.PowerDown(ctx)
	r.off()
	return err
}

// errOff is what hands are told that reach for a machine that is off.
var errOff = fmt.Errorf("%w; switch it on with: power on", machine.ErrOff)

// running returns the machine, or an error that says that it is off.
func (r *rig) running() (*machine.Machine, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.m == nil {
		return nil, errOff
	}
	return r.m, nil
}

// Start implements story.Bench: it returns when a POS can connect.
func (r *rig) Start(ctx context.Context) (bench.Endpoints, error) {
	r.progress.step("start, until a POS can connect")
	defer r.progress.step("")
	m, err := r.switchOn(ctx)
	if err != nil {
		return bench.Endpoints{}, err
	}
	following, enough := context.WithCancel(ctx)
	var telling sync.WaitGroup
	telling.Go(func() { r.tellErrors(following, m) })
	defer telling.Wait()
	defer enough()
	id, err := r.ready(ctx, m)
	if err != nil {
		return bench.Endpoints{}, fmt.Errorf("%w\nThe console log is %s", err, r.consoleFile())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at.ReaderID = id
	return r.at, nil
}

// tellErrors shows what goes wrong while the reader starts: whoever waits for
// it would not look at the console's log before it is too late.
func (r *rig) tellErrors(ctx context.Context, m *machine.Machine) {
	_ = m.Console.Follow(ctx, func(line string) bool { // ends when the machine does
		if r.echo == nil && (strings.HasPrefix(line, "boot: error") || strings.Contains(line, "level=ERROR")) {
			r.progress.say("on the console: " + line)
		}
		return false
	})
}

// bootTime is how long the slower machine may take to be ready on a computer
// that has other things to do.
const bootTime = 10 * time.Minute

// ready waits until the reader greets a POS, and returns the reader's id.
func (r *rig) ready(ctx context.Context, m *machine.Machine) (id string, err error) {
	limit := 3 * time.Minute
	if r.o.lane == machine.Raspi3b {
		limit = bootTime
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	roots := x509.NewCertPool()
	roots.AddCert(r.platform.CA())
	giveUp, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for attempt := time.Second; ; attempt = min(attempt*5/4, 10*time.Second) {
		// QEMU accepts a connection before anybody in the machine listens, so
		// the first attempts are short. A busy computer needs longer ones.
		id, err := greet(giveUp, attempt, client.Options{
			URL: r.at.POS, RootCAs: roots, POSID: "is-it-ready", Key: key, Name: startCommand, Log: slog.New(slog.DiscardHandler),
		})
		if err == nil {
			// At its first start the reader answers before the platform has told it
			// where it is; then it is not ready yet.
			_, err = m.Console.Await(giveUp, "reader ready")
		}
		if err == nil {
			return id, nil
		}
		select {
		case <-again.C:
		case <-m.Done():
			return "", fmt.Errorf("the machine ended (%w) before the reader was ready; its last lines:\n%s", errors.Join(machine.ErrOff, m.Err()), m.Console.Tail(15))
		case <-giveUp.Done():
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			return "", fmt.Errorf("the reader was not ready after %v: %w; the console's last lines:\n%s", limit, err, m.Console.Tail(15))
		}
	}
}

func greet(ctx context.Context, limit time.Duration, o client.Options) (id string, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := client.Dial(ctx, o)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return conn.Reader().ID, nil
}

// Insert implements story.Bench.
func (r *rig) Insert(_ context.Context, card string) error { return r.cards.Insert(card, r.slot) }

// Tap implements story.Bench.
func (r *rig) Tap(_ context.Context, cards ...string) error { return r.tapper.Tap(cards...) }

// handTime is how long a hand needs to take a card after it was told to. QEMU
// forgets what it was about to answer when a card comes out, and the reader has
// just switched the card off.
const handTime = 700 * time.Millisecond

// Remove implements story.Bench.
func (r *rig) Remove(ctx context.Context) error {
	select {
	case <-time.After(handTime):
		return r.slot.Remove()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Unreachable implements story.Bench.
func (r *rig) Unreachable(_ context.Context, on bool) error { return r.platform.SetUnreachable(on) }

// LoseNextAnswer implements story.Bench.
func (r *rig) LoseNextAnswer(context.Context) error { return r.platform.LoseNextAnswer() }

// Status implements story.Bench.
func (r *rig) Status(context.Context) (sandbox.Status, error) { return r.platform.Status(), nil }
