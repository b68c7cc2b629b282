package seal

// KindPruned and KindCarried are written when the old end of a journal is
// dropped.
const (
	KindPruned  = "pruned"  // body: Checkpoint; lets a journal begin after the entries it names
	KindCarried = "carried" // body: a payment's state, unchanged, repeated because the entry that held it is dropped
)

// Checkpoint is the body of a KindPruned entry: what was dropped, so that what
// is left can be verified without it. Sequences and Lost include those of all
// checkpoints before.
type Checkpoint struct {
	Through   uint64 `json:"through"`             // last index dropped
	Hash      string `json:"hash"`                // what the first entry kept names as the hash before it, hex
	Payments  int    `json:"payments"`            // ended payments dropped with this checkpoint
	AtMs      int64  `json:"at"`                  // everything dropped is older
	Sequences Ranges `json:"sequences,omitempty"` // payment sequences in dropped entries
	Lost      Ranges `json:"lost,omitempty"`      // payment sequences whose loss was acknowledged in dropped entries
}
