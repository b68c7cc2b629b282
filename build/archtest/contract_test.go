package archtest

import (
	"slices"
	"testing"
)

func TestContractTable(t *testing.T) {
	for _, c := range []struct{ table, broken string }{
		{"| A3 connect | x | `TestGood` in `store` |\n| A3 | y | Not here: no phone |", ""},
		{"| A3 | x | Not yet: needs contactless |", ""},
		{"| A3 | x | we think so |", "contract A3: a row names no test"},
		{"| A3 | x | `TestGood` in `store`, `TestStray` |", "contract A3: TestStray is in no folder"},
		{"| A4 | x | `TestGood` in `store` |", "contract A3 has no row"},
	} {
		_, broken := ParseContract(c.table, []string{"A3"})
		expect(t, c.table, broken, c.broken)
	}
	tests, _ := ParseContract("| A3 | x | `TestA`, `TestB` in `lan` |\n| D2 | y | `TestC/visa` in `build/sandbox` |", nil)
	if want := []NamedTest{{"TestA", "lan"}, {"TestB", "lan"}, {"TestC", "build/sandbox"}}; !slices.Equal(tests, want) {
		t.Errorf("tests %v, want %v", tests, want)
	}
}

func FuzzParseContract(f *testing.F) {
	f.Add("| A3 | x | `TestA` in `lan` |")
	f.Add("| A3 | Not yet |\n| D2")
	f.Fuzz(func(t *testing.T, markdown string) {
		tests, _ := ParseContract(markdown, ContractSections)
		for _, n := range tests {
			if n.Name == "" || n.Folder == "" {
				t.Errorf("a test without a name or folder: %q", n)
			}
		}
	})
}
