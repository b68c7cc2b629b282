package archtest

import (
	"fmt"
	"regexp"
)

// A row of a table in docs/offline.md starts with the section of the contract it
// is about, such as A5. Behaviour that this reader does not have says "Not here"
// (and never will) or "Not yet", with the reason.
var (
	contractRow = regexp.MustCompile(`(?m)^\|\s*([A-D]\d+)\b.*$`)
	notHere     = regexp.MustCompile(`\bNot (?:here|yet)\b`)
)

// ParseContract returns the tests that the tables of the offline contract name,
// and what is wrong with them: rows that name no test and do not say why,
// sections without a row.
func ParseContract(markdown string, sections []string) (tests []NamedTest, broken []string) {
	rows := map[string]bool{}
	for _, row := range contractRow.FindAllStringSubmatch(markdown, -1) {
		line, section := row[0], row[1]
		rows[section] = true
		named, wrong := rowTests(line)
		if len(named) == 0 && !notHere.MatchString(line) {
			wrong = append(wrong, "a row names no test and does not say \"Not here\" or \"Not yet\": "+line)
		}
		for _, w := range wrong {
			broken = append(broken, fmt.Sprintf("contract %s: %s", section, w))
		}
		tests = append(tests, named...)
	}
	for _, section := range sections {
		if !rows[section] {
			broken = append(broken, fmt.Sprintf("contract %s has no row", section))
		}
	}
	return tests, broken
}

// ContractSections are the sections of the contract that docs/offline.md goes
// through, row by row.
var ContractSections = []string{
	"A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "A11",
	"B1", "B2", "B3", "C1", "C2", "C3", "C4", "C5", "C6", "C7", "D1", "D2", "D3", "D4",
}
