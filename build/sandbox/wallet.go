package sandbox

import (
	"slices"

	"smartreader/store/seal"
)

// The token requestors of the large wallets, in which a phone's card number was
// made ('9F19'): as several processors publish them, Visa's and Mastercard's.
var wallets = map[string]string{
	"40010030273": "apple_pay", "50110030273": "apple_pay",
	"40010075001": "google_pay", "50120834693": "google_pay",
	"40010043095": "samsung_pay", "50139059239": "samsung_pay",
}

// wallet names the wallet that was tapped, as the public API does: unknown for one
// that does not tell its name, empty for a card. It goes by what the chip says
// unsigned, so it is a hint.
func (d cardData) wallet(h seal.Header) string {
	if !tapped(h) {
		return ""
	}
	if requestor := d.values[0x9F19]; len(requestor) == 6 { // eleven digits behind a zero
		if name, ok := wallets[upper(requestor)[1:]]; ok {
			return name
		}
		return "unknown"
	}
	if d.phone() {
		return "unknown"
	}
	return ""
}

// phone reads '9F6E', which is another data object with each payment system. Visa's form factor
// indicator: the last five bits of its first byte, 3 for a phone. Mastercard's third party data: country
// (2 bytes), identifier (2 bytes) and, unless the identifier's first bit is set, a device type in two
// characters, of which some are phones by where their chip is [unverified].
func (d cardData) phone() bool {
	data, rid := d.values[0x9F6E], d.hex(0x84)
	switch {
	case len(rid) < 10:
		return false
	case rid[:10] == "A000000003":
		return len(data) == 4 && data[0]&0x1F == 3
	case rid[:10] == "A000000004":
		return len(data) >= 6 && data[2]&0x80 == 0 && slices.Contains([]string{"01", "07", "08", "09"}, string(data[4:6]))
	}
	return false
}
