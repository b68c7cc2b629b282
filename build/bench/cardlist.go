package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
	"smartreader/emvkernel/tap"
)

// cardInfo is one line of GET /control/cards.
type cardInfo struct {
	Name   string `json:"name"`
	Number string `json:"number,omitempty"` // of those that can be called by it
	About  string `json:"about"`
	Group  string `json:"group"` // one of the group* headings
}

// The groups of the list, in its order. The first three are the cards that
// Stripe's simulators have; the others exist to test readers.
const (
	groupPay      = "They pay"
	groupVerify   = "They want the cardholder verified; the PIN is 1234"
	groupDeclined = "The issuer declines: offline they are stored, and declined when forwarded"
	groupGood     = "They pay, each in a way of its own"
	groupRefused  = "They work, and are declined"
	groupTap      = "Made to be tapped: the issuer is asked, some by the second try or with a PIN"
	groupTapOdd   = "Made to be tapped: refused, sent to the slot, or odd"
	groupOther    = "For other payments and terminals than these: cash, cashback, other countries"
	groupOdd      = "Something is odd or broken"
)

var (
	shortGroups = []string{groupPay, groupVerify, groupDeclined}
	cardGroups  = append(shortGroups[:len(shortGroups):len(shortGroups)], groupGood, groupRefused, groupTap, groupTapOdd, groupOther, groupOdd)
)

func cardGroup(name string, simulated bool, p *emvtest.Profile) string {
	switch {
	case simulated && strings.HasPrefix(name, "declined-"):
		return groupDeclined
	case simulated && strings.Contains(name, "-pin-"):
		return groupVerify
	case simulated:
		return groupPay
	}
	e, known := p.Expectation()
	if _, tapped, ok := p.TapExpectation(); ok && !known {
		if tapped.Kind == tap.OnlineRequest && !tapped.Forged {
			return groupTap
		}
		return groupTapOdd
	}
	end := e.First
	if e.Online != nil {
		end = *e.Online
	}
	pay := e.Payment
	switch {
	case !known, strings.HasPrefix(name, "pulled-"), failsAuthentication(e.First.TVR), end.Forged, end.Reverse:
		return groupOdd
	case pay.Type != 0, pay.Cashback != 0, pay.Terminal != attended, pay.Country != homeCountry, pay.Currency != homeCountry:
		return groupOther
	case end.Outcome == emvkernel.Approved:
		return groupGood
	case e.First.Authenticated && end.Outcome == emvkernel.Declined:
		return groupRefused
	}
	return groupOdd
}

// The simulated reader and its shop: an attended terminal in the US, with the
// dollar (ISO 3166 and 4217 number it alike).
const (
	attended    = 22
	homeCountry = 840
)

func failsAuthentication(tvr *emvkernel.TVR) bool {
	return tvr != nil && (tvr.Has(emvkernel.SDAFailed) || tvr.Has(emvkernel.DDAFailed) || tvr.Has(emvkernel.CDAFailed))
}

func cardList() []cardInfo {
	simulated := map[string]bool{}
	for _, method := range emvtest.PaymentMethods() {
		if name, ok := emvtest.ByPaymentMethod(method); ok {
			simulated[name] = true
		}
	}
	list := []cardInfo{}
	for _, name := range emvtest.Profiles() {
		if p, err := emvtest.Load(name); err == nil {
			list = append(list, cardInfo{Name: name, Number: callNumber(name, p), About: p.About, Group: cardGroup(name, simulated[name], p)})
		}
	}
	slices.SortStableFunc(list, func(a, b cardInfo) int { return natural(a.Name, b.Name) })
	return list
}

// callNumber is the number that means this card, empty for one of many with
// theirs.
func callNumber(name string, p *emvtest.Profile) string {
	for line := range strings.Lines(p.Text()) {
		number, ok := strings.CutPrefix(strings.TrimSpace(line), "pan ")
		if profile, known := emvtest.ByNumber(number); ok && known && profile == name {
			return number
		}
	}
	return ""
}

// natural compares names word by word: visa comes before visa-debit, and
// discover before discover2.
func natural(a, b string) int {
	return slices.Compare(strings.Split(a, "-"), strings.Split(b, "-"))
}

// listCards lists the cards of the groups; those it leaves out are counted.
func (c Client) listCards(ctx context.Context, groups []string, stdout io.Writer) error {
	var list []cardInfo
	if err := c.Do(ctx, http.MethodGet, "cards", nil, &list); err != nil {
		return err
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	rest := len(list)
	for _, group := range groups {
		heading := group + ":\n"
		for _, card := range list {
			if card.Group == group {
				fmt.Fprintf(w, "%s  %s\t%s\t%s\n", heading, card.Name, card.Number, card.About)
				heading = ""
				rest--
			}
		}
	}
	if rest > 0 {
		fmt.Fprintf(w, "By tap Visa and Mastercard are taken; the reader asks for the others to be inserted.\nPhones, cards made to be tapped, and %d more to test readers with: card list all\n", rest)
	}
	return w.Flush()
}
