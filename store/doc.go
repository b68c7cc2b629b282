// Package store is the reader's memory: an append-only journal of payments that
// survives power cuts, and notices what it did not survive.
//
// # Promise
//
// When [Store.Commit] returns nil, the change is on disk: journal entry, sealed
// payload, indexes and request outcome in one atomic, synced database
// transaction, and after that the journal's head in a file of its own. Whoever
// tells a cardholder, a POS or the platform about it does so after Commit.
//
// # Journal
//
// Every state change is a journal entry with a dense index: JSON header with
// the payment's whole state, hash of the entry before, signature of the device
// key (see package seal). A payment gets a dense sequence number at the moment
// its card data is sealed, so the platform can tell when one is missing.
//
// It does not grow for ever: [Store.Prune] drops its old end, with the payments
// that ended there, and leaves a signed checkpoint, so that the rest still
// verifies. What is owed to the merchant is never dropped.
//
// # Handing over
//
// [Store.BeginExport] and [Store.ExportPage] make a file of the journal and the
// sealed payloads, in a format of its own: see [ExportLine]. After [Store.Rescue]
// whoever has that file submits what waits, and this reader does not. [Salvage]
// makes such a file from a dead reader's folder. The command store/ledger reads
// them.
//
// # Damage
//
// The database can drop the end of its log, or all of it, without an error. The
// head file remembers how far the journal went, in two checksummed slots
// written in turn. If the journal ends before the head, Open succeeds but the
// store refuses new payments, goes on forwarding what is there, and
// [Store.Health] says what is gone. [Store.AcknowledgeLoss] is an operator's
// explicit act that puts the loss on record, signed, and continues the
// numbering after it. Damage that opening could make worse is ErrCorrupt, and
// nothing is touched. An empty start never takes the place of a broken one.
//
// # Failure
//
// After any error from the database all calls return ErrFailed, because memory
// and disk may differ from then on. The owner closes the store, opens it again
// and goes by what it finds.
//
// # Concurrency
//
// All methods may be called at the same time. Changes that wait at the same
// time are written together, with one sync for all of them. Open starts no
// goroutine of this package; the database underneath has its own and Close
// waits for them.
//
// Folder: db/ (database), head (head slots), reserve (disk space kept back),
// opening (exists while the database opens). ext4 with data=ordered, 64-bit only.
package store
