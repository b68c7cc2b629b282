package c2

import (
	"context"

	"smartreader/emvkernel"
	"smartreader/emvkernel/apdu"
	"smartreader/emvkernel/oda"
	"smartreader/emvkernel/tap"
	"smartreader/emvkernel/tlv"
)

// Tags this kernel writes itself, or knows by another name than Book 3.
const (
	tagCapabilitiesInfo tlv.Tag = 0x9F5D // application capabilities information
	tagThirdParty       tlv.Tag = 0x9F6E
	tagInteraction      tlv.Tag = 0xDF4B // POS cardholder interaction information
	tagDRDOL            tlv.Tag = 0x9F51
	tagPutAfterStatus   tlv.Tag = 0xDF810E
	tagPutBeforeStatus  tlv.Tag = 0xDF810F
	tagErrorIndication  tlv.Tag = 0xDF8115
)

// owned are the data objects no record of the card may give: the kernel's, and those that only the answer
// of one command gives.
var owned = []tlv.Tag{
	0x82, 0x94, 0x9F26, 0x9F27, 0x9F36, 0x9F10, 0x9F4B, 0x9F4C, 0x9F60, 0x9F61, tagInteraction,
	0x9F6A, 0x9F7E, 0x9F53, 0x9F6D, tagCapabilitiesInfo,
	tagPutAfterStatus, tagPutBeforeStatus, tagErrorIndication,
	0xDF8117, 0xDF8118, 0xDF8119, 0xDF811B, 0xDF811E, 0xDF811F, 0xDF8120, 0xDF8121, 0xDF8122,
	0xDF8301, 0xDF8302, 0xDF8303, 0xDF8304, 0xDF8305, 0xDF8306, 0xDF8307,
}

// transaction is one activation. It is filled from top to bottom, each field by the step it names.
type transaction struct {
	k *Kernel
	a *tap.Activation
	o *tap.Objects

	languages      string // application: '5F2D'
	fieldOffWanted bool   // application: the card notices when the field goes off

	pdolData []byte      // options
	aip      [2]byte     // options
	files    []apdu.File // options
	onDevice bool        // options: the consumer's device may verify the cardholder
	relayed  *relayData  // relay; nil: not performed

	static   oda.StaticData // records
	cdol1    tlv.DOL        // records
	expiry   emvkernel.Date // records
	combined bool           // authentication: CDA is asked for

	limits      tap.Limits // limit
	cvmRequired bool       // limit: the amount exceeds the CVM limit
	cvm         tap.CVM    // cardholder
	receipt     bool       // cardholder: one is to be offered
	tvr         emvkernel.TVR
	tsi         emvkernel.TSI
	request     byte // analyze: what the card is asked for

	write Writes // data exchange

	cdol1Data []byte   // cryptogram
	answer    acAnswer // cryptogram
	proven    bool     // signature
}

func newTransaction(k *Kernel, a *tap.Activation) *transaction {
	t := &transaction{k: k, a: a, o: tap.NewObjects(a, owned...)}
	t.o.Set(0x9F09, k.Version[:]...)
	t.o.Set(0x9F33, k.CardDataInput, 0, k.SecurityCapability)
	t.o.Set(0x9F1D, k.RiskManagement[:]...)
	t.o.Set(0x9F7E, k.MobileSupport)
	if k.CategoryCode != 0 {
		t.o.Set(0x9F53, k.CategoryCode)
	}
	t.o.Set(0xDF8117, k.CardDataInput)
	t.o.Set(0xDF8118, k.CVMCapabilityRequired)
	t.o.Set(0xDF8119, k.CVMCapabilityNotRequired)
	t.o.Set(0xDF811B, k.configuration())
	t.o.Set(0xDF811F, k.SecurityCapability)
	t.o.Set(0xDF8120, k.TACDefault[:]...)
	t.o.Set(0xDF8121, k.TACDenial[:]...)
	t.o.Set(0xDF8122, k.TACOnline[:]...)
	return t
}

// configuration is DF811B.
func (k *Kernel) configuration() (b byte) {
	if !k.MagneticStripe {
		b |= 0x80
	}
	if k.OnDeviceCVM {
		b |= 0x20
	}
	if !k.NoRelay {
		b |= 0x10
	}
	return b
}

// process is the line of the transaction. A step that ends it returns an ending.
func (t *transaction) process(ctx context.Context) (tap.Outcome, error) {
	if err := t.application(); err != nil {
		return tap.Outcome{}, err
	}
	if err := t.options(ctx); err != nil {
		return tap.Outcome{}, err
	}
	if t.aip[1]&aipEMV == 0 {
		return t.stripe(ctx)
	}
	for _, step := range []func(context.Context) error{
		t.relay, t.records, t.exchangeData, t.limit, t.mandatory, t.authentication,
		t.restrictions, t.cardholder, t.risk, t.analyze,
		t.writeBefore, t.cryptogram, t.signature, t.writeAfter,
	} {
		if err := step(ctx); err != nil {
			return tap.Outcome{}, err
		}
	}
	return t.outcome()
}

// wipe overwrites the card's data.
func (t *transaction) wipe() {
	t.o.Wipe()
	t.static.Wipe()
	clear(t.pdolData)
	clear(t.cdol1Data)
	clear(t.answer.raw)
	clear(t.answer.elements)
}
