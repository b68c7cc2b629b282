package archtest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// index makes a clause index with every numbered row, and with the rows given.
func index(rows string) string {
	var b strings.Builder
	for _, name := range Contact.numbered() {
		if row := "| " + name + " |"; !strings.Contains(rows, row) {
			fmt.Fprintf(&b, "%s x | Yes | `TestGood` in `store` |\n", row)
		}
	}
	return b.String() + rows
}

func contactWith(sections ...string) Index {
	x := Contact
	x.Sections = sections
	return x
}

func TestClauseTable(t *testing.T) {
	const good = "| Book 3, 10.5.1 Offline PIN | asks | Yes | `store/a.go` | `TestGood` in `store` | R, U |"
	for _, c := range []struct{ row, broken string }{
		{good, ""},
		{good + "\n| Book 3, 10.5.1 the same | asks. Reason: no text | No | none | none | [unverified] |", ""},
		{good + "\n| Book 4, Annex A2 | asks | Yes | `store/a.go` | `TestGood` in `store` | R, U |", ""},
		{"| Book 3, 10.5 | x | Yes | `store/a.go` | `TestGood` in `store` | R, U |", "Book 3, 10.5.1 has no row"},
		{good + "\n| Book 5, 1 | x | Yes | `store/a.go` | `TestGood` in `store` | R, U |", "not a clause: Book 5, 1"},
		{"| Book 3, 10.5.1 | x | Maybe | `store/a.go` | `TestGood` in `store` | R, U |", `state "Maybe"`},
		{"| Book 3, 10.5.1 | x | Yes | `store/a.go` | none | R, U |", "no test is named"},
		{"| Book 3, 10.5.1 | x | Yes | none | `TestGood` in `store` | R, U |", "no code is named"},
		{"| Book 3, 10.5.1 | x | Partial | `store/a.go` | `TestGood` in `store` | R, U |", `no "Reason:" says why`},
		{"| Book 3, 10.5.1 | x | No | none | none | R, U |", `no "Reason:" says why`},
		{"| Book 3, 10.5.1 | x | Yes | `store/a.go` | `TestGood` in `store` | R |", "want two, or [unverified]"},
		{"| Book 3, 10.5.1 | x | Yes | `store/a.go` | `TestGood` in `store` | R, R |", "want two, or [unverified]"},
		{"| Book 3, 10.5.1 | x | Yes | `store/a.go` | `TestGood` in `store` | |", "want two, or [unverified]"},
		{"| Book 3, 10.5.1 | x | Yes | `store/a.go` | `TestGood` in `store` | R, X, U |", "source X is not in the legend"},
		{"| Book 3, 10.5.1 | x. Reason: old | Yes | `store/a.go` | `TestGood` in `store` | R, U |", "write Partial, or take it out"},
		{"| Book 3, 10.5.1 | x. Reason: half | Partial | `store/a.go` | `TestGood` in `store` | R, U |", ""},
		{"| Book 3, Annex G | x | Yes | `store/a.go` | `TestGood` in `store` | R, U |\n" + good, "not a clause: Book 3, Annex G"},
		{"| Book 3, 10.5.1 | x | Yes | `TestGood` in `store` | R, U |", "5 cells, want 6"},
		{"| Book 3, 10.5.1 | x | Yes | `store/a.go` | `TestGood` in `store`, `TestStray` | R, U |", "TestStray is in no folder"},
		{good + "\n| Fact 3 | x | Yes | none |", "Fact 3: Yes, but no test is named"},
		{good + "\n| Fact 3 | x | `TestGood` in `store` |", "Fact 3: 3 cells, want 4"},
		{good + "\n| Fact 30 | x | Yes | `TestGood` in `store` |", "there is no Fact 30"},
		{good + "\n| Fact 07 | x | Yes | `TestGood` in `store` |", "there is no Fact 07"},
		{good + "\n| Deferral 2 | x | Maybe | `TestGood` in `store` |", `Deferral 2: state "Maybe"`},
	} {
		_, broken := ParseClauses(index(c.row), contactWith("3, 10.5.1"))
		expect(t, c.row, broken, c.broken)
	}
	_, broken := ParseClauses(strings.Replace(index(good), "| Fact 7 |", "| Fact seven |", 1), contactWith())
	expect(t, "without fact 7", broken, "Fact 7 has no row")

	found, _ := ParseClauses(index(good), contactWith())
	if want := []string{"store/a.go"}; !slices.Equal(found.Files, want) {
		t.Errorf("files %v, want %v", found.Files, want)
	}
	if want := (NamedTest{"TestGood", "store"}); len(found.Tests) != 29+11+1 || found.Tests[40] != want {
		t.Errorf("tests %v, want those of the numbered rows and %v", found.Tests, want)
	}
	if len(found.Facts) != 29 || len(found.Facts[29]) != 1 {
		t.Errorf("facts %v, want 29 with a test each", found.Facts)
	}
	if found.States["Yes"] != 1 {
		t.Errorf("states %v, want one Yes", found.States)
	}
}

func TestNamedFilesMustExist(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(t, "a.go", CheckFiles(dir, []string{"a.go"}), "")
	expect(t, "b.go", CheckFiles(dir, []string{"a.go", "b.go"}), "there is no b.go")
}

func TestFactsAreNamedByTheirTests(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"a_test.go":   "package x\n\n// EMV facts 3, 5\n// and 7 to 9: so.\nfunc TestA() {}\n\nfunc TestB() {\n\t// EMV fact 12.\n}\n",
		"b_test.go":   "package x\n\n// EMV fact 20.\nfunc TestC() {}\n",
		"bad_test.go": "package",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for fact, told := range map[int]bool{3: true, 4: false, 5: true, 6: false, 7: true, 8: true, 9: true, 10: false, 12: true, 20: false} {
		broken := ""
		if !told {
			broken = fmt.Sprintf("Fact %d: no comment", fact)
		}
		expect(t, fmt.Sprint(fact), CheckFacts(dir, map[int][]NamedTest{fact: {{"TestA", "."}, {"TestB", "."}}}), broken)
	}
	expect(t, "no tests", CheckFacts(dir, map[int][]NamedTest{99: nil}), "")
}

func FuzzParseClauses(f *testing.F) {
	f.Add(index("| Book 3, 10.5.1 | x | Yes | `store/a.go` | `TestGood` in `store` | R, U |"))
	f.Add("| Book")
	f.Add("| Fact 99999999999999999999 |")
	f.Fuzz(func(t *testing.T, markdown string) {
		found, _ := ParseClauses(markdown, Contact)
		for _, n := range found.Tests {
			if n.Name == "" || n.Folder == "" {
				t.Errorf("a test without a name or folder: %q", n)
			}
		}
	})
}
