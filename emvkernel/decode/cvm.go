package decode

import (
	"encoding/binary"
	"fmt"
)

// cvmCodes: EMV Book 3, Annex C3, "CVM Codes", without the bit for the succeeding rule.
var cvmCodes = map[byte]string{
	0x00: "fail CVM processing", 0x01: "plaintext PIN verified by the card", 0x02: "enciphered PIN verified online",
	0x03: "plaintext PIN verified by the card and signature", 0x04: "enciphered PIN verified by the card",
	0x05: "enciphered PIN verified by the card and signature",
	0x06: "face verified by the card (EMV 4.4)", 0x07: "face verified online (EMV 4.4)", 0x08: "finger verified by the card (EMV 4.4)",
	0x09: "finger verified online (EMV 4.4)", 0x0A: "palm verified by the card (EMV 4.4)", 0x0B: "palm verified online (EMV 4.4)",
	0x0C: "iris verified by the card (EMV 4.4)", 0x0D: "iris verified online (EMV 4.4)", 0x0E: "voice verified by the card (EMV 4.4)",
	0x0F: "voice verified online (EMV 4.4)", 0x1E: "signature", 0x1F: "no CVM required",
}

// cvmConditions: EMV Book 3, Annex C3, "CVM Condition Codes".
var cvmConditions = []string{
	"always", "if unattended cash", "if not unattended cash, not manual cash and not purchase with cashback",
	"if the terminal supports the CVM", "if manual cash", "if purchase with cashback",
	"if in the application currency and under X", "if in the application currency and over X",
	"if in the application currency and under Y", "if in the application currency and over Y",
}

func cvmCode(code byte) string {
	code &^= 0x40
	if name, ok := cvmCodes[code]; ok {
		return name
	}
	switch {
	case code < 0x20:
		return "reserved by EMV"
	case code < 0x30:
		return "reserved by the payment systems"
	case code < 0x3F:
		return "reserved by the issuer"
	}
	return "no CVM performed"
}

func cvmCondition(code byte) string {
	if int(code) < len(cvmConditions) {
		return cvmConditions[code]
	}
	return fmt.Sprintf("on reserved condition %02X", code)
}

// cvmRule decodes one rule of the list: code and condition.
func cvmRule(code, condition byte) string {
	meaning := cvmCode(code) + ", " + cvmCondition(condition)
	if code&0x40 != 0 {
		return meaning + "; if unsuccessful apply the next rule"
	}
	return meaning + "; if unsuccessful fail"
}

// CVMList decodes '8E': amounts X and Y and rules (EMV Book 3, 10.5 and Annex C3).
func CVMList(b []byte) (Item, error) {
	const name = "CVM List"
	if len(b) < 8 || len(b)%2 != 0 {
		return Item{}, wrong(name, len(b), "8 and two for each rule")
	}
	out := Item{Name: name, Value: hexOf(b), Items: []Item{
		{Name: "amount X", Meaning: fmt.Sprint(binary.BigEndian.Uint32(b))},
		{Name: "amount Y", Meaning: fmt.Sprint(binary.BigEndian.Uint32(b[4:]))},
	}}
	for i := 8; i < len(b); i += 2 {
		out.Items = append(out.Items, Item{Name: fmt.Sprintf("rule %d", i/2-3), Value: hexOf(b[i : i+2]), Meaning: cvmRule(b[i], b[i+1])})
	}
	return out, nil
}

// CVMResults decodes '9F34' (EMV Book 4, Annex A4).
func CVMResults(b []byte) (Item, error) {
	const name = "CVM Results"
	if len(b) != 3 {
		return Item{}, wrong(name, len(b), "3")
	}
	result := fmt.Sprintf("reserved result %02X", b[2])
	if results := []string{"unknown", "failed", "successful"}; int(b[2]) < len(results) {
		result = results[b[2]]
	}
	performed := Item{Name: "method", Value: hexOf(b[:1]), Meaning: cvmCode(b[0])}
	condition := Item{Name: "condition", Value: hexOf(b[1:2]), Meaning: cvmCondition(b[1])}
	return Item{Name: name, Value: hexOf(b), Items: []Item{performed, condition, {Name: "result", Value: hexOf(b[2:]), Meaning: result}}}, nil
}
