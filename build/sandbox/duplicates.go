package sandbox

import (
	"cmp"
	"slices"
)

// Duplicate is one name of a payment with more than one live charge. There
// must never be any.
type Duplicate struct {
	By      string   `json:"by"` // payment_intent, idempotency_key, local_id, natural_key
	Name    string   `json:"name"`
	Charges []string `json:"charges"`
}

// duplicates looks at the charges alone, by every name that each was submitted
// with, and at none of the tables that are there to prevent it.
func (s *state) duplicates() []Duplicate {
	live := make(map[[2]string][]string)
	for _, c := range s.charges.all() {
		if !c.live() {
			continue
		}
		for by, name := range map[string]string{
			"payment_intent":  c.IntentID,
			"idempotency_key": c.Key,
			"local_id":        c.localName(),
			"natural_key":     c.NaturalKey,
		} {
			if name != "" {
				live[[2]string{by, name}] = append(live[[2]string{by, name}], c.ID)
			}
		}
	}
	found := []Duplicate{}
	for name, charges := range live {
		if len(charges) > 1 {
			found = append(found, Duplicate{name[0], name[1], charges})
		}
	}
	slices.SortFunc(found, func(a, b Duplicate) int { return cmp.Or(cmp.Compare(a.By, b.By), cmp.Compare(a.Name, b.Name)) })
	return found
}

// localName is the reader's own name of the payment; empty when a charge of an
// older state file does not have it.
func (c charge) localName() string {
	if c.LocalID == "" {
		return ""
	}
	return c.ReaderID + "." + c.LocalID
}

// PaymentCharges are the charges of one payment, for tests to count.
type PaymentCharges struct {
	PaymentIntent string   `json:"paymentIntent"`
	Status        string   `json:"status"`
	Reader        string   `json:"reader,omitempty"`
	LocalID       string   `json:"localId,omitempty"`
	Key           string   `json:"idempotencyKey,omitempty"`
	NaturalKeys   []string `json:"naturalKeys"` // of the charges
	Charges       []string `json:"charges"`
	Live          int      `json:"live"` // of the charges, those that hold or moved money: 0 or 1
}

// Payments lists all payment intents with their charges, oldest first.
func (s *Sandbox) Payments() []PaymentCharges {
	list := []PaymentCharges{}
	s.view(func(st *state) {
		at := make(map[string]int)
		for i, o := range st.intents.all() {
			at[o.ID] = i
			list = append(list, PaymentCharges{PaymentIntent: o.ID, Status: o.Status, NaturalKeys: []string{}, Charges: []string{}})
		}
		for _, c := range st.charges.all() {
			p := &list[at[c.IntentID]]
			p.Reader, p.LocalID, p.Key = c.ReaderID, c.LocalID, c.Key
			p.NaturalKeys, p.Charges = append(p.NaturalKeys, c.NaturalKey), append(p.Charges, c.ID)
			if c.live() {
				p.Live++
			}
		}
	})
	return list
}
