package entry_test

import (
	"go/ast"
	"go/doc"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"testing"
)

// The example is a whole suite: documentation shows all of its file, and who copies the file has all that it needs.
func TestExampleIsWhole(t *testing.T) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "example_test.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	examples := doc.Examples(file)
	if len(examples) != 1 {
		t.Fatalf("%d examples in the file; of several none is shown with what it needs", len(examples))
	}
	if _, whole := examples[0].Code.(*ast.File); !whole {
		t.Error("documentation shows the body of the example only; have nothing but the one example and its types in the file")
	}
	alone := types.Config{Importer: importer.ForCompiler(files, "source", nil), Error: func(err error) { t.Error(err) }}
	alone.Check("suite", files, []*ast.File{file}, nil)
}
