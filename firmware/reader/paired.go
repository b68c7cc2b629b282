package reader

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"smartreader/store"
)

const (
	pairedBlob      = "paired"
	mostPairedBytes = 64 << 10 // some hundreds; the ones longest ago are forgotten first
	pairedPrecision = 24 * time.Hour
)

// paired are the POS this reader let in online, with the time of the last one.
type paired map[string]int64

// loadPaired returns whom it can read: an unreadable list must not keep the
// whole shop out, online least of all.
func (r *Reader) loadPaired() paired {
	data, err := r.store.Blob(pairedBlob)
	if errors.Is(err, store.ErrNotFound) {
		return paired{}
	}
	p := paired{}
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	if err != nil || p == nil {
		r.log.Error("the list of paired POS cannot be read: each of them has to connect once with internet", "err", err)
		return paired{}
	}
	return p
}

// pair remembers that a POS was let in online. Not being able to is no reason to
// keep it out.
func (r *Reader) pair(ctx context.Context, posID string) {
	r.pairing.Lock()
	defer r.pairing.Unlock()
	p := r.loadPaired()
	now := r.now().UnixMilli()
	if at, known := p[posID]; known && now-at < pairedPrecision.Milliseconds() {
		return // spares the disk
	}
	p[posID] = now
	data, err := json.Marshal(p)
	for err == nil && len(data) > mostPairedBytes {
		delete(p, p.oldest())
		data, err = json.Marshal(p)
	}
	if err == nil {
		err = r.store.PutBlob(ctx, pairedBlob, data)
	}
	if err != nil {
		r.log.Error("POS not noted as paired", "pos", posID, "err", err)
	}
}

func (p paired) oldest() (oldest string) {
	for id, at := range p {
		if oldest == "" || at < p[oldest] {
			oldest = id
		}
	}
	return oldest
}
