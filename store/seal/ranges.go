package seal

import "sort"

// Range is a range of numbers, both ends included.
type Range struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// Ranges is a set of numbers: ascending, neither overlapping nor touching. The
// zero value is the empty set.
type Ranges []Range

// Add puts from..to into the set.
func (r *Ranges) Add(from, to uint64) {
	if from > to {
		return
	}
	s := *r
	// first: the first range that overlaps or touches; last: one after the last
	first := sort.Search(len(s), func(i int) bool { return s[i].To >= from || s[i].To+1 == from })
	last := first
	for last < len(s) && (s[last].From <= to || s[last].From == to+1) {
		from, to = min(from, s[last].From), max(to, s[last].To)
		last++
	}
	if last == first+1 { // the usual case: grow in place
		s[first] = Range{from, to}
		return
	}
	grown := make(Ranges, 0, len(s)+1)
	grown = append(grown, s[:first]...)
	grown = append(grown, Range{from, to})
	*r = append(grown, s[last:]...)
}

// Contains tells whether n is in the set.
func (r Ranges) Contains(n uint64) bool {
	i := sort.Search(len(r), func(i int) bool { return r[i].To >= n })
	return i < len(r) && r[i].From <= n
}

// With returns the numbers of both sets.
func (r Ranges) With(other Ranges) Ranges {
	both := append(Ranges(nil), r...)
	for _, part := range other {
		both.Add(part.From, part.To)
	}
	return both
}

// Without returns the numbers of r that are not in other.
func (r Ranges) Without(other Ranges) Ranges {
	var left Ranges
	for _, part := range r {
		from, covered := part.From, false
		for _, o := range other {
			if o.To < from || o.From > part.To {
				continue
			}
			if o.From > from {
				left.Add(from, o.From-1)
			}
			if covered = o.To >= part.To; covered {
				break
			}
			from = o.To + 1
		}
		if !covered {
			left.Add(from, part.To)
		}
	}
	return left
}

// Gaps returns the numbers from 1 to last that are not in the set; with last 0
// it looks as far as the highest number. This is how the platform notices a
// payment that never arrived: it keeps the sequences it received.
func (r Ranges) Gaps(last uint64) Ranges {
	if last == 0 && len(r) > 0 {
		last = r[len(r)-1].To
	}
	if last == 0 {
		return nil
	}
	return Ranges{{1, last}}.Without(r)
}

// Last returns the highest number, 0 for the empty set.
func (r Ranges) Last() uint64 {
	if len(r) == 0 {
		return 0
	}
	return r[len(r)-1].To
}
