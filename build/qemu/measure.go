package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"smartreader/build/qemu/machine"
)

// emptyInit is the Go package whose boot the reader's is compared to.
const emptyInit = "smartreader/build/qemu/void"

// idle is how long a machine is watched while it has nothing to do.
const idle = 20 * time.Second

// measurement is one boot.
type measurement struct {
	ready  time.Duration // from the start of QEMU
	load   float64       // share of one of this computer's cores while idle
	memory int64         // of QEMU, bytes
	worker string        // what process 1 says of the reader, last
}

// measure boots the reader and an empty init on the same machine with the same
// kernel, in turn: what matters is the ratio, which a busy computer changes
// less than the times.
func measure(ctx context.Context, o options, stdout, stderr io.Writer) error {
	leave, err := o.temporary(ctx)
	if err != nil {
		return err
	}
	return leave(withRig(ctx, o, stderr, func(ctx context.Context, r *rig) error {
		if err := r.build(ctx, emptyInit, ""); err != nil {
			return err
		}
		void := r.image
		// The two share kernel and disk; only what is in memory differs.
		if void.initramfs, err = keep(void.initramfs); err != nil {
			return err
		}
		if err := r.build(ctx, "", ""); err != nil {
			return err
		}
		// The first start makes keys, grows the disk and registers the reader.
		if _, err := r.Start(ctx); err != nil {
			return err
		}
		if err := r.switchOff(ctx); err != nil {
			return err
		}
		reader := r.image
		r.words = " reader.report=10" // often enough to be told while it idles
		var empty, full []measurement
		for n := range o.rounds {
			r.progress.step(fmt.Sprintf("round %d of %d: an empty init", n+1, o.rounds))
			m, err := r.measureVoid(ctx, void)
			if err != nil {
				return err
			}
			empty = append(empty, m)
			r.progress.step(fmt.Sprintf("round %d of %d: the reader", n+1, o.rounds))
			r.image = reader
			if m, err = r.measureReader(ctx); err != nil {
				return err
			}
			full = append(full, m)
		}
		r.progress.step("")
		if err := report(stdout, o.lane, empty, full); err != nil {
			return err
		}
		return r.measurePayments(ctx, stdout)
	}))
}

// keep moves a file out of the way of the next build.
func keep(file string) (string, error) {
	to := filepath.Join(filepath.Dir(file), "void-"+filepath.Base(file))
	return to, os.Rename(file, to)
}

func (r *rig) measureVoid(ctx context.Context, from loaded) (measurement, error) {
	began := time.Now()
	m, err := machine.Start(ctx, r.options(from))
	if err != nil {
		return measurement{}, err
	}
	defer m.Kill()
	if _, err := m.Console.Await(ctx, "void: ready"); err != nil {
		return measurement{}, err
	}
	return watch(ctx, m, time.Since(began))
}

func (r *rig) measureReader(ctx context.Context) (measurement, error) {
	m, err := r.switchOn(ctx)
	if err != nil {
		return measurement{}, err
	}
	// As for the empty init, a line on the console: that a POS gets through is
	// known a second later at worst.
	if _, err := m.Console.Await(ctx, "reader ready"); err != nil {
		return measurement{}, err
	}
	ready := time.Since(r.began)
	result, err := watch(ctx, m, ready)
	if err != nil {
		return result, err
	}
	for line := range strings.Lines(m.Console.Tail(100)) {
		if _, told, ok := strings.Cut(line, "boot: worker: "); ok {
			result.worker = strings.TrimSpace(told)
		}
	}
	return result, r.switchOff(ctx)
}

// watch measures a machine with nothing to do.
func watch(ctx context.Context, m *machine.Machine, ready time.Duration) (measurement, error) {
	settle, cancel := context.WithTimeout(ctx, idle/2) // what follows a start is not idling
	defer cancel()
	<-settle.Done()
	before, _, err := m.Usage()
	if err != nil {
		return measurement{}, err
	}
	began := time.Now()
	watched, cancel := context.WithTimeout(ctx, idle)
	defer cancel()
	<-watched.Done()
	after, memory, err := m.Usage()
	if err != nil {
		return measurement{}, err
	}
	return measurement{ready: ready, load: (after - before).Seconds() / time.Since(began).Seconds(), memory: memory}, ctx.Err()
}

func report(w io.Writer, lane string, empty, full []measurement) error {
	middle := func(of []measurement, value func(measurement) float64) float64 {
		values := make([]float64, len(of))
		for i, m := range of {
			values[i] = value(m)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	boot := func(m measurement) float64 { return m.ready.Seconds() }
	load := func(m measurement) float64 { return 100 * m.load }
	memory := func(m measurement) float64 { return float64(m.memory) / (1 << 20) }
	_, err := fmt.Fprintf(w, `Machine %s, medians of %d rounds, in turn:
                                        empty init    reader    ratio
boot, until it says that it is ready    %8.2f s  %8.2f s   %5.2f
idle, share of one core of this host    %8.1f %%  %8.1f %%
memory of QEMU                          %6.0f MiB  %6.0f MiB
The reader by its own kernel: %s
`, lane, len(full),
		middle(empty, boot), middle(full, boot), middle(full, boot)/middle(empty, boot),
		middle(empty, load), middle(full, load), middle(empty, memory), middle(full, memory), full[len(full)-1].worker)
	return err
}
