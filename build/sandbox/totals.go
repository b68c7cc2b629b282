package sandbox

// Sum is a number of charges and their amounts in minor units by currency.
type Sum struct {
	Count      int              `json:"count"`
	ByCurrency map[string]int64 `json:"byCurrency"`
}

func (s *Sum) add(currency string, amount int64) {
	if s.ByCurrency == nil {
		s.ByCurrency = make(map[string]int64)
	}
	s.Count++
	s.ByCurrency[currency] += amount
}

// Totals is the platform's view of what was charged, to be compared with the
// reader's and the POS's.
type Totals struct {
	Approved   Sum `json:"approved"` // live charges
	Declined   Sum `json:"declined"`
	Reversed   Sum `json:"reversed"`   // approved once, then refunded or released
	Deferred   Sum `json:"deferred"`   // the part of Approved that was taken offline
	Failed     int `json:"failed"`     // submissions refused for ever, without a charge
	Duplicates int `json:"duplicates"` // live charges beyond the first of a payment; always 0
	Refunds    Sum `json:"refunds"`    // by the public API, failed ones left out; their charges stay approved
	Rescued    int `json:"rescued"`    // submitted first by somebody else than the reader

	// PerPayment counts payments by their number of live charges. Eight orders
	// stay eight charges: {"1": 8}, besides those without any under "0".
	PerPayment map[int]int `json:"perPayment"`

	Submissions int `json:"submissions"` // decided
	Repeats     int `json:"repeats"`     // answered with an earlier verdict
	AnswersLost int `json:"answersLost"` // by LoseNextAnswer
}

// Totals counts all charges.
func (s *Sandbox) Totals() Totals {
	sum := Totals{PerPayment: make(map[int]int)}
	if err := s.settle(); err != nil {
		s.log.Error("refunds not settled", "err", err)
	}
	s.view(func(st *state) {
		live := make(map[string]int)
		for _, c := range st.charges.all() {
			switch {
			case !c.Approved:
				sum.Declined.add(c.Currency, c.Amount)
			case c.live():
				sum.Approved.add(c.Currency, c.Amount)
				if c.Offline {
					sum.Deferred.add(c.Currency, c.Amount)
				}
				live[c.IntentID]++
				if live[c.IntentID] > 1 {
					sum.Duplicates++
				}
			default:
				sum.Reversed.add(c.Currency, c.Amount)
			}
		}
		for _, a := range st.authorizations.all() {
			if a.ChargeID == "" && a.Facts != "" {
				sum.Failed++
			}
			if a.RescuedBy != "" {
				sum.Rescued++
			}
		}
		for _, o := range st.intents.all() {
			sum.PerPayment[live[o.ID]]++
		}
		for _, r := range st.refunds.all() {
			if !r.Failed {
				sum.Refunds.add(r.Currency, r.Amount)
			}
		}
		sum.Submissions = st.counters.Processed
		sum.Repeats = st.counters.Repeated
		sum.AnswersLost = st.faults.AnswersLost
	})
	return sum
}

// Gaps lists the payment sequences of a reader that never arrived although a
// later one did, or the reader reported one.
func (s *Sandbox) Gaps(readerID string) []Gap {
	var gaps []Gap
	s.view(func(st *state) { gaps = st.gaps(readerID) })
	return gaps
}
