package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Index says what a clause index is about.
type Index struct {
	File string // in build/clauses
	// Clause is how a clause is cited: the book and, behind it, annex or section.
	Clause *regexp.Regexp
	// Sources are the letters of the legend.
	Sources string
	// Sections need a row, as "3, 10.5.1" or "4, A2".
	Sections []string
	// Facts that implementations often get wrong, and rules of deferral, that need a row.
	Facts, Deferral []int
}

// Contact and Contactless are the two indexes there are.
var (
	Contact = Index{
		File: "contact.md", Sources: "CORTU", Sections: ContactSections, Facts: upTo(29), Deferral: upTo(11),
		Clause: regexp.MustCompile(`^Book ([1-4]), (?:Annex ([A-F]\d*)|(\d+(?:\.\d+)*))\b`),
	}
	Contactless = Index{
		File: "contactless.md", Sources: "CDHLOPRTUVX", Sections: ContactlessSections,
		Facts:  []int{3, 5, 8, 9, 10, 11, 17, 18, 20, 28, 30, 31, 32, 33, 34, 35, 36, 37},
		Clause: regexp.MustCompile(`^Book (A|B|C-2|C-3), (?:Annex ([A-Z]\d*)|(\d+(?:\.\d+)*))\b`),
	}
)

func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

// numbered are the names of the rows that a number names.
func (x Index) numbered() (names []string) {
	for _, n := range x.Facts {
		names = append(names, fmt.Sprintf("Fact %d", n))
	}
	for _, n := range x.Deferral {
		names = append(names, fmt.Sprintf("Deferral %d", n))
	}
	return names
}

// A row of build/clauses starts with the clause, such as "Book 3, 10.5.1 Offline
// PIN Processing" or "Book 4, Annex A2 Terminal Capabilities", or with "Fact 7" or
// "Deferral 2". A clause may have several rows. The cells of a clause are: clause,
// what it asks, state, code, tests, sources; those of a numbered row: number, what
// holds, state, tests.
// Sources are letters of the legend, two of them or "[unverified]", because every
// row cites a number. What is wrong is told with the remedy.
var (
	clauseRow  = regexp.MustCompile(`^\|\s*Book\b`)
	numberRow  = regexp.MustCompile(`^\|\s*(Fact|Deferral) (\d+)\s*\|`)
	codePath   = regexp.MustCompile("`([a-z][^`]*)`")
	sourceCode = regexp.MustCompile(`\b[A-Z]\b`)
	reason     = "Reason:"
)

// Clauses is what a clause index names, for CheckTests and CheckFiles.
type Clauses struct {
	Tests []NamedTest
	Files []string
	// Facts are the tests of each fact.
	Facts map[int][]NamedTest
	// States counts the rows of clauses by their state.
	States map[string]int
}

// ParseClauses reads a clause index and returns what is wrong with it: rows of
// another form, rows that claim Yes and name no test, rows that claim less and do
// not say why, sections and facts without a row.
func ParseClauses(markdown string, x Index) (found Clauses, broken []string) {
	found.States, found.Facts = map[string]int{}, map[int][]NamedTest{}
	rows := map[string]bool{}
	for line := range strings.Lines(markdown) {
		var name, state, asks string
		var wrong []string
		cells := rowCells(line)
		fact := 0
		switch number := numberRow.FindStringSubmatch(line); {
		case number != nil:
			name = number[1] + " " + number[2]
			if !slices.Contains(x.numbered(), name) {
				broken = append(broken, "there is no "+name)
				continue
			}
			if number[1] == "Fact" {
				fact, _ = strconv.Atoi(number[2])
			}
			rows[name] = true
			if len(cells) != 4 {
				broken = append(broken, fmt.Sprintf("%s: %d cells, want 4: number, what holds, state, tests", name, len(cells)))
				continue
			}
			asks, state = cells[1], cells[2]
		case clauseRow.MatchString(line):
			cite := x.Clause.FindStringSubmatch(cells[0])
			if cite == nil {
				broken = append(broken, "not a clause: "+cells[0]+`; write "Book 3, 10.5 Title" or "Book 4, Annex A2 Title"`)
				continue
			}
			name = fmt.Sprintf("Book %s, %s", cite[1], cite[2]+cite[3])
			rows[name] = true
			if len(cells) != 6 {
				broken = append(broken, fmt.Sprintf("%s: %d cells, want 6: clause, asks, state, code, tests, sources", name, len(cells)))
				continue
			}
			asks, state = cells[1], cells[2]
			found.States[state]++
			files := codePath.FindAllStringSubmatch(cells[3], -1)
			for _, f := range files {
				found.Files = append(found.Files, f[1])
			}
			if state == "Yes" && len(files) == 0 {
				wrong = append(wrong, "Yes, but no code is named (`folder/file.go`)")
			}
			wrong = append(wrong, x.checkSources(cells[5])...)
		default:
			continue
		}
		tests, stray := rowTests(line)
		found.Tests = append(found.Tests, tests...)
		if fact > 0 {
			found.Facts[fact] = append(found.Facts[fact], tests...)
		}
		wrong = append(wrong, stray...)
		wrong = append(wrong, checkState(state, asks, len(tests))...)
		for _, w := range wrong {
			broken = append(broken, name+": "+w)
		}
	}
	for _, section := range x.Sections {
		if name := "Book " + section; !rows[name] {
			broken = append(broken, name+" has no row; write one, with No and a \"Reason:\" if it is not done")
		}
	}
	for _, name := range x.numbered() {
		if !rows[name] {
			broken = append(broken, name+" has no row")
		}
	}
	return found, broken
}

// rowCells splits a row of a table; no cell contains a bar.
func rowCells(line string) []string {
	cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}

func checkState(state, asks string, tests int) (wrong []string) {
	switch state {
	case "Yes":
		if tests == 0 {
			wrong = append(wrong, "Yes, but no test is named (`TestName` in `folder`)")
		}
		if strings.Contains(asks, reason) {
			wrong = append(wrong, fmt.Sprintf("Yes, and a %q says why not; write Partial, or take it out", reason))
		}
	case "Partial", "No":
		if !strings.Contains(asks, reason) {
			wrong = append(wrong, fmt.Sprintf("%s, and no %q says why", state, reason))
		}
	default:
		wrong = append(wrong, fmt.Sprintf("state %q is none of Yes, Partial, No", state))
	}
	return wrong
}

func (x Index) checkSources(cell string) (wrong []string) {
	codes := sourceCode.FindAllString(cell, -1)
	for _, c := range codes {
		if !strings.Contains(x.Sources, c) {
			wrong = append(wrong, fmt.Sprintf("source %s is not in the legend", c))
		}
	}
	slices.Sort(codes)
	if len(slices.Compact(codes)) < 2 && !strings.Contains(cell, "[unverified]") {
		wrong = append(wrong, fmt.Sprintf("sources %q: want two, or [unverified]", cell))
	}
	return wrong
}

// CheckFiles returns the named files that do not exist below root.
func CheckFiles(root string, files []string) (broken []string) {
	for _, f := range files {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(f))); err != nil {
			broken = append(broken, "there is no "+f+"; name the file that does it now")
		}
	}
	return broken
}

// A test of a fact says so in a comment of its file: "EMV fact 21", "EMV facts 12
// to 14", "EMV facts 5, 7 and 9".
var factComment = regexp.MustCompile(`EMV facts? (\d+(?:(?:, | and | to )\d+)*)`)

// CheckFacts returns the facts whose tests do not name their number. A fact
// without tests is not looked for.
func CheckFacts(root string, facts map[int][]NamedTest) (broken []string) {
	for fact, tests := range facts {
		if len(tests) == 0 {
			continue
		}
		told := slices.ContainsFunc(tests, func(t NamedTest) bool {
			return slices.Contains(factsIn(filepath.Join(root, filepath.FromSlash(t.Folder)), t.Name), fact)
		})
		if !told {
			broken = append(broken, fmt.Sprintf("Fact %d: no comment says \"EMV fact %d\" in the file of a test named; write it at the test that proves it", fact, fact))
		}
	}
	return broken
}

// factsIn returns the facts named by comments in the file that has the test.
func factsIn(dir, test string) (facts []int) {
	files, _ := filepath.Glob(filepath.Join(dir, "*_test.go"))
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil || !slices.ContainsFunc(tree.Decls, func(d ast.Decl) bool {
			f, ok := d.(*ast.FuncDecl)
			return ok && f.Recv == nil && f.Name.Name == test
		}) {
			continue
		}
		for _, comment := range tree.Comments {
			text := strings.Join(strings.Fields(comment.Text()), " ")
			for _, list := range factComment.FindAllStringSubmatch(text, -1) {
				facts = append(facts, numbers(list[1])...)
			}
		}
	}
	return facts
}

// numbers reads "5", "5, 7 and 9" and "12 to 14".
func numbers(list string) (all []int) {
	last, upTo := 0, false
	for _, word := range strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == ',' }) {
		n, err := strconv.Atoi(word)
		if err != nil {
			upTo = word == "to"
			continue
		}
		for i := last + 1; upTo && i < n && i-last < 100; i++ {
			all = append(all, i)
		}
		all = append(all, n)
		last, upTo = n, false
	}
	return all
}
