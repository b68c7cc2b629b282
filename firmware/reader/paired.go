package reader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"smartreader/store"
)

const (
	pairedBlob = "paired"
	mostPaired = 500 // the ones longest ago are forgotten first

	pairedPrecision = 24 * time.Hour
)

// paired are the POS this reader let in online, with the time of the last one.
type paired map[string]int64

func (r *Reader) loadPaired() (paired, error) {
	data, err := r.store.Blob(pairedBlob)
	if errors.Is(err, store.ErrNotFound) {
		return paired{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reader: paired POS: %w", err)
	}
	p := paired{}
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("reader: paired POS: %w", err)
	}
	return p, nil
}

// pair remembers that a POS was let in online.
func (r *Reader) pair(ctx context.Context, posID string) error {
	r.pairing.Lock()
	defer r.pairing.Unlock()
	p, err := r.loadPaired()
	if err != nil {
		return err
	}
	now := r.now().UnixMilli()
	if now-p[posID] < pairedPrecision.Milliseconds() {
		return nil // spares the disk
	}
	p[posID] = now
	for len(p) > mostPaired {
		oldest := ""
		for id, at := range p {
			if oldest == "" || at < p[oldest] {
				oldest = id
			}
		}
		delete(p, oldest)
	}
	data, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("reader: paired POS: %w", err)
	}
	return r.store.PutBlob(ctx, pairedBlob, data)
}
