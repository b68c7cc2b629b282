package emvtest

import (
	"fmt"
	"strings"
)

// maxCVMRules keeps the signed record within one APDU.
const maxCVMRules = 16

// orNextRule is b7 of a CVM code: a failing rule goes on to the next (EMV Book 3, Annex C3).
const orNextRule = 0x40

// cvmMethods and cvmConditions are the words for the codes of EMV Book 3, Annex C3.
var cvmMethods = []struct {
	word string
	code byte
}{
	{"fail", 0x00}, {"plain-pin", 0x01}, {"online-pin", 0x02}, {"plain-pin-signature", 0x03},
	{"enciphered-pin", 0x04}, {"enciphered-pin-signature", 0x05}, {"signature", 0x1E}, {"none", 0x1F},
}

var cvmConditions = []string{
	"always", "unattended-cash", "not-cash", "if-supported", "manual-cash", "cashback",
	"under-x", "over-x", "under-y", "over-y",
}

// cvmSetting is a list of rules, one on each line.
func cvmSetting(word string, rules field[application, []cvmRule]) setting {
	return setting{
		word: word, repeats: true,
		app: func(a *application, value string, first bool) error {
			list := rules(a)
			if first {
				*list = nil
			}
			if value == "off" {
				if !first {
					return fmt.Errorf("%s off stands beside rules; remove one or the other", word)
				}
				return nil
			}
			rule, ok := parseCVM(value)
			if !ok {
				return fmt.Errorf("%s %q is not a rule; write a method, a condition and, if a failure may go on, or-next: "+
					"%s signature if-supported or-next", word, value, word)
			}
			if len(*list) == maxCVMRules {
				return fmt.Errorf("more than %d %s rules", maxCVMRules, word)
			}
			*list = append(*list, rule)
			return nil
		},
		appText: func(a *application) []string {
			if len(*rules(a)) == 0 {
				return []string{"off"}
			}
			var lines []string
			for _, rule := range *rules(a) {
				lines = append(lines, rule.text())
			}
			return lines
		},
	}
}

func parseCVM(value string) (rule cvmRule, ok bool) {
	fields := strings.Fields(value)
	if len(fields) == 3 && fields[2] == "or-next" {
		rule.code = orNextRule
		fields = fields[:2]
	}
	if len(fields) != 2 {
		return rule, false
	}
	method, condition := -1, -1
	for _, m := range cvmMethods {
		if m.word == fields[0] {
			method = int(m.code)
		}
	}
	for i, word := range cvmConditions {
		if word == fields[1] {
			condition = i
		}
	}
	rule.code |= byte(method)
	rule.condition = byte(condition)
	return rule, method >= 0 && condition >= 0
}

func (r cvmRule) text() string {
	out := ""
	for _, m := range cvmMethods {
		if m.code == r.code&^orNextRule {
			out = m.word
		}
	}
	out += " " + cvmConditions[r.condition]
	if r.code&orNextRule != 0 {
		out += " or-next"
	}
	return out
}
