package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unicode"
)

// Why the machine stops.
var (
	errReboot   = errors.New("reboot")
	errPowerOff = errors.New("power off")
)

// Requested reports whether the program was started as the kernel starts an
// init: process 1, by the name /init. A container's process 1 has another name.
func Requested() bool { return os.Getpid() == 1 && os.Args[0] == "/init" }

// machine is the state of process 1.
type machine struct {
	opt     Options
	console *console
	params  parameters
	started time.Time

	clockFile string // the time saved for the next start

	disk     *disk // nil until found
	bootSeen bool  // the boot partition is mounted
	dataSeen atomic.Bool
	lanPort  atomic.Uint32 // 0 until the settings were read
	floor    atomic.Int64  // Unix seconds: the worker knows that it is later
	well     atomic.Int64  // until when all is well, since started; see watch_linux.go

	online chan struct{} // an address was set
	end    context.CancelCauseFunc
	tasks  sync.WaitGroup
}

// Run is process 1. It never returns: it restarts the machine or switches it off.
func Run(opt Options) {
	m := &machine{opt: opt, clockFile: dataDir + "/clock", started: time.Now(), online: make(chan struct{}, 1)}
	m.stayWell(setupPatience)
	mounted := mountSystem() // before that there is no console
	m.console = openConsole()
	m.say("version %s", opt.Version)
	_ = m.guard("first mounts", func() error { return mounted })

	ctx, end := context.WithCancelCause(context.Background())
	m.end = end
	_ = m.guard("kernel", m.setUpKernel)
	_ = m.guard("clock", m.startClock)
	m.watchSignals(ctx)
	// Not with ctx: shutting down is watched as well.
	go func() {
		_ = m.guard("hardware watchdog", func() error { return m.feedWatchdog(context.Background()) })
	}()
	m.task(ctx, "device nodes", m.handOverNodes)
	m.task(ctx, "power key", m.watchPowerKey)
	m.task(ctx, "listeners", m.watchListeners)

	_ = m.guard("supervision", func() error { m.supervise(ctx); return nil })
	m.shutDown(ctx)
}

// watchSignals: ctrl-alt-del is made a signal (see setUpKernel), and who may
// signal process 1 may switch the machine off.
func (m *machine) watchSignals(ctx context.Context) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	m.task(ctx, "signals", func(ctx context.Context) error {
		select {
		case s := <-signals:
			m.say("signal: %v", s)
			m.end(errPowerOff)
		case <-ctx.Done():
		}
		return ctx.Err()
	})
}

// say prints one line on the console. What comes with it from the network, like
// a DHCP server's reason to refuse, moves no cursor and begins no line.
func (m *machine) say(format string, args ...any) {
	text := strings.Map(func(c rune) rune {
		if c != '\n' && c != '\t' && unicode.IsControl(c) {
			return '?'
		}
		return c
	}, fmt.Sprintf(format, args...))
	fmt.Fprintf(m.console, "boot: %s\n", strings.ReplaceAll(text, "\n", "\n  "))
}

// fault prints what a technician has to look at.
func (m *machine) fault(format string, args ...any) { m.say("error: "+format, args...) }

// guard runs a step. Neither its error nor its panic may end process 1.
func (m *machine) guard(name string, step func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			m.fault("%s: %v\n%s", name, err, debug.Stack())
		}
	}()
	if err := step(); err != nil && !errors.Is(err, context.Canceled) {
		m.fault("%s: %v", name, err)
		return err
	}
	return nil
}

// task runs a part beside the others until ctx ends, again when it failed.
func (m *machine) task(ctx context.Context, name string, part func(context.Context) error) {
	m.tasks.Go(func() {
		for again := (backoff{}); ctx.Err() == nil; {
			_ = m.guard(name, func() error { return part(ctx) })
			_ = pause(ctx, again.next())
		}
	})
}

// pause waits unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// backoff says how long to wait before the next attempt: 1 s and ever longer,
// up to a minute.
type backoff struct{ wait time.Duration }

func (b *backoff) next() time.Duration {
	b.wait = min(max(2*b.wait, time.Second), time.Minute)
	return b.wait
}

func (b *backoff) reset() { b.wait = 0 }
