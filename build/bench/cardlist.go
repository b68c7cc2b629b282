package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"

	"smartreader/emvkernel"
	"smartreader/emvkernel/emvtest"
)

// cardInfo is one line of GET /control/cards.
type cardInfo struct {
	Name  string `json:"name"`
	About string `json:"about"`
	Group string `json:"group"` // one of the group* headings
}

// The groups of the list, in its order. The first three are the cards that
// Stripe's simulators have; the others exist to test readers.
const (
	groupPay      = "They pay"
	groupVerify   = "They want the cardholder verified; the PIN is 1234"
	groupDeclined = "The issuer declines: offline they are stored, and declined when forwarded"
	groupGood     = "They pay, each in a way of its own"
	groupOdd      = "Something is odd or broken"
)

var (
	shortGroups = []string{groupPay, groupVerify, groupDeclined}
	cardGroups  = append(shortGroups[:len(shortGroups):len(shortGroups)], groupGood, groupOdd)
)

func cardGroup(name string, simulated bool, p *emvtest.Profile) string {
	e, known := p.Expectation()
	pays := known && e.Online != nil && e.Online.Outcome == emvkernel.Approved && !e.Online.Forged
	switch {
	case simulated && strings.HasPrefix(name, "declined-"):
		return groupDeclined
	case simulated && strings.Contains(name, "-pin-"):
		return groupVerify
	case simulated:
		return groupPay
	case pays && !failsAuthentication(e.First.TVR):
		return groupGood
	}
	return groupOdd
}

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
			list = append(list, cardInfo{Name: name, About: p.About, Group: cardGroup(name, simulated[name], p)})
		}
	}
	return list
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
				fmt.Fprintf(w, "%s  %s\t%s\n", heading, card.Name, card.About)
				heading = ""
				rest--
			}
		}
	}
	if rest > 0 {
		fmt.Fprintf(w, "%d more to test readers with: card list all\n", rest)
	}
	return w.Flush()
}
