package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// patience is how long somebody at a terminal should go without a sign.
const patience = 10 * time.Second

// progress says what is being done and for how long, for a person who waits.
type progress struct {
	w io.Writer

	mu    sync.Mutex
	what  string // empty: nothing is going on
	since time.Time
	again *time.Timer
}

func newProgress(w io.Writer) *progress { return &progress{w: w} }

// step ends what was going on and begins something else; empty: nothing.
func (p *progress) step(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.what != "" {
		p.again.Stop()
		fmt.Fprintf(p.w, "· %s: %.1f s\n", p.what, time.Since(p.since).Seconds())
	}
	p.what, p.since = what, time.Now()
	if what != "" {
		p.again = time.AfterFunc(patience, func() { p.remind(what) })
	}
}

// say tells something on the way.
func (p *progress) say(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, "· %s\n", what)
}

func (p *progress) remind(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.what == what {
		fmt.Fprintf(p.w, "· %s: %.0f s so far\n", what, time.Since(p.since).Seconds())
		p.again.Reset(patience)
	}
}
