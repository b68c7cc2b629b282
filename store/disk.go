package store

import "errors"

// disk is all the ledger asks of a database. Tests put a model in its place
// that loses, tears and fails at will.
type disk interface {
	// apply makes all writes durable, or none. After an error nobody knows
	// which: the disk is not used again.
	apply(writes []write) error

	// get returns a copy of the value, or errNoKey.
	get(key []byte) ([]byte, error)

	// scan calls visit for each key with the prefix, from start on, in order,
	// until visit returns an error; errStop ends the scan without one. Key and
	// value are valid only during the call.
	scan(prefix, start []byte, visit func(key, value []byte) error) error

	// flatten gives the space of deleted records back; it may take a while.
	flatten() error

	close() error
}

// write is one key's new value; a nil value deletes the key.
type write struct {
	key, value []byte
}

var (
	errNoKey = errors.New("store: no such key")
	errStop  = errors.New("store: stop scanning")
)
