package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Module is the module path of this repository.
const Module = "smartreader"

// Package is what the rules look at; the fields are those of go list -json.
type Package struct {
	ImportPath   string
	Name         string
	Doc          string
	Dir          string
	Imports      []string
	TestImports  []string // of test files in the package
	XTestImports []string // of test files in package x_test
}

// path is the import path below the module, "." for the root; ok is false for
// packages of others.
func (p Package) path() (path string, ok bool) { return ours(p.ImportPath) }

func ours(importPath string) (path string, ok bool) {
	if importPath == Module {
		return ".", true
	}
	return strings.CutPrefix(importPath, Module+"/")
}

func (p Package) testImports() []string { return slices.Concat(p.TestImports, p.XTestImports) }

// List runs go list -json in dir. Env is added to the environment.
func List(dir string, env []string, args ...string) ([]Package, error) {
	fields := "-json=ImportPath,Name,Doc,Dir,Imports,TestImports,XTestImports"
	out, err := run(dir, env, append([]string{"list", fields}, args...)...)
	if err != nil {
		return nil, err
	}
	var packages []Package
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p Package
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("archtest: go list: %w", err)
		}
		packages = append(packages, p)
	}
}

// Root returns the folder of the module that the current folder is in.
func Root() (string, error) {
	out, err := run(".", nil, "list", "-m", "-f", "{{.Dir}}")
	return strings.TrimSpace(string(out)), err
}

func run(dir string, env []string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("archtest: go %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return out, nil
}
