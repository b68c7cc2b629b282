package archtest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// table makes a complete table; rows replaces the row of an invariant.
func table(rows map[int]string) string {
	var b strings.Builder
	b.WriteString("# Invariants\n\n| # | Invariant | Tests |\n|---|---|---|\n")
	for n := 1; n <= invariants; n++ {
		row, ok := rows[n]
		if !ok {
			row = fmt.Sprintf("| %d | x | `TestGood` in `store` |", n)
		}
		b.WriteString(row + "\n")
	}
	return b.String()
}

func TestInvariantTable(t *testing.T) {
	for _, c := range []struct {
		row    string
		broken string
	}{
		{"| 3 | x | `TestGood` in `store`, `FuzzGood` in `lan/wire` |", ""},
		{"| 3. No PAN on disk | `TestGood/sub` in `smartreader/store` |", ""},
		{"| 3 | x | no code yet: PIN comes later |", ""},
		{"| 3 | x | we think so |", "invariant 3: a row names no test"},
		{"| 3 | x | `helper` in `store` |", "invariant 3: a row names no test"},
		{"| 3 | x | `TestLost`; `TestGood` in `store` |", "invariant 3: TestLost is in no folder"},
		{"| 3 | x | `TestGood` in `store`; see also `TestLost/case` |", "invariant 3: TestLost is in no folder"},
		{"| 3 | x | `TestGood` in `store`, FuzzBare in lan |", "invariant 3: FuzzBare is in no folder"},
		{"| 3 | x, see `TestLost` | `TestGood` in `store` |", "invariant 3: TestLost is in no folder"},
		{"| 3 | Test cards are `refused` | `TestGood` and `TestBetter` in `store`; Examples: no code yet |", ""},
		{"", "invariant 3 has no row"},
		{"| 3 | x | no code yet |\n| 12 | x | `TestGood` in `store` |", "there is no invariant 12"},
	} {
		_, broken := ParseInvariants(table(map[int]string{3: c.row}))
		expect(t, c.row, broken, c.broken)
	}
	tests, _ := ParseInvariants("| 1 | x | `TestA` in `store` and `TestB/case 2` in `lan` |\n| 1 | y | `FuzzC` in `lan/wire` |\n" +
		"| 2 | x | `TestD`, `TestE/case Test`, `FuzzF`, and `ExampleG` in `hal`; `TestH` and `TestI` in `display` |")
	want := []NamedTest{
		{"TestA", "store"}, {"TestB", "lan"}, {"FuzzC", "lan/wire"},
		{"TestD", "hal"}, {"TestE", "hal"}, {"FuzzF", "hal"}, {"ExampleG", "hal"}, {"TestH", "display"}, {"TestI", "display"},
	}
	if !slices.Equal(tests, want) {
		t.Errorf("tests %v, want %v", tests, want)
	}
}

func TestNamedTestsMustExist(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "store"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"a_test.go": "package store\nfunc TestGood(t *testing.T) {}\nfunc (x T) TestMethod() {}\n// func TestComment() {}\n",
		"a.go":      "package store\nfunc TestNotInATest() {}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, "store", name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for test, broken := range map[NamedTest]string{
		{"TestGood", "store"}:             "",
		{"TestGood", "smartreader/store"}: "",
		{"TestGood", "./store"}:           "",
		{"TestMethod", "store"}:           "no TestMethod",
		{"TestComment", "store"}:          "no TestComment",
		{"TestNotInATest", "store"}:       "no TestNotInATest",
		{"TestGood", "lan"}:               "no TestGood in lan",
	} {
		expect(t, fmt.Sprint(test), CheckTests(dir, []NamedTest{test}), broken)
	}
}

func FuzzParseInvariants(f *testing.F) {
	f.Add(table(nil))
	f.Add("| 99999999999999999999 | `Test` in `x` |")
	f.Fuzz(func(t *testing.T, markdown string) {
		tests, _ := ParseInvariants(markdown)
		for _, n := range tests {
			if n.Name == "" || n.Folder == "" {
				t.Errorf("a test without a name or folder: %q", n)
			}
		}
	})
}
