package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Parts are the goroutines of a program: when one ends, all end.
type Parts struct {
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	err    error
}

// NewParts returns the parts and the context that ends with them.
func NewParts(ctx context.Context) (context.Context, *Parts) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &Parts{cancel: cancel}
}

// Run starts a part.
func (p *Parts) Run(name string, part func() error) {
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
		p.cancel(err)
	})
}

// Serve is a part that answers HTTP until ctx is done.
func (p *Parts) Serve(ctx context.Context, name string, listener net.Listener, handler http.Handler) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	p.Run(name, func() error {
		defer context.AfterFunc(ctx, func() { _ = server.Close() })()
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
}

// Stop asks all parts to end. The reason is nil for an orderly end.
func (p *Parts) Stop(reason error) { p.cancel(reason) }

// Wait waits for all parts and returns what the first of them failed with, or
// why they were stopped. Having been asked to stop is no error.
func (p *Parts) Wait(ctx context.Context) error {
	p.wg.Wait()
	if p.err != nil {
		return p.err
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}
