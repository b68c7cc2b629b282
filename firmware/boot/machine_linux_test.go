package boot

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// page is a console that keeps everything.
type page struct {
	mu   sync.Mutex
	text strings.Builder
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

func newMachine(t *testing.T) (*machine, *page) {
	p := &page{}
	m := &machine{console: newConsole(p), clockFile: filepath.Join(t.TempDir(), "clock"), started: time.Now(), online: make(chan struct{}, 1), end: func(error) {}}
	t.Cleanup(func() { m.console.stop(time.Minute) })
	return m, p
}

func TestNoStepEndsProcess1(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, page := newMachine(t)
		if err := m.guard("step", func() error { panic("at the disk") }); err == nil {
			t.Error("a panic was no error")
		}
		if err := m.guard("step", func() error { return errors.New("no such thing") }); err == nil {
			t.Error("an error was none")
		}
		// A task that fails is started again, ever later.
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
		defer stop()
		runs := 0
		m.task(ctx, "task", func(context.Context) error { runs++; panic("again") })
		m.tasks.Wait()
		if runs != 10 { // at 0, 1, 3, 7, 15, 31, 63, 123, 183, 243 s
			t.Errorf("ran %d times", runs)
		}
		m.console.stop(time.Minute)
		for _, want := range []string{"boot: error: step: panic: at the disk\n", "boot: error: step: no such thing\n"} {
			if !strings.Contains(page.String(), want) {
				t.Errorf("the console lacks %q:\n%s", want, page)
			}
		}
	})
}

func TestOnlyProcess1BeginsItsLines(t *testing.T) {
	m, page := newMachine(t)
	m.fault("DHCP: %v", errors.New("no\x1b[2J\r\nboot: listening tcp 4443 only\u009b"))
	m.console.stop(time.Minute)
	if got, want := page.String(), "boot: error: DHCP: no?[2J?\n  boot: listening tcp 4443 only?\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// process is a worker without a process.
type process struct {
	pulses  chan pulse
	ended   chan syscall.WaitStatus
	signals []syscall.Signal
	// deaf ignores requests to end.
	deaf bool
}

func newProcess() *process {
	return &process{pulses: make(chan pulse), ended: make(chan syscall.WaitStatus, 1)}
}

func (p *process) worker(silent time.Duration) *worker {
	return &worker{pulses: p.pulses, ended: p.ended, silent: silent, signal: func(s syscall.Signal) {
		p.signals = append(p.signals, s)
		if s == syscall.SIGKILL || !p.deaf {
			select {
			case p.ended <- syscall.WaitStatus(s):
			default: // it has ended already
			}
		}
	}}
}

func TestSilentWorkerIsKilled(t *testing.T) {
	for name, test := range map[string]struct {
		pulses int // one each 3 s
		silent time.Duration
		want   time.Duration
	}{
		"never said a word": {0, silence, silence},
		"fell silent":       {100, silence, 297*time.Second + silence},
		"may be silent":     {0, 0, 0},
		"a maker's own":     {10, 0, 27*time.Second + silence},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, _ := newMachine(t)
				p := newProcess()
				go func() {
					for range test.pulses {
						p.pulses <- pulse{alive: true}
						time.Sleep(3 * time.Second)
					}
					if test.want == 0 {
						time.Sleep(24 * time.Hour)
						p.ended <- 0
					}
				}()
				began := time.Now()
				_, killed := m.watch(t.Context(), p.worker(test.silent))
				if took := time.Since(began); killed != (test.want > 0) || killed && took != test.want {
					t.Errorf("killed: %v, after %v, want %v", killed, took, test.want)
				}
				time.Sleep(time.Hour) // for the one who pulses
			})
		})
	}
}

func TestWorkerIsAskedToEndFirst(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m, _ := newMachine(t)
			p := newProcess()
			p.deaf = deaf
			ctx, stop := context.WithTimeout(t.Context(), time.Second)
			defer stop()
			began := time.Now()
			status, killed := m.watch(ctx, p.worker(silence))
			want := time.Second
			if deaf {
				want += stopPatience
			}
			if p.signals[0] != syscall.SIGTERM || killed != deaf || time.Since(began) != want {
				t.Errorf("deaf: %v: signals %v, status %v, killed %v, after %v", deaf, p.signals, status, killed, time.Since(began))
			}
		})
	}
}

func TestFloorIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := newMachine(t)
		p := newProcess()
		go func() {
			p.pulses <- pulse{floor: time.Unix(2000, 0)}
			p.pulses <- pulse{floor: time.Unix(1000, 0)}
			p.ended <- 0
		}()
		m.watch(t.Context(), p.worker(silence))
		if got := m.floor.Load(); got != 2000 {
			t.Errorf("got %d", got)
		}
	})
}

// The hardware watchdog is fed until nothing has been heard of the worker, nor
// of its end, for its longest silence and the time to kill it.
func TestHardwareWatchdogBitesWhenTheWorkerCannotBeKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, page := newMachine(t)
		p := newProcess()
		w := p.worker(silence)
		w.signal = func(syscall.Signal) {} // it hangs in the kernel
		var last atomic.Int64              // since began
		began := time.Now()
		ctx, stop := context.WithCancel(t.Context())
		fed := make(chan error)
		go func() {
			fed <- m.feed(ctx, func() error { last.Store(int64(time.Since(began))); return nil })
		}()
		go func() {
			p.pulses <- pulse{alive: true}
			time.Sleep(2 * time.Hour) // much later, it ends after all
			p.ended <- 0
		}()
		m.watch(t.Context(), w)
		if took := time.Duration(last.Load()); took < silence || took > silence+killPatience {
			t.Errorf("fed for %v", took)
		}
		stop()
		<-fed
		m.console.stop(time.Minute)
		if !strings.Contains(page.String(), "left alone") {
			t.Errorf("the console does not say so:\n%s", page)
		}
	})
}
