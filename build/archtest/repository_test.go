package archtest

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func report(t *testing.T, broken []string) {
	t.Helper()
	slices.Sort(broken)
	for _, b := range slices.Compact(broken) {
		t.Error(b)
	}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func list(t *testing.T, env []string, args ...string) []Package {
	t.Helper()
	packages, err := List(root(t), env, args...)
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

func TestImportsOfThisRepository(t *testing.T) {
	// Once as built, once with every build tag of ours.
	for _, args := range [][]string{{"./..."}, {"-tags=killpoints", "./..."}} {
		packages := list(t, nil, args...)
		if len(packages) < 10 {
			t.Fatalf("go list found only %d packages", len(packages))
		}
		report(t, CheckImports(packages))
	}
}

func TestLayoutOfThisRepository(t *testing.T) {
	report(t, CheckPackages(list(t, nil, "./...")))
	entries, err := os.ReadDir(root(t))
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, e := range entries {
		if e.IsDir() {
			folders = append(folders, e.Name())
		}
	}
	report(t, CheckFolders(folders))
}

func TestProductionOfThisRepository(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		env := []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch}
		packages := list(t, env, "-deps", "./firmware")
		if !slices.ContainsFunc(packages, func(p Package) bool { return p.ImportPath == Module+"/firmware/reader" }) {
			t.Fatal("the production program does not contain the reader: this test looks at the wrong program")
		}
		report(t, CheckProduction(packages))
	}
}

func TestProgramOfThisRepository(t *testing.T) {
	file := filepath.Join(t.TempDir(), "reader")
	if _, err := run(root(t), []string{"CGO_ENABLED=0"}, "build", "-o", file, "./firmware"); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(program, []byte(Module+"/firmware/reader")) {
		t.Fatal("package paths are not in the program: this test can see nothing")
	}
	report(t, CheckProgram(program))
}

func TestOfflineContractOfThisRepository(t *testing.T) {
	dir := root(t)
	table, err := os.ReadFile(filepath.Join(dir, "docs", "offline.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests, broken := ParseContract(string(table), ContractSections)
	report(t, append(broken, CheckTests(dir, tests)...))
}

func TestInvariantsOfThisRepository(t *testing.T) {
	dir := root(t)
	table, err := os.ReadFile(filepath.Join(dir, "docs", "invariants.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests, broken := ParseInvariants(string(table))
	if len(tests) == 0 {
		t.Error("docs/invariants.md names no test")
	}
	report(t, append(broken, CheckTests(dir, tests)...))
}

func TestClausesOfThisRepository(t *testing.T) {
	dir := root(t)
	for _, index := range []Index{Contact, Contactless} {
		t.Run(index.File, func(t *testing.T) {
			table, err := os.ReadFile(filepath.Join(dir, "build", "clauses", index.File))
			if err != nil {
				t.Fatal(err)
			}
			found, broken := ParseClauses(string(table), index)
			report(t, slices.Concat(broken, CheckTests(dir, found.Tests), CheckFiles(dir, found.Files), CheckFacts(dir, found.Facts)))
			t.Log("rows of clauses by state:", found.States)
		})
	}
}
