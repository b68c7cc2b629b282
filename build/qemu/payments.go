package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"time"

	"smartreader/build/qemu/machine"
	"smartreader/build/story"
	"smartreader/hal/sim"
	"smartreader/lan/wire"
)

// taken are the payments that are timed, of each kind.
const taken = 7

// timing is where the time of one payment went, by the reader's own log and by
// the software card's clock.
type timing struct {
	commands                           int
	card, bus, kernel, platform, store time.Duration
}

func (t timing) all() time.Duration { return t.card + t.bus + t.kernel + t.platform + t.store }

var timingLine = regexp.MustCompile(`msg="payment timing".* commands=(\d+) card=(\S+) kernel=(\S+) platform=(\S+) store=(\S+)`)

// parseTiming reads a line of the reader's log. To the reader the bus and the
// card are one.
func parseTiming(line string) (t timing, ok bool) {
	m := timingLine.FindStringSubmatch(line)
	if m == nil {
		return t, false
	}
	var err error
	if t.commands, err = strconv.Atoi(m[1]); err != nil {
		return t, false
	}
	for i, to := range []*time.Duration{&t.bus, &t.kernel, &t.platform, &t.store} {
		if *to, err = time.ParseDuration(m[i+2]); err != nil {
			return t, false
		}
	}
	return t, true
}

// timed is a chip that adds up the time it takes to answer.
type timed struct {
	sim.Chip
	total *time.Duration
}

func (c timed) Exchange(ctx context.Context, command []byte) ([]byte, error) {
	begun := time.Now()
	defer func() { *c.total += time.Since(begun) }()
	return c.Chip.Exchange(ctx, command)
}

// stopwatch is a hand that puts timed cards in. The total is read when the card
// has been taken out.
type stopwatch struct {
	*rig
	total time.Duration
}

func (s *stopwatch) Insert(_ context.Context, card string) error {
	chip, err := s.cards.Card(card)
	if err != nil {
		return err
	}
	s.total = 0
	return s.slot.Insert(card, timed{chip, &s.total})
}

// measurePayments takes payments, online and offline, and says where their time
// went.
func (r *rig) measurePayments(ctx context.Context, stdout io.Writer) error {
	r.level = "DEBUG"
	if err := r.build(ctx, "", ""); err != nil {
		return err
	}
	at, err := r.Start(ctx)
	if err != nil {
		return err
	}
	pos, err := story.NewPOS("measuring")
	if err != nil {
		return err
	}
	defer pos.Close()
	if _, err := pos.Connect(ctx, at); err != nil {
		return err
	}
	m, err := r.running()
	if err != nil {
		return err
	}
	seen := 0
	times := map[string][]timing{}
	for _, offline := range []bool{false, true} {
		name := "online"
		if offline {
			name = "offline"
			if err := r.Unreachable(ctx, true); err != nil {
				return err
			}
			if err := pos.Await(ctx, time.Minute, isOffline); err != nil {
				return err
			}
		}
		r.progress.step("payments " + name)
		for range taken {
			hand := &stopwatch{rig: r}
			if _, err := pos.Pay(ctx, hand, 1250, "visa"); err != nil {
				return err
			}
			seen++
			t, err := awaitTiming(ctx, m.Console, seen)
			if err != nil {
				return err
			}
			t.card, t.bus = hand.total, t.bus-hand.total
			times[name] = append(times[name], t)
		}
	}
	r.progress.step("")
	fmt.Fprintf(stdout, "\nOne payment, medians of %d, in ms:\n          commands     card   driver and bus   kernel   platform   store      all\n", taken)
	tellTiming(stdout, "online", times["online"])
	tellTiming(stdout, "offline", times["offline"])
	return r.switchOff(ctx)
}

func isOffline(b *story.Books) bool {
	return b.Status.Reader != nil && b.Status.Reader.NetworkStatus == wire.NetworkOffline
}

// awaitTiming returns the n-th timing that the console tells.
func awaitTiming(ctx context.Context, console *machine.Console, n int) (t timing, err error) {
	err = console.Follow(ctx, func(line string) bool {
		told, ok := parseTiming(line)
		if ok {
			t = told
			n--
		}
		return n == 0
	})
	return t, err
}

func tellTiming(w io.Writer, name string, all []timing) {
	median := func(of func(timing) time.Duration) float64 {
		var values []time.Duration
		for _, t := range all {
			values = append(values, of(t))
		}
		slices.Sort(values)
		return float64(values[len(values)/2].Microseconds()) / 1000
	}
	fmt.Fprintf(w, "%-9s %8d %8.1f %16.1f %8.1f %10.1f %7.1f %8.1f\n", name, all[0].commands,
		median(func(t timing) time.Duration { return t.card }), median(func(t timing) time.Duration { return t.bus }),
		median(func(t timing) time.Duration { return t.kernel }), median(func(t timing) time.Duration { return t.platform }),
		median(func(t timing) time.Duration { return t.store }), median(timing.all))
}
