package sandbox

import (
	"cmp"
	"slices"
	"strings"
)

// table holds the objects of one type in order of creation.
type table[T object] struct {
	byKey map[string]T
	order []string
}

func (t *table[T]) get(key string) (T, bool) {
	o, ok := t.byKey[key]
	return o, ok
}

func (t *table[T]) set(o T) {
	if t.byKey == nil {
		t.byKey = make(map[string]T)
	}
	if _, ok := t.byKey[o.key()]; !ok {
		t.order = append(t.order, o.key())
	}
	t.byKey[o.key()] = o
}

// drop removes what old says.
func (t *table[T]) drop(old func(T) bool) {
	t.order = slices.DeleteFunc(t.order, func(key string) bool {
		if !old(t.byKey[key]) {
			return false
		}
		delete(t.byKey, key)
		return true
	})
}

// all returns the objects, oldest first.
func (t *table[T]) all() []T {
	out := make([]T, len(t.order))
	for i, key := range t.order {
		out[i] = t.byKey[key]
	}
	return out
}

// state is the whole platform in memory: the sum of all journal lines.
// Objects are values; whoever changes one sets it again.
type state struct {
	account        account
	locations      table[location]
	configurations table[configuration]
	settings       table[settings]
	readers        table[reader]
	tokens         table[token]
	revocations    table[revocation]
	posKeys        table[posKey]
	intents        table[intent]
	aliases        table[alias]
	charges        table[charge]
	authorizations table[authorization]
	cryptograms    table[usedCryptogram]
	pins           table[pinCounter]
	replays        table[replay]
	refunds        table[refund]
	faults         faults
	counters       counters
	events         table[event]
	endpoints      table[endpoint]
	waiting        map[string]map[string]delivery // event id -> endpoint id; ended ones are gone
	delivered      map[string]Outcomes            // by endpoint id
	told           uint64                         // sequence of the newest event

	intentBySecret map[string]string // client secret -> id
	stamped        int64             // newest stamp of what configurations are made from
}

func newState() *state {
	return &state{
		intentBySecret: make(map[string]string),
		waiting:        make(map[string]map[string]delivery),
		delivered:      make(map[string]Outcomes),
	}
}

func (s *state) set(o object) {
	switch o := o.(type) {
	case account:
		s.account = o
	case location:
		s.locations.set(o)
		s.stamped = max(s.stamped, o.UpdatedAtMs)
	case configuration:
		s.configurations.set(o)
		s.stamped = max(s.stamped, o.UpdatedAtMs)
	case settings:
		s.settings.set(o)
		s.stamped = max(s.stamped, o.UpdatedAtMs)
	case reader:
		s.readers.set(o)
		s.stamped = max(s.stamped, o.UpdatedAtMs)
	case token:
		s.tokens.set(o)
	case revocation:
		s.revocations.set(o)
		s.stamped = max(s.stamped, o.AtMs)
	case posKey:
		s.posKeys.set(o)
	case intent:
		s.intents.set(o)
		s.intentBySecret[o.ClientSecret] = o.ID
	case alias:
		s.aliases.set(o)
	case charge:
		s.charges.set(o)
	case authorization:
		s.authorizations.set(o)
	case usedCryptogram:
		s.cryptograms.set(o)
	case pinCounter:
		s.pins.set(o)
	case replay:
		s.replays.set(o)
	case refund:
		s.refunds.set(o)
	case forgetting:
		s.aliases.drop(func(a alias) bool { return strings.HasPrefix(a.Name, keyAlias("")) && a.AtMs < o.BeforeMs })
		s.replays.drop(func(r replay) bool { return r.AtMs < o.BeforeMs })
	case faults:
		s.faults = o
	case counters:
		s.counters = o
	case event:
		s.addEvent(o)
	case endpoint:
		s.setEndpoint(o)
	case delivery:
		s.setDelivery(o)
	}
}

// defaultConfiguration is the account's.
func (s *state) defaultConfiguration() configuration {
	for _, c := range s.configurations.all() {
		if c.Default {
			return c
		}
	}
	return configuration{}
}

// offlineEnabled resolves the setting for a location: its own configuration
// first, then the account's.
func (s *state) offlineEnabled(l location) bool {
	if c, ok := s.configurations.get(l.Configuration); ok && c.Offline != nil {
		return *c.Offline
	}
	c := s.defaultConfiguration()
	return c.Offline != nil && *c.Offline
}

// readerBySerial finds an activated reader.
func (s *state) readerBySerial(serial string) (reader, bool) {
	for _, r := range s.readers.all() {
		if r.Serial == serial {
			return r, true
		}
	}
	return reader{}, false
}

// Gap is a range of payment sequences of a reader that never arrived.
type Gap struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// gaps lists the sequences below the highest known one, by submission,
// reversal or heartbeat, that nothing arrived for.
func (s *state) gaps(readerID string) []Gap {
	var seen []uint64
	for _, a := range s.authorizations.all() {
		if a.ReaderID == readerID {
			seen = append(seen, a.Sequence)
		}
	}
	slices.SortFunc(seen, cmp.Compare[uint64])
	var gaps []Gap
	next := uint64(1)
	for _, sequence := range seen {
		if sequence > next {
			gaps = append(gaps, Gap{next, sequence - 1})
		}
		next = max(next, sequence+1)
	}
	if r, ok := s.readers.get(readerID); ok && r.Sequence >= next {
		gaps = append(gaps, Gap{next, r.Sequence})
	}
	return gaps
}

// intentNamed finds an intent by an alias.
func (s *state) intentNamed(name string) (intent, bool) {
	a, ok := s.aliases.get(name)
	if !ok {
		return intent{}, false
	}
	return s.intents.get(a.IntentID)
}
