package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"

	"smartreader/emvkernel/emvtest"
)

// cardInfo is one line of GET /control/cards.
type cardInfo struct {
	Name  string `json:"name"`
	About string `json:"about"`
	Group string `json:"group"` // one of the group* headings
}

// The groups of the list, in its order.
const (
	groupPay      = "They pay"
	groupVerify   = "They want the cardholder verified; the PIN is 1234"
	groupDeclined = "The issuer declines: offline they are stored, and declined when forwarded"
	groupOdd      = "Something is odd or broken"
)

var cardGroups = []string{groupPay, groupVerify, groupDeclined, groupOdd}

// cardGroup finds a card's group by its name. The cards that Stripe's
// simulators do not have exist to test readers.
func cardGroup(name string, simulated bool) string {
	switch {
	case strings.HasPrefix(name, "declined-"):
		return groupDeclined
	case strings.Contains(name, "-pin-"):
		return groupVerify
	case simulated:
		return groupPay
	}
	return groupOdd
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
		info := cardInfo{Name: name, Group: cardGroup(name, simulated[name])}
		if p, err := emvtest.Load(name); err == nil {
			info.About = p.About
		}
		list = append(list, info)
	}
	return list
}

func (c Client) listCards(ctx context.Context, stdout io.Writer) error {
	var list []cardInfo
	if err := c.Do(ctx, http.MethodGet, "cards", nil, &list); err != nil {
		return err
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for _, group := range cardGroups {
		heading := group + ":\n"
		for _, card := range list {
			if card.Group == group {
				fmt.Fprintf(w, "%s  %s\t%s\n", heading, card.Name, card.About)
				heading = ""
			}
		}
	}
	return w.Flush()
}
