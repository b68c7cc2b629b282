package emvkernel

import (
	"maps"
	"slices"

	"smartreader/emvkernel/tlv"
)

// terminalTags are the data objects Data lists for the terminal; terminalData knows their values.
var terminalTags = []tlv.Tag{
	0x81, 0x8A, 0x91, 0x95, 0x98, 0x9A, 0x9B, 0x9C, 0x5F2A, 0x5F36,
	0x9F01, 0x9F02, 0x9F03, 0x9F04, 0x9F06, 0x9F09, 0x9F15, 0x9F16, 0x9F1A, 0x9F1B, 0x9F1C, 0x9F1E, 0x9F21,
	0x9F33, 0x9F34, 0x9F35, 0x9F37, 0x9F39, 0x9F40, 0x9F41, 0x9F4E, 0x9F5B,
}

// Data returns every data object the transaction knows as it stands, the card's and the terminal's, as one
// list in the order of their tags, for people who look at a card. Unlike ACData it changes until the
// transaction is over, and no issuer should be given it. Account number, track and name are in it: the
// caller wipes it.
func (t *Transaction) Data() Secret {
	values := maps.Clone(t.card)
	if t.ac.atc != nil { // whatever a record says of them
		values[0x9F27], values[0x9F36], values[0x9F26], values[0x9F10] = []byte{t.ac.cid}, t.ac.atc, t.ac.ac, t.ac.iad
	}
	for _, tag := range terminalTags {
		if v, _ := t.terminalData(tag); len(v) > 0 {
			values[tag] = v
		}
	}
	size := 0
	for _, v := range values {
		size += 6 + len(v) // tag and length; growing would leave copies of the account number behind
	}
	out := make([]byte, 0, size)
	for _, tag := range slices.Sorted(maps.Keys(values)) {
		if v := values[tag]; len(v) > 0 {
			out = tlv.Append(out, tag, v...)
		}
	}
	return out
}

// AuthenticationMethod names how the card is authenticated offline: "CDA", "DDA", "SDA", or "none" where card
// and terminal have nothing in common, and before AuthenticateData.
func (t *Transaction) AuthenticationMethod() string {
	switch t.method {
	case methodCDA:
		return "CDA"
	case methodDDA:
		return "DDA"
	case methodSDA:
		return "SDA"
	case methodNone:
	}
	return "none"
}
