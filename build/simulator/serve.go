package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"smartreader/build/sandbox"
	"smartreader/firmware/platform"
	"smartreader/firmware/reader"
	"smartreader/hal/sim"
	"smartreader/lan/wire"
)

// endpoints is what runs where; printed when all of it is ready.
type endpoints struct {
	ReaderID string `json:"readerId,omitempty"`
	POS      string `json:"pos,omitempty"`
	Public   string `json:"public,omitempty"`
	Device   string `json:"device,omitempty"`
	Control  string `json:"control,omitempty"`
	APIKey   string `json:"apiKey,omitempty"`
	Data     string `json:"data"`
}

// serve runs the parts asked for until ctx is done or one of them fails.
func serve(ctx context.Context, o options, stdout, stderr io.Writer) error {
	if err := o.check(); err != nil {
		return err
	}
	level := slog.LevelWarn
	if o.verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	at := endpoints{Data: o.dir}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var parts parts

	ca := []byte(nil)
	var backend *sandbox.Sandbox
	if o.platformURL == "" {
		var err error
		if backend, err = startSandbox(ctx, cancel, o, &at, &parts, log); err != nil {
			return err
		}
		defer backend.Close()
		ca, o.platformURL = backend.CAPEM(), at.Device
	} else {
		var err error
		if ca, err = os.ReadFile(o.platformCA); err != nil {
			return fmt.Errorf("read the platform's certificate: %w", err)
		}
	}
	var tray *cards
	var board *sim.Board
	if !o.sandboxOnly {
		var err error
		board, err = sim.Open(sim.Options{Dir: filepath.Join(o.dir, "reader"), Serial: o.serial})
		if err != nil {
			return err
		}
		defer board.HAL.Close()
		if tray, err = openCards(filepath.Join(o.dir, "cards.json"), board.Tray); err != nil {
			return err
		}
		hardware := *board.HAL
		if o.autoCard != "" {
			if !tray.known(o.autoCard) {
				return usageError{fmt.Errorf("-auto: there is no card %q; see: simulator card list", o.autoCard)}
			}
			hardware.Contact = &autoSlot{Tray: board.Tray, cards: tray, name: o.autoCard}
		}
		listener, err := listen(o.listen, "-listen")
		if err != nil {
			return err
		}
		ready := make(chan struct{})
		parts.run(cancel, "reader", func() error {
			return reader.Run(ctx, hardware, reader.Options{
				Dir: filepath.Join(o.dir, "reader"), Listener: listener,
				PlatformURL: o.platformURL, PlatformCA: ca, RegistrationCode: o.code, DeviceType: "simulated_stripe_s700",
				Link: deskLink(), CardTimeout: o.cardTimeout, AuthorizeTimeout: o.authorizeTimeout, AcceptLoss: o.acceptLoss, Log: log,
				Ready: func(addr net.Addr, id string) {
					at.ReaderID, at.POS = id, "wss://"+addr.String()+wire.Path
					close(ready)
				},
			})
		})
		select {
		case <-ready:
		case <-ctx.Done():
			return parts.end(ctx)
		}
	}
	if err := serveControl(ctx, cancel, o, &at, &parts, control{cards: tray, board: board, platform: backend}); err != nil {
		cancel(err)
		return parts.end(ctx)
	}
	if err := announce(stdout, at, o); err != nil {
		cancel(err)
	}
	return parts.end(ctx)
}

// deskLink notices an outage, and its end, within a few seconds: nobody at a
// desk wants to wait as long as a shop can.
func deskLink() platform.LinkOptions {
	return platform.LinkOptions{OnlineInterval: 2 * time.Second, RetryMin: 500 * time.Millisecond, RetryMax: 3 * time.Second}
}

func startSandbox(ctx context.Context, cancel context.CancelCauseFunc, o options, at *endpoints, parts *parts, log *slog.Logger) (*sandbox.Sandbox, error) {
	public, err := listenLoopback(o.public, "-public")
	if err != nil {
		return nil, err
	}
	device, err := listen(o.device, "-device")
	if err != nil {
		return nil, err
	}
	backend, err := sandbox.New(sandbox.Options{Dir: filepath.Join(o.dir, "platform"), Public: public, Device: device, Log: log})
	if err != nil {
		return nil, err
	}
	at.Public, at.Device, at.APIKey = "http://"+public.Addr().String(), "https://"+device.Addr().String(), sandbox.APIKey
	parts.run(cancel, "platform", func() error { return backend.Run(ctx) })
	return backend, nil
}

func listen(address, name string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; is another simulator running? Choose another address with %s", name, err, name)
	}
	return l, nil
}

// listenLoopback refuses what others on the network could reach: behind these
// addresses nobody is asked who they are.
func listenLoopback(address, name string) (net.Listener, error) {
	l, err := listen(address, name)
	if err != nil {
		return nil, err
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		l.Close()
		return nil, usageError{fmt.Errorf("%s %s can be reached from the network; use a loopback address", name, address)}
	}
	return l, nil
}

func announce(w io.Writer, at endpoints, o options) error {
	if o.json {
		return json.NewEncoder(w).Encode(at)
	}
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	if at.ReaderID != "" {
		p("Simulated reader %s is ready (test cards only).", at.ReaderID)
		p("  POS connect at  %s", at.POS)
	}
	if at.Public != "" {
		p("  platform        %s  (secret key %s); readers at %s", at.Public, at.APIKey, at.Device)
	}
	p("  control API     %s", at.Control)
	p("  data            %s", at.Data)
	if at.ReaderID != "" {
		p("Try, in another terminal:")
		p("  go run ./lan/pos connect")
		p("  go run ./build/simulator card insert visa     # then pay; see: card list")
		p("  go run ./lan/pos pay 12.50 usd")
		p("  go run ./build/simulator net cut              # and pay again")
	}
	p("Ctrl-C stops it; even kill -9 loses nothing.")
	return nil
}

// parts are the goroutines of the simulator: when one fails, all end.
type parts struct {
	wg  sync.WaitGroup
	mu  sync.Mutex
	err error
}

func (p *parts) run(cancel context.CancelCauseFunc, name string, part func() error) {
	p.wg.Go(func() {
		err := part()
		if err != nil && !errors.Is(err, context.Canceled) {
			err = fmt.Errorf("%s: %w", name, err)
			p.mu.Lock()
			if p.err == nil {
				p.err = err
			}
			p.mu.Unlock()
		}
		cancel(err)
	})
}

// end waits for all parts. Having been asked to stop is no error.
func (p *parts) end(ctx context.Context) error {
	p.wg.Wait()
	if p.err != nil {
		return p.err
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}
