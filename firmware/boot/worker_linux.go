package boot

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"smartreader/hal/fb"
	"smartreader/hal/watchdog"
)

// stopPatience is how long a worker may take to end when asked to.
const stopPatience = 10 * time.Second

// worker is a process that was started.
type worker struct {
	pulses <-chan pulse
	ended  <-chan syscall.WaitStatus
	signal func(syscall.Signal)
	// silent is for how long it may say nothing before its first pulse; 0 for
	// ever: a maker's own worker may not know about pulses.
	silent time.Duration
}

// supervise runs the worker again and again until the machine is to stop.
func (m *machine) supervise(ctx context.Context) {
	// A worker that worked for so long starts again without delay.
	const good = 5 * time.Minute
	for again := (backoff{}); ctx.Err() == nil; {
		began := time.Now()
		err := m.guard("start", func() error { return m.prepare(ctx) })
		if err == nil {
			_ = m.guard("worker", func() error { return m.runWorker(ctx) })
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > good {
			again.reset()
		}
		wait := again.next()
		m.say("next start in %v", wait)
		m.stayWell(wait + setupPatience)
		_ = pause(ctx, wait)
	}
}

// runWorker starts the worker and returns when it has ended.
func (m *machine) runWorker(ctx context.Context) error {
	m.stayWell(silence + killPatience)
	program, own := "/init", true
	if _, err := os.Stat("/worker"); err == nil {
		program, own = "/worker", false
	}
	work, stop := context.WithCancel(context.Background())
	defer stop()
	w, pid, err := m.startWorker(work, program)
	if err != nil {
		return err
	}
	if own {
		w.silent = silence
	}
	m.say("worker started pid %d", pid)
	defer hideText()()
	go func() { _ = m.guard("load", func() error { return m.tellLoad(work, pid) }) }()
	status, killed := m.watch(ctx, w)
	switch {
	case killed && ctx.Err() != nil:
		return fmt.Errorf("killed: it did not end within %v when asked to", stopPatience)
	case killed:
		return fmt.Errorf("killed: it was silent for %v", silence)
	case status.Exited() && status.ExitStatus() == ExitReboot:
		m.end(errReboot)
	case status.Exited() && status.ExitStatus() == ExitPowerOff:
		m.end(errPowerOff)
	case ctx.Err() != nil:
	case status.Exited():
		return fmt.Errorf("ended with exit code %d", status.ExitStatus())
	default:
		return fmt.Errorf("ended by signal: %v", status.Signal())
	}
	m.say("worker ended")
	return nil
}

// hideText keeps the console's text out of the worker's picture, until the
// function it returns shows the text again. A machine without a text console on
// its display has nothing to hide.
func hideText() (show func()) {
	restore, err := fb.Quiet("/dev/tty0")
	if err != nil {
		return func() {}
	}
	return func() { _ = restore() } // the next worker hides it anyway
}

// startWorker starts the program by way of Confine. Its output and its pulses
// are read until it and all its children are gone, or ctx is done.
func (m *machine) startWorker(ctx context.Context, program string) (*worker, int, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, 0, err
	}
	defer null.Close()
	output, printed, err := os.Pipe()
	if err != nil {
		return nil, 0, err
	}
	defer printed.Close()
	heartbeat, beats, err := os.Pipe()
	if err != nil {
		output.Close()
		return nil, 0, err
	}
	defer beats.Close()
	pid, err := syscall.ForkExec("/proc/self/exe",
		[]string{confineName, program, strconv.Itoa(int(m.lanPort.Load()))},
		&syscall.ProcAttr{
			Dir:   "/",
			Env:   []string{"HOME=" + DataDir, watchdog.Variable + "=3"},
			Files: []uintptr{null.Fd(), printed.Fd(), printed.Fd(), beats.Fd()},
			Sys:   &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: workerID, Gid: workerID}},
		})
	if err != nil {
		output.Close()
		heartbeat.Close()
		return nil, 0, fmt.Errorf("start %s: %w", program, err)
	}
	pulses, ended := make(chan pulse), make(chan syscall.WaitStatus, 1)
	go func() { defer output.Close(); m.console.copyLines(output) }()
	go func() { defer heartbeat.Close(); readPulses(ctx, heartbeat, pulses) }()
	go func() { ended <- reap(pid, killAll) }()
	return &worker{pulses: pulses, ended: ended, signal: func(s syscall.Signal) { _ = syscall.Kill(-pid, s) }}, pid, nil
}

// reap waits for a child to end and then, after sweep, for all other children:
// what a child leaves behind becomes ours.
func reap(child int, sweep func()) (ended syscall.WaitStatus) {
	for {
		var status syscall.WaitStatus
		switch pid, err := syscall.Wait4(-1, &status, 0, nil); {
		case pid == child:
			ended = status
			sweep()
		case err == syscall.ECHILD:
			return ended
		}
	}
}

// killAll ends every process but this one, if this is process 1: whatever
// session a process of the worker's hides in, it must not keep the LAN port or
// the data partition.
func killAll() {
	if os.Getpid() == 1 {
		_ = syscall.Kill(-1, syscall.SIGKILL)
	}
}

// watch waits for the worker's end, and brings it about when the worker falls
// silent or ctx is done.
func (m *machine) watch(ctx context.Context, w *worker) (status syscall.WaitStatus, killed bool) {
	quiet := time.NewTimer(w.silent)
	if w.silent == 0 {
		quiet.Stop()
		// Nobody knows whether it works: what it does is its own business.
		m.stayWell(unwatched)
	}
	stopping := ctx.Done()
	for {
		select {
		case p := <-w.pulses:
			if !p.floor.IsZero() {
				m.raiseFloor(p.floor)
			}
			if p.alive && stopping != nil {
				quiet.Reset(silence)
				m.stayWell(silence + killPatience)
			}
		case <-stopping:
			m.say("stopping the worker")
			m.stayWell(stopPatience + killPatience)
			w.signal(syscall.SIGTERM)
			quiet.Reset(stopPatience)
			stopping = nil
		case <-quiet.C:
			killed = true
			w.signal(syscall.SIGKILL)
		case status = <-w.ended:
			return status, killed
		}
	}
}

// unwatched stands for "as long as it likes".
const unwatched = 100 * 365 * 24 * time.Hour
