package store

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

const (
	memTableBytes = 2 << 20

	// Badger refuses transactions over 15 % of a memtable; this leaves room for
	// its own overhead per key.
	maxBatchBytes = memTableBytes * 12 / 100

	// Larger values would go to the value log, whose sync errors Badger only
	// logs. One write must also fit in a batch.
	maxValueBytes = 128 << 10
)

// badgerOptions are measured choices; each line has a reason.
func badgerOptions(dir string, log badger.Logger) badger.Options {
	o := badger.DefaultOptions(dir).
		WithSyncWrites(true).                  // every commit is on disk when it returns
		WithValueThreshold(maxValueBytes + 1). // all values inline: the value log stays empty
		WithValueLogFileSize(1 << 20).
		WithMemTableSize(memTableBytes). // small memory: an open store takes 10 MB, a busy one 40
		WithNumMemtables(1).
		WithNumLevelZeroTables(5).
		WithNumLevelZeroTablesStall(10).
		WithBaseTableSize(1 << 20).
		WithBaseLevelSize(4 << 20).
		WithNumCompactors(2).
		WithNumGoroutines(1).
		WithCompression(options.None). // sealed payloads do not compress
		WithBlockCacheSize(0).
		WithIndexCacheSize(0).
		WithMetricsEnabled(false).
		WithChecksumVerificationMode(options.OnTableRead). // the only mode where a bad block is an error, not a missing key
		WithVerifyValueChecksum(true).
		WithExternalMagic(schemaVersion). // newer layouts do not open in older software
		WithDetectConflicts(false).       // there is one writer
		WithLogger(log)
	o.TableSizeMultiplier = 1
	return o
}

// errPanic marks an error that was a panic.
var errPanic = errors.New("panic")

// openBadger opens or creates the database. A panic inside Badger (a table cut
// short does that) becomes ErrCorrupt.
func openBadger(dir string, log *slog.Logger) (d disk, err error) {
	defer func() {
		if r := recover(); r != nil {
			d, err = nil, fmt.Errorf("%w: %w: opening %s: %v", ErrCorrupt, errPanic, dir, r)
		}
	}()
	b := &badgerDisk{log: &badgerLog{log: log, stuck: make(chan string, 1)}}
	b.db, err = badger.Open(badgerOptions(dir, b.log))
	switch {
	case err == nil:
		return b, nil
	case strings.Contains(err.Error(), "external magic number"):
		return nil, fmt.Errorf("%w: %w", ErrSchema, err)
	case strings.Contains(err.Error(), "Cannot acquire directory lock"):
		return nil, fmt.Errorf("%w: %w", ErrLocked, err)
	default:
		return nil, fmt.Errorf("%w: opening %s: %w", ErrCorrupt, dir, err)
	}
}

type badgerDisk struct {
	db  *badger.DB
	log *badgerLog
}

func (b *badgerDisk) apply(writes []write) error {
	if err := b.log.failure(); err != nil {
		return err
	}
	err := b.db.Update(func(txn *badger.Txn) error {
		for _, w := range writes {
			var err error
			if w.value == nil {
				err = txn.Delete(w.key)
			} else {
				err = txn.Set(w.key, w.value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return b.log.failure()
}

func (b *badgerDisk) get(key []byte) (value []byte, err error) {
	err = b.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(key)
		if err != nil {
			return err
		}
		value, err = item.ValueCopy(nil)
		return err
	})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, errNoKey
	}
	return value, err
}

func (b *badgerDisk) scan(prefix, start []byte, visit func(key, value []byte) error) error {
	err := b.db.View(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix = prefix
		o.PrefetchValues = false // values are inline: nothing to fetch ahead
		it := txn.NewIterator(o)
		defer it.Close()
		for it.Seek(start); it.Valid(); it.Next() {
			item := it.Item()
			err := item.Value(func(value []byte) error { return visit(item.Key(), value) })
			if err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

func (b *badgerDisk) flatten() error { return b.db.Flatten(1) }

// close waits for Badger, except that Badger, when it cannot write its last
// table, tries again for ever: then the process has to end to let go of it.
func (b *badgerDisk) close() error {
	closed := make(chan error, 1)
	b.log.closing.Store(true)
	go func() { closed <- b.db.Close() }()
	select {
	case err := <-closed:
		return err
	case line := <-b.log.stuck:
		return fmt.Errorf("%w: the database cannot close, restart the process: %s", ErrFailed, line)
	}
}

// badgerLog passes Badger's log on, and remembers the first error line: Badger
// reports some failures in no other way.
type badgerLog struct {
	log     *slog.Logger
	first   atomic.Pointer[string]
	closing atomic.Bool
	stuck   chan string // an error line while closing; has room for one
}

func (l *badgerLog) failure() error {
	if line := l.first.Load(); line != nil {
		return fmt.Errorf("the database reported: %s", *line)
	}
	return nil
}

func (l *badgerLog) Errorf(format string, args ...any) {
	line := strings.TrimSpace(fmt.Sprintf(format, args...))
	l.first.CompareAndSwap(nil, &line)
	if l.closing.Load() {
		select {
		case l.stuck <- line:
		default:
		}
	}
	l.log.Error("badger", "line", line)
}

func (l *badgerLog) Warningf(format string, args ...any) {
	l.log.Warn("badger", "line", strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// Badger's information is about tables and levels, of no use to an operator.
func (l *badgerLog) Infof(format string, args ...any) { l.Debugf(format, args...) }

func (l *badgerLog) Debugf(format string, args ...any) {
	l.log.Debug("badger", "line", strings.TrimSpace(fmt.Sprintf(format, args...)))
}
