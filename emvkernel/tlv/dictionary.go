package tlv

// Format says how EMV codes a data object, which decides how a value is fitted to the length a data
// object list asks for (EMV Book 3, 4.3 and 5.4).
type Format byte

const (
	Binary              Format = iota // b: bytes or bits
	Numeric                           // n: two digits a byte, right-justified, leading zeros
	CompressedNumeric                 // cn: two digits a byte, left-justified, trailing 'F'
	Alphabetic                        // a: letters only
	Alphanumeric                      // an: letters and digits
	AlphanumericSpecial               // ans: the common character set
)

// String returns EMV's abbreviation.
func (f Format) String() string {
	switch f {
	case Binary:
		return "b"
	case Numeric:
		return "n"
	case CompressedNumeric:
		return "cn"
	case Alphabetic:
		return "a"
	case Alphanumeric:
		return "an"
	case AlphanumericSpecial:
		return "ans"
	default:
		return "?"
	}
}

type entry struct {
	name      string
	format    Format
	sensitive bool
}

// dictionary holds the data objects of EMV Book 3, Annex A, as far as card or terminal exchange them
// over the interface, and of the contactless specifications (EMV Contactless Books B, C-2 and C-3).
var dictionary = map[Tag]entry{
	0x42:   {name: "Issuer Identification Number", format: Numeric},
	0x4F:   {name: "Application Dedicated File (ADF) Name"},
	0x50:   {name: "Application Label", format: AlphanumericSpecial},
	0x56:   {name: "Track 1 Data", format: AlphanumericSpecial, sensitive: true},
	0x57:   {name: "Track 2 Equivalent Data", sensitive: true},
	0x5A:   {name: "Application Primary Account Number (PAN)", format: CompressedNumeric, sensitive: true},
	0x5F20: {name: "Cardholder Name", format: AlphanumericSpecial, sensitive: true},
	0x5F24: {name: "Application Expiration Date", format: Numeric},
	0x5F25: {name: "Application Effective Date", format: Numeric},
	0x5F28: {name: "Issuer Country Code", format: Numeric},
	0x5F2A: {name: "Transaction Currency Code", format: Numeric},
	0x5F2D: {name: "Language Preference", format: Alphanumeric},
	0x5F30: {name: "Service Code", format: Numeric},
	0x5F34: {name: "Application PAN Sequence Number", format: Numeric},
	0x5F36: {name: "Transaction Currency Exponent", format: Numeric},
	0x5F50: {name: "Issuer URL", format: AlphanumericSpecial},
	0x5F53: {name: "International Bank Account Number (IBAN)", sensitive: true},
	0x5F54: {name: "Bank Identifier Code (BIC)"},
	0x5F55: {name: "Issuer Country Code (alpha2)", format: Alphabetic},
	0x5F56: {name: "Issuer Country Code (alpha3)", format: Alphabetic},
	0x5F57: {name: "Account Type", format: Numeric},
	0x61:   {name: "Application Template"},
	0x6F:   {name: "File Control Information (FCI) Template"},
	0x70:   {name: "READ RECORD Response Message Template"},
	0x71:   {name: "Issuer Script Template 1"},
	0x72:   {name: "Issuer Script Template 2"},
	0x73:   {name: "Directory Discretionary Template"},
	0x77:   {name: "Response Message Template Format 2"},
	0x80:   {name: "Response Message Template Format 1"},
	0x81:   {name: "Amount, Authorised (Binary)"},
	0x82:   {name: "Application Interchange Profile"},
	0x83:   {name: "Command Template"},
	0x84:   {name: "Dedicated File (DF) Name"},
	0x86:   {name: "Issuer Script Command"},
	0x87:   {name: "Application Priority Indicator"},
	0x88:   {name: "Short File Identifier (SFI)"},
	0x89:   {name: "Authorisation Code", format: AlphanumericSpecial},
	0x8A:   {name: "Authorisation Response Code", format: Alphanumeric},
	0x8C:   {name: "Card Risk Management Data Object List 1 (CDOL1)"},
	0x8D:   {name: "Card Risk Management Data Object List 2 (CDOL2)"},
	0x8E:   {name: "Cardholder Verification Method (CVM) List"},
	0x8F:   {name: "Certification Authority Public Key Index"},
	0x90:   {name: "Issuer Public Key Certificate"},
	0x91:   {name: "Issuer Authentication Data"},
	0x92:   {name: "Issuer Public Key Remainder"},
	0x93:   {name: "Signed Static Application Data"},
	0x94:   {name: "Application File Locator (AFL)"},
	0x95:   {name: "Terminal Verification Results"},
	0x97:   {name: "Transaction Certificate Data Object List (TDOL)"},
	0x98:   {name: "Transaction Certificate (TC) Hash Value"},
	0x99:   {name: "Transaction Personal Identification Number (PIN) Data", sensitive: true},
	0x9A:   {name: "Transaction Date", format: Numeric},
	0x9B:   {name: "Transaction Status Information"},
	0x9C:   {name: "Transaction Type", format: Numeric},
	0x9D:   {name: "Directory Definition File (DDF) Name"},
	0x9F01: {name: "Acquirer Identifier", format: Numeric},
	0x9F02: {name: "Amount, Authorised (Numeric)", format: Numeric},
	0x9F03: {name: "Amount, Other (Numeric)", format: Numeric},
	0x9F04: {name: "Amount, Other (Binary)"},
	0x9F05: {name: "Application Discretionary Data"},
	0x9F06: {name: "Application Identifier (AID) - terminal"},
	0x9F07: {name: "Application Usage Control"},
	0x9F08: {name: "Application Version Number (card)"},
	0x9F09: {name: "Application Version Number (terminal)"},
	0x9F0A: {name: "Application Selection Registered Proprietary Data"},
	0x9F0B: {name: "Cardholder Name Extended", format: AlphanumericSpecial, sensitive: true},
	0x9F0D: {name: "Issuer Action Code - Default"},
	0x9F0E: {name: "Issuer Action Code - Denial"},
	0x9F0F: {name: "Issuer Action Code - Online"},
	0x9F10: {name: "Issuer Application Data"},
	0x9F11: {name: "Issuer Code Table Index", format: Numeric},
	0x9F12: {name: "Application Preferred Name", format: AlphanumericSpecial},
	0x9F13: {name: "Last Online Application Transaction Counter (ATC) Register"},
	0x9F14: {name: "Lower Consecutive Offline Limit"},
	0x9F15: {name: "Merchant Category Code", format: Numeric},
	0x9F16: {name: "Merchant Identifier", format: AlphanumericSpecial},
	0x9F17: {name: "Personal Identification Number (PIN) Try Counter"},
	0x9F18: {name: "Issuer Script Identifier"},
	0x9F19: {name: "Token Requestor ID", format: Numeric},
	0x9F1A: {name: "Terminal Country Code", format: Numeric},
	0x9F1B: {name: "Terminal Floor Limit"},
	0x9F1C: {name: "Terminal Identification", format: Alphanumeric},
	0x9F1D: {name: "Terminal Risk Management Data"},
	0x9F1E: {name: "Interface Device (IFD) Serial Number", format: Alphanumeric},
	0x9F1F: {name: "Track 1 Discretionary Data", format: AlphanumericSpecial, sensitive: true},
	0x9F20: {name: "Track 2 Discretionary Data", format: CompressedNumeric, sensitive: true},
	0x9F21: {name: "Transaction Time", format: Numeric},
	0x9F22: {name: "Certification Authority Public Key Index (terminal)"},
	0x9F23: {name: "Upper Consecutive Offline Limit"},
	0x9F24: {name: "Payment Account Reference (PAR)", format: Alphanumeric},
	0x9F25: {name: "Last 4 Digits of PAN", format: Numeric},
	0x9F26: {name: "Application Cryptogram"},
	0x9F27: {name: "Cryptogram Information Data"},
	0x9F2D: {name: "ICC PIN Encipherment Public Key Certificate"},
	0x9F2E: {name: "ICC PIN Encipherment Public Key Exponent"},
	0x9F2F: {name: "ICC PIN Encipherment Public Key Remainder"},
	0x9F32: {name: "Issuer Public Key Exponent"},
	0x9F33: {name: "Terminal Capabilities"},
	0x9F34: {name: "Cardholder Verification Method (CVM) Results"},
	0x9F35: {name: "Terminal Type", format: Numeric},
	0x9F36: {name: "Application Transaction Counter (ATC)"},
	0x9F37: {name: "Unpredictable Number"},
	0x9F38: {name: "Processing Options Data Object List (PDOL)"},
	0x9F39: {name: "Point-of-Service (POS) Entry Mode", format: Numeric},
	0x9F3A: {name: "Amount, Reference Currency (Binary)"},
	0x9F3B: {name: "Application Reference Currency", format: Numeric},
	0x9F3C: {name: "Transaction Reference Currency Code", format: Numeric},
	0x9F3D: {name: "Transaction Reference Currency Exponent", format: Numeric},
	0x9F40: {name: "Additional Terminal Capabilities"},
	0x9F41: {name: "Transaction Sequence Counter", format: Numeric},
	0x9F42: {name: "Application Currency Code", format: Numeric},
	0x9F43: {name: "Application Reference Currency Exponent", format: Numeric},
	0x9F44: {name: "Application Currency Exponent", format: Numeric},
	0x9F45: {name: "Data Authentication Code"},
	0x9F46: {name: "ICC Public Key Certificate"},
	0x9F47: {name: "ICC Public Key Exponent"},
	0x9F48: {name: "ICC Public Key Remainder"},
	0x9F49: {name: "Dynamic Data Authentication Data Object List (DDOL)"},
	0x9F4A: {name: "Static Data Authentication Tag List"},
	0x9F4B: {name: "Signed Dynamic Application Data"},
	0x9F4C: {name: "ICC Dynamic Number"},
	0x9F4D: {name: "Log Entry"},
	0x9F4E: {name: "Merchant Name and Location", format: AlphanumericSpecial},
	0x9F4F: {name: "Log Format"},
	0x9F5B: {name: "Issuer Script Results"},
	0xA5:   {name: "File Control Information (FCI) Proprietary Template"},
	0xBF0C: {name: "File Control Information (FCI) Issuer Discretionary Data"},

	// Contactless. Where payment systems give one tag different meanings the name has both, or the other stands beside
	// it: who reads a value has to know whose card it is of. Names are those of at least two
	// public lists, else [unverified].
	0x9F29: {name: "Extended Selection"},
	0x9F2A: {name: "Kernel Identifier"},
	0x9F50: {name: "Offline Accumulator Balance"},
	0x9F51: {name: "DRDOL"}, // contact cards: an application's currency
	0x9F52: {name: "Application Default Action (ADA) / Card Verification Results"},
	0x9F53: {name: "Transaction Category Code", format: Alphanumeric},
	0x9F54: {name: "DS ODS Card"},
	0x9F5A: {name: "Application Program Identifier"},
	0x9F5C: {name: "DS Requested Operator ID"},
	0x9F5D: {name: "Application Capabilities Information / Available Offline Spending Amount"},
	0x9F5E: {name: "DS ID", sensitive: true}, // account number and its sequence number
	0x9F5F: {name: "DS Slot Availability"},
	0x9F60: {name: "CVC3 (Track1) / Authenticated Application Data"},
	0x9F61: {name: "CVC3 (Track2)"},
	0x9F62: {name: "PCVC3 (Track1)"},
	0x9F63: {name: "PUNATC (Track1)"},
	0x9F64: {name: "NATC (Track1)"},
	0x9F65: {name: "PCVC3 (Track2)"},
	0x9F66: {name: "Terminal Transaction Qualifiers (TTQ)"}, // of a Mastercard card in magnetic stripe mode: PUNATC (Track2)
	0x9F67: {name: "NATC (Track2) / MSD Offset"},
	0x9F68: {name: "Card Additional Processes"},
	0x9F69: {name: "Card Authentication Related Data"}, // of a Mastercard card: UDOL
	0x9F6A: {name: "Unpredictable Number (Numeric)", format: Numeric},
	0x9F6B: {name: "Track 2 Data (contactless)", sensitive: true},
	0x9F6C: {name: "Card Transaction Qualifiers (CTQ)"}, // of a Mastercard card: mag-stripe application version number
	0x9F6D: {name: "Mag-stripe Application Version Number (Reader)"},
	0x9F6E: {name: "Form Factor Indicator / Third Party Data"},
	0x9F6F: {name: "DS Slot Management Control"},
	0x9F70: {name: "Protected Data Envelope 1"},
	0x9F71: {name: "Protected Data Envelope 2"},
	0x9F72: {name: "Protected Data Envelope 3"},
	0x9F73: {name: "Protected Data Envelope 4"},
	0x9F74: {name: "Protected Data Envelope 5"},
	0x9F75: {name: "Unprotected Data Envelope 1"},
	0x9F76: {name: "Unprotected Data Envelope 2"},
	0x9F77: {name: "Unprotected Data Envelope 3"},
	0x9F78: {name: "Unprotected Data Envelope 4"},
	0x9F79: {name: "Unprotected Data Envelope 5"},
	0x9F7C: {name: "Customer Exclusive Data / Merchant Custom Data"},
	0x9F7D: {name: "DS Summary 1"},
	0x9F7E: {name: "Mobile Support Indicator"},
	0x9F7F: {name: "DS Unpredictable Number"},
	0xDF4B: {name: "POS Cardholder Interaction Information"},
	0xDF60: {name: "DS Input (Card)"},
	0xDF61: {name: "DS Digest H"},
	0xDF62: {name: "DS ODS Info"},
	0xDF63: {name: "DS ODS Term"},

	// The kernel's own of Book C-2.
	0xDF8104: {name: "Balance Read Before Gen AC", format: Numeric},
	0xDF8105: {name: "Balance Read After Gen AC", format: Numeric},
	0xDF8106: {name: "Data Needed"},
	0xDF8107: {name: "CDOL1 Related Data"},
	0xDF8108: {name: "DS AC Type"},
	0xDF8109: {name: "DS Input (Term)"},
	0xDF810A: {name: "DS ODS Info For Reader"},
	0xDF810B: {name: "DS Summary Status"},
	0xDF810C: {name: "Kernel ID"},
	0xDF810D: {name: "DSVN Term"},
	0xDF810E: {name: "Post-Gen AC Put Data Status"},
	0xDF810F: {name: "Pre-Gen AC Put Data Status"},
	0xDF8110: {name: "Proceed To First Write Flag"},
	0xDF8111: {name: "PDOL Related Data"},
	0xDF8112: {name: "Tags To Read"},
	0xDF8113: {name: "DRDOL Related Data"},
	0xDF8114: {name: "Reference Control Parameter"},
	0xDF8115: {name: "Error Indication"},
	0xDF8116: {name: "User Interface Request Data"},
	0xDF8117: {name: "Card Data Input Capability"},
	0xDF8118: {name: "CVM Capability - CVM Required"},
	0xDF8119: {name: "CVM Capability - No CVM Required"},
	0xDF811A: {name: "Default UDOL"},
	0xDF811B: {name: "Kernel Configuration"},
	0xDF811C: {name: "Max Lifetime of Torn Transaction Log Record"},
	0xDF811D: {name: "Max Number of Torn Transaction Log Records"},
	0xDF811E: {name: "Mag-stripe CVM Capability - CVM Required"},
	0xDF811F: {name: "Security Capability"},
	0xDF8120: {name: "Terminal Action Code - Default"},
	0xDF8121: {name: "Terminal Action Code - Denial"},
	0xDF8122: {name: "Terminal Action Code - Online"},
	0xDF8123: {name: "Reader Contactless Floor Limit", format: Numeric},
	0xDF8124: {name: "Reader Contactless Transaction Limit (No On-device CVM)", format: Numeric},
	0xDF8125: {name: "Reader Contactless Transaction Limit (On-device CVM)", format: Numeric},
	0xDF8126: {name: "Reader CVM Required Limit", format: Numeric},
	0xDF8127: {name: "Time Out Value"},
	0xDF8128: {name: "IDS Status"},
	0xDF8129: {name: "Outcome Parameter Set"},
	0xDF812A: {name: "DD Card (Track1)", format: AlphanumericSpecial, sensitive: true},
	0xDF812B: {name: "DD Card (Track2)", sensitive: true},
	0xDF812C: {name: "Mag-stripe CVM Capability - No CVM Required"},
	0xDF812D: {name: "Message Hold Time", format: Numeric},
	0xDF8130: {name: "Hold Time Value"},
	0xDF8131: {name: "Phone Message Table"},
	0xDF8132: {name: "Minimum Relay Resistance Grace Period"},
	0xDF8133: {name: "Maximum Relay Resistance Grace Period"},
	0xDF8134: {name: "Terminal Expected Transmission Time For Relay Resistance C-APDU"},
	0xDF8135: {name: "Terminal Expected Transmission Time For Relay Resistance R-APDU"},
	0xDF8136: {name: "Relay Resistance Accuracy Threshold"},
	0xDF8137: {name: "Relay Resistance Transmission Time Mismatch Threshold"},
	// What relay resistance measured; all but the last [unverified].
	0xDF8301: {name: "Terminal Relay Resistance Entropy"},
	0xDF8302: {name: "Device Relay Resistance Entropy"},
	0xDF8303: {name: "Min Time For Processing Relay Resistance APDU"},
	0xDF8304: {name: "Max Time For Processing Relay Resistance APDU"},
	0xDF8305: {name: "Device Estimated Transmission Time For Relay Resistance R-APDU"},
	0xDF8306: {name: "Measured Relay Resistance Processing Time"},
	0xDF8307: {name: "RRP Counter"},
	0xFF8101: {name: "Torn Record"},
	0xFF8102: {name: "Tags To Write Before Gen AC"},
	0xFF8103: {name: "Tags To Write After Gen AC"},
	0xFF8104: {name: "Data To Send"},
	0xFF8105: {name: "Data Record"},
	0xFF8106: {name: "Discretionary Data"},
}
