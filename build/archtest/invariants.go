package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Invariants are numbered 1 to this in design and documentation.
const invariants = 11

// A row of the table in docs/invariants.md starts with the invariant's number;
// an invariant may have several rows. Tests are named as `TestA` in `folder`,
// or as a group: `TestA`, `TestB/case` and `FuzzC` in `folder`. A row whose code
// does not exist yet says "no code yet".
var (
	invariantRow   = regexp.MustCompile(`^\|\s*(\d+)\b`)
	invariantGroup = regexp.MustCompile("((?:" + quotedTest + `(?:,|,? and)\s+)*` + quotedTest + ") in `([^`]+)`")
	invariantTest  = regexp.MustCompile("`((?:Test|Fuzz|Example)\\w*)[^`]*`")
	strayTest      = regexp.MustCompile(`\b(?:Test|Fuzz|Example)[A-Z_]\w*`)
	noCode         = regexp.MustCompile(`(?i)no code yet`)
)

const quotedTest = "`(?:Test|Fuzz|Example)\\w*[^`]*`"

// NamedTest is a test that the table names.
type NamedTest struct{ Name, Folder string }

// ParseInvariants returns the tests that a table names, and what is wrong with
// the table: invariants without a row, rows that name no test, names that are in
// no group and so would never be looked for.
func ParseInvariants(markdown string) (tests []NamedTest, broken []string) {
	rows := map[int]bool{}
	for line := range strings.Lines(markdown) {
		row := invariantRow.FindStringSubmatch(line)
		if row == nil {
			continue
		}
		number, err := strconv.Atoi(row[1])
		if err != nil || number < 1 || number > invariants {
			broken = append(broken, fmt.Sprintf("there is no invariant %s", row[1]))
			continue
		}
		rows[number] = true
		named, wrong := rowTests(line)
		if len(named) == 0 && !noCode.MatchString(line) {
			wrong = append(wrong, "a row names no test (`TestName` in `folder`) and does not say \"no code yet\"")
		}
		for _, w := range wrong {
			broken = append(broken, fmt.Sprintf("invariant %d: %s", number, w))
		}
		tests = append(tests, named...)
	}
	for number := 1; number <= invariants; number++ {
		if !rows[number] {
			broken = append(broken, fmt.Sprintf("invariant %d has no row", number))
		}
	}
	return tests, broken
}

// rowTests returns the tests that a table's row names, and which names in it
// are in no group and so would never be looked for.
func rowTests(row string) (tests []NamedTest, wrong []string) {
	for _, g := range invariantGroup.FindAllStringSubmatch(row, -1) {
		for _, name := range invariantTest.FindAllStringSubmatch(g[1], -1) {
			tests = append(tests, NamedTest{Name: name[1], Folder: g[2]})
		}
	}
	for _, name := range strayTest.FindAllString(invariantGroup.ReplaceAllString(row, ""), -1) {
		wrong = append(wrong, name+" is in no folder (`TestA`, `TestB` in `folder`)")
	}
	return tests, wrong
}

// CheckTests returns the named tests that do not exist below root.
func CheckTests(root string, tests []NamedTest) (broken []string) {
	folders := map[string]map[string]bool{}
	for _, t := range tests {
		folder := strings.Trim(strings.TrimPrefix(t.Folder, Module), "./")
		known, ok := folders[folder]
		if !ok {
			known = testsIn(filepath.Join(root, filepath.FromSlash(folder)))
			folders[folder] = known
		}
		if !known[t.Name] {
			broken = append(broken, fmt.Sprintf("there is no %s in %s; name the test that proves the row now, or write it", t.Name, t.Folder))
		}
	}
	return broken
}

// testsIn returns the names of the test functions of a folder. Files that do
// not parse have none; the compiler complains about them better than we could.
func testsIn(dir string) map[string]bool {
	names := map[string]bool{}
	files, _ := filepath.Glob(filepath.Join(dir, "*_test.go"))
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			continue
		}
		for _, d := range tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}
