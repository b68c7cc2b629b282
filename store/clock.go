package store

import (
	"context"
	"time"
)

// A clock that shows an earlier time than this software was never set.
var earliest = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// A clock may be corrected by so much without counting as turned back.
const clockSlack = 2 * time.Minute

// TimeFloor returns the latest time that was certain, see RaiseFloor. It never
// goes back, also not over a restart. The clock does not raise it: one that was
// ahead for a moment would make every credential expire for ever.
func (s *Store) TimeFloor() time.Time {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return time.UnixMilli(s.head.floorMs)
}

// Now returns the clock's time, or TimeFloor if the clock shows less.
func (s *Store) Now() time.Time {
	floor, now := s.TimeFloor(), s.clock()
	if now.Before(floor) {
		return floor
	}
	return now
}

// RaiseFloor puts a time on record that is certainly past, such as one the
// platform signed. An earlier one than TimeFloor changes nothing.
func (s *Store) RaiseFloor(ctx context.Context, t time.Time) error {
	if !t.After(s.TimeFloor()) {
		return nil
	}
	return s.submit(ctx, &waiter{build: func(*batch) (part, error) { return part{floorMs: t.UnixMilli()}, nil }})
}

// stamp returns the time of the next entry, the time it is, and whether that is
// the clock's. It is called by the leader.
func (s *Store) stamp() (atMs, nowMs int64, clockSet bool) {
	clock := s.clock().UnixMilli()
	clockSet = clock >= earliest && clock+clockSlack.Milliseconds() >= s.head.floorMs
	if !clockSet {
		clock = 0
	}
	nowMs = max(clock, s.head.floorMs)
	atMs = max(nowMs, s.lastMs)
	if !clockSet {
		nowMs = atMs
	}
	return atMs, nowMs, clockSet
}
