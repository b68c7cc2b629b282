package store

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// Request is what a POS asked for under a request id of its own, and what came
// of it: asked again, the answer is the first one. Method, BodyHash and Result
// mean something to the caller only.
type Request struct {
	POS      string          `json:"pos"`
	ID       string          `json:"id"`
	Method   string          `json:"method"`
	BodyHash []byte          `json:"bodyHash,omitempty"`
	LocalID  string          `json:"localId,omitempty"`
	Done     bool            `json:"done"`
	Result   json.RawMessage `json:"result,omitempty"`
	AtMs     int64           `json:"atMs"`
}

// PutRequest makes a request durable, in place of an earlier one with the same
// POS and id.
func (s *Store) PutRequest(ctx context.Context, r Request) error {
	record, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("store: request %s: %w", r.ID, err)
	}
	return s.put(ctx, requestKey(r.POS, r.ID), record)
}

// Request returns a request, or ErrNotFound.
func (s *Store) Request(pos, id string) (Request, error) {
	record, err := s.get(requestKey(pos, id), "request", id)
	if err != nil {
		return Request{}, err
	}
	var r Request
	if err := json.Unmarshal(record, &r); err != nil {
		return Request{}, fmt.Errorf("%w: request %s", ErrDamaged, id)
	}
	return r, nil
}

// SetCursor makes durable up to which index a POS has seen the events.
func (s *Store) SetCursor(ctx context.Context, pos string, index uint64) error {
	return s.put(ctx, key(prefixCursor, pos), binary.BigEndian.AppendUint64(nil, index))
}

// Cursor returns up to which index a POS has seen the events, 0 for one that
// saw none.
func (s *Store) Cursor(pos string) (uint64, error) {
	b, err := s.get(key(prefixCursor, pos), "cursor", pos)
	switch {
	case errors.Is(err, ErrNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	case len(b) != 8:
		return 0, fmt.Errorf("%w: cursor of %s", ErrDamaged, pos)
	}
	return binary.BigEndian.Uint64(b), nil
}

// PutBlob makes named bytes durable, at most 128 KiB: the Location's signed
// configuration, a credential. Empty content deletes.
func (s *Store) PutBlob(ctx context.Context, name string, content []byte) error {
	if len(content) == 0 {
		content = nil
	}
	return s.put(ctx, key(prefixBlob, name), content)
}

// Blob returns named bytes, or ErrNotFound.
func (s *Store) Blob(name string) ([]byte, error) { return s.get(key(prefixBlob, name), "blob", name) }

func (s *Store) put(ctx context.Context, k, value []byte) error {
	return s.submit(ctx, &waiter{build: func(*batch) (part, error) {
		return part{writes: []write{{k, value}}}, nil
	}})
}

func (s *Store) get(k []byte, what, name string) (value []byte, err error) {
	err = s.read(func() error {
		value, err = s.disk.get(k)
		if errors.Is(err, errNoKey) {
			return fmt.Errorf("%w: %s %s", ErrNotFound, what, name)
		}
		if err != nil {
			return fmt.Errorf("store: reading %s %s: %w", what, name, err)
		}
		return nil
	})
	return value, err
}
