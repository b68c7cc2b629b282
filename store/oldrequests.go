package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
)

// requestPage is how many request outcomes are looked at in one go.
const requestPage = 512

// pruneRequests drops request outcomes older than keepEvents. Those without a
// time are kept.
func (s *Store) pruneRequests(ctx context.Context) error {
	floor := s.TimeFloor()
	cutoff := floor.Add(-keepEvents).UnixMilli()
	start := prefixRequest
	for {
		var old, seen [][]byte
		err := s.read(func() error {
			return s.disk.scan(prefixRequest, start, func(k, value []byte) error {
				if seen = append(seen, bytes.Clone(k)); outdated(value, cutoff) {
					old = append(old, bytes.Clone(k))
				}
				if len(seen) == requestPage {
					return errStop
				}
				return nil
			})
		})
		if err == nil && len(old) > 0 {
			err = s.submit(ctx, &waiter{build: func(*batch) (part, error) { return s.forgetRequests(old, cutoff) }})
		}
		if err != nil {
			return err
		}
		if len(seen) < requestPage {
			return ctx.Err()
		}
		start = append(seen[len(seen)-1], 0)
	}
}

func (s *Store) forgetRequests(keys [][]byte, cutoffMs int64) (part, error) {
	var p part
	for _, k := range keys {
		value, err := s.disk.get(k)
		switch {
		case errors.Is(err, errNoKey):
		case err != nil:
			return part{}, err
		case outdated(value, cutoffMs): // not asked again meanwhile
			p.writes = append(p.writes, write{k, nil})
		}
	}
	return p, nil
}

// outdated tells whether a request outcome is older than a time.
func outdated(record []byte, cutoffMs int64) bool {
	var r struct {
		AtMs int64 `json:"atMs"`
	}
	return json.Unmarshal(record, &r) == nil && r.AtMs > 0 && r.AtMs < cutoffMs
}
