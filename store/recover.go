package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"smartreader/store/seal"
)

// unknownMargin is how many numbers are left out when it is not known how far
// the journal had gone: a number given to a POS or to the platform must not be
// given again. It is far more than a reader can write between two looks at it.
const unknownMargin = 4096

// load reads the store, compares the journal with the head slot, and decides
// whether it can be relied on.
func (s *Store) load(ctx context.Context) error {
	genesis, err := seal.Genesis(s.public)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	if err := s.checkMeta(genesis); err != nil {
		return err
	}
	slot, slotErr := readHead(s.slots)
	report, atSlot, lastGood, err := s.walk(ctx, slot.index)
	if err != nil {
		return err
	}
	if slot.index == 0 {
		atSlot = genesis
	}
	if err := s.reconcile(report, slot, slotErr, atSlot == slot.hash, lastGood); err != nil {
		return err
	}
	s.lastMs = report.HeadAtMs
	s.first = max(report.First, 1)
	if report.Pruned != nil {
		s.pruned = *report.Pruned
	}
	s.scarred = len(report.Missing) > 0 || len(s.health.Missing) > 0 || len(s.health.DamagedEntries) > 0
	if err := s.loadOpen(report.Losses); err != nil {
		return err
	}
	room, err := s.room.look()
	if err != nil {
		return err
	}
	s.noteRoom(room)
	if s.health.Damaged {
		s.log.Error("journal is damaged: no new payments; forwarding goes on", "reason", s.health.Reason,
			"missing", s.health.Missing, "damaged", s.health.DamagedEntries, "sequences", s.health.MissingSequences)
	}
	return nil
}

// checkMeta checks that the database is ours to read. A new one is marked; one
// whose beginning is gone, while its journal is not, is not touched.
func (s *Store) checkMeta(genesis seal.Hash) error {
	schema, err := s.disk.get(keySchema)
	if errors.Is(err, errNoKey) {
		err = s.disk.scan(prefixJournal, prefixJournal, func(_, _ []byte) error {
			return fmt.Errorf("%w: it has a journal but no schema version", ErrCorrupt)
		})
		if err == nil {
			err = s.disk.apply([]write{
				{keySchema, []byte(strconv.Itoa(schemaVersion))},
				{keyDevice, []byte(genesis.String())},
			})
		}
		if err != nil {
			return fmt.Errorf("store: beginning: %w", err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	version, err := strconv.Atoi(string(schema))
	if err != nil || version < 1 {
		return fmt.Errorf("%w: its schema version is not a number", ErrCorrupt)
	}
	if version > schemaVersion {
		return fmt.Errorf("%w: schema %d, this software knows %d; install the newer software again", ErrSchema, version, schemaVersion)
	}
	device, err := s.disk.get(keyDevice)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if string(device) != genesis.String() {
		return fmt.Errorf("%w: the journal was begun under another one", ErrKey)
	}
	return nil
}

// walk checks the hash chain of the whole journal. It also tells the hash that
// the entry at one index has, or had.
func (s *Store) walk(ctx context.Context, index uint64) (report seal.Report, at seal.Hash, lastGood bool, err error) {
	v, err := seal.NewVerifier(s.public)
	if err != nil {
		return seal.Report{}, at, false, fmt.Errorf("%w: %w", ErrKey, err)
	}
	v.Quick = true
	err = s.disk.scan(prefixJournal, prefixJournal, func(k, record []byte) error {
		if len(k) != len(prefixJournal)+8 {
			return fmt.Errorf("%w: a journal key of %d bytes", ErrCorrupt, len(k))
		}
		e := journalEntry(record)
		v.AddAt(indexOf(k), e)
		switch indexOf(k) {
		case index:
			at = seal.HashEntry(e.Header)
		case index + 1: // signed, it also names the hash of an entry that is gone or damaged
			if h, err := seal.ReadEntryHeader(e.Header); err == nil && h.Index == index+1 && e.Verify(s.public) == nil {
				if at, err = seal.ParseHash(h.Prev); err != nil {
					return fmt.Errorf("%w: entry %d names no hash", ErrCorrupt, h.Index)
				}
			}
		}
		return ctx.Err()
	})
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, ErrCorrupt) {
			err = fmt.Errorf("%w: reading the journal: %w", ErrCorrupt, err)
		}
		return seal.Report{}, at, false, err
	}
	return v.Report(), at, v.LastIsGood(), nil
}

// reconcile compares journal and head slot, and sets where the journal goes on.
//
//	slot = journal          all is well
//	slot behind the journal power went between commit and slot: nobody was told
//	                        of those entries, and they are good; the slot follows
//	slot ahead              entries are gone
//	no slot, or another     nobody knows how far the journal had gone
//	history, or too far
//	behind to be explained
func (s *Store) reconcile(report seal.Report, slot head, slotErr error, sameAtSlot, lastGood bool) error {
	missing, damaged := report.Unexplained()
	lastSequence := report.Sequences.Last()
	journal := head{slot.generation, report.Head, report.HeadHash, max(lastSequence, slot.sequence), slot.floorMs}
	behind := report.Head - slot.index // if the slot is behind

	unknown := ""
	switch {
	case slotErr != nil:
		unknown = fmt.Sprintf("the head slots do not read (%v)", slotErr)
	case slot.index > report.Head:
		s.head = slot
		missing.Add(report.Head+1, slot.index)
	case slot.index == report.Head && sameAtSlot && lastGood:
		s.head = slot
	case slot.index == report.Head && !lastGood:
		s.head = slot // which knows the hash that the last entry had
		damaged.Add(report.Head, report.Head)
		report.Damaged.Add(report.Head, report.Head)
	case slot.index < report.Head && sameAtSlot && lastGood && behind <= 2*maxBatch:
		s.head = journal
		s.head.generation++
		if err := writeHead(s.slots, s.head); err != nil {
			return err
		}
		s.log.Info("head slot completed after a power cut", "from", slot.index, "to", report.Head)
	case sameAtSlot:
		unknown = fmt.Sprintf("the head slot is %d entries behind", behind)
	default:
		unknown = "the head slot tells another history"
	}
	sequences := report.Sequences.Gaps(max(lastSequence, slot.sequence))
	if unknown != "" {
		s.head = journal
		s.head.index += unknownMargin
		s.head.sequence += unknownMargin
		missing.Add(report.Head+1, s.head.index)
		sequences.Add(journal.sequence+1, s.head.sequence)
	}
	if slotErr != nil { // there is nothing to lose, and a cut must not begin this anew
		s.head.generation++
		if err := writeHead(s.slots, s.head); err != nil {
			return err
		}
	}
	for _, loss := range report.Losses {
		sequences = sequences.Without(loss.Sequences)
	}

	h := &s.health
	h.Missing, h.DamagedEntries, h.MissingSequences = missing, report.Damaged, sequences
	h.Damaged = len(missing) > 0 || len(damaged) > 0 || len(sequences) > 0
	switch {
	case unknown != "":
		h.Reason = unknown
	case len(missing) > 0:
		h.Reason = "journal entries are missing"
	case len(damaged) > 0:
		h.Reason = "journal entries are damaged"
	case len(sequences) > 0:
		h.Reason = "payment sequences are missing"
	}
	return nil
}

// loadOpen reads what is pending. Losses are those acknowledged.
func (s *Store) loadOpen(losses []seal.Loss) error {
	var unreadable []string
	err := s.disk.scan(prefixOpen, prefixOpen, func(k, value []byte) error {
		localID := string(k[len(prefixOpen):])
		sum, err := parseSummary(value)
		if err != nil {
			unreadable = append(unreadable, localID)
			return nil
		}
		s.enter(localID, sum)
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w: reading what is pending: %w", ErrCorrupt, err)
	}
	for _, localID := range unreadable {
		p, err := s.payment(localID)
		if err != nil && s.isLost(localID, losses) {
			continue
		}
		if err != nil {
			s.health.Damaged, s.health.Reason = true, "a pending payment is unreadable"
			s.log.Error("pending payment is unreadable", "localId", localID, "err", err)
			continue
		}
		s.enter(localID, summarize(&p))
	}
	s.work.complete(s.payment)
	return nil
}

// isLost tells whether an operator acknowledged that a payment's newest entry
// is gone or damaged.
func (s *Store) isLost(localID string, losses []seal.Loss) bool {
	value, err := s.disk.get(key(prefixPayment, localID))
	if err != nil {
		return false
	}
	at, err := parsePointer(value)
	return err == nil && slices.ContainsFunc(losses, func(l seal.Loss) bool {
		return l.Damaged.Contains(at.index) || l.Missing.Contains(at.index)
	})
}

// enter is remember for loading: the work is sorted afterwards.
func (s *Store) enter(localID string, sum summary) {
	s.open[localID] = sum
	if s.isWork(sum) {
		s.work = append(s.work, sum.workItem(localID))
	}
	if sum.state.Pending() {
		addMoney(s.totals, sum.currency, sum.amount, 1)
	}
}
