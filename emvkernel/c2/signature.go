package c2

import (
	"bytes"
	"context"
	"errors"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tap"
)

// signature verifies the card's combined signature, or sees to it that one was not owed (Book C-2, states 9
// and 10). The card may leave meanwhile. A decline without a signature is none of failed authentication; an
// approval or online request without the one that was asked for, or with a wrong one, ends the application:
// nobody is asked about such a card.
func (t *transaction) signature(ctx context.Context) error {
	if len(t.write.After) == 0 {
		t.cardRead()
	}
	a := &t.answer
	if a.sdad != nil {
		return t.verify(ctx)
	}
	if a.ac == nil {
		return invalid(l2CardDataMissing, "no cryptogram in the answer")
	}
	if t.combined && (a.kind() != apdu.RequestAAC || t.request == apdu.RequestAAC) {
		return invalid(l2CardDataError, "the signature that was asked for is missing")
	}
	t.o.Set(0x9F26, bytes.Clone(a.ac)...)
	return nil
}

// cardRead tells the cardholder that the card is not needed any more.
func (t *transaction) cardRead() {
	t.a.UI(*t.ui(tap.ClearDisplay, tap.CardReadSuccessfully))
}

func (t *transaction) verify(ctx context.Context) error {
	t.tsi.Set(emvkernel.ODAPerformed)
	proof, err := t.combinedData()
	if err != nil {
		t.a.Log.DebugContext(ctx, "combined signature failed", "reason", err.Error())
		return invalid(l2CAMFailed, "card authentication failed: "+err.Error())
	}
	t.proven = true
	t.o.Set(0x9F26, bytes.Clone(proof.Cryptogram)...)
	t.o.Set(0x9F4C, bytes.Clone(proof.Number)...)
	return nil
}

var errRelayData = errors.New("relay resistance data in the signature differs")

// combinedData verifies the signature over all that went to and fro, and over the relay resistance data
// where the protocol was performed.
func (t *transaction) combinedData() (oda.CDA, error) {
	key, err := t.o.Chain().ICCKey(&t.static, t.aip[:])
	if err != nil {
		return oda.CDA{}, err
	}
	covered := bytes.Join([][]byte{t.pdolData, t.cdol1Data, t.answer.elements}, nil)
	defer clear(covered)
	proof, err := oda.VerifyCDA(key, t.answer.sdad, t.o.Get(0x9F37), t.answer.cid, covered)
	if err != nil {
		return proof, err
	}
	if t.relayed != nil && !bytes.HasPrefix(proof.More, t.relayed.signed()) {
		return proof, errRelayData
	}
	// In clear beside the signature the cryptogram must be the same: what is sent is what was signed.
	if t.answer.ac != nil && !bytes.Equal(t.answer.ac, proof.Cryptogram) {
		return proof, &oda.Failure{What: "CDA signature", Reason: oda.BadDynamicData}
	}
	return proof, nil
}
