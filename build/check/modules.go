package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// modules checks that go.mod has exactly what the code needs, that the modules
// here are those of go.sum, and that somebody said why each one is needed.
func modules(ctx context.Context, j *job) (string, error) {
	if out, err := j.golang(ctx, "mod", "tidy", "-diff"); err != nil {
		return "", fmt.Errorf("go.mod or go.sum is not tidy; run: go mod tidy\n%s(%w)", out, err)
	}
	if _, err := j.golang(ctx, "mod", "verify"); err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(j.root, "go.mod"))
	if err != nil {
		return "", err
	}
	direct, unexplained := requirements(string(text))
	if len(unexplained) > 0 {
		return "", fmt.Errorf("go.mod does not say, in a comment behind it, why it needs:\n%s", strings.Join(unexplained, "\n"))
	}
	return fmt.Sprintf("%d direct dependencies", len(direct)), nil
}

// requirements lists the modules that a go.mod requires directly, and those
// among them without a comment.
func requirements(gomod string) (direct, unexplained []string) {
	inside := false
	for line := range strings.Lines(gomod) {
		code, comment, _ := strings.Cut(line, "//")
		fields, comment := strings.Fields(code), strings.TrimSpace(comment)
		switch {
		case len(fields) == 0:
			continue
		case fields[0] == ")":
			inside = false
			continue
		case fields[0] == "require":
			fields = fields[1:]
			if inside = len(fields) > 0 && fields[0] == "("; inside {
				continue
			}
		case !inside:
			continue
		}
		if len(fields) != 2 || comment == "indirect" || strings.HasPrefix(comment, "indirect;") {
			continue
		}
		direct = append(direct, fields[0])
		if comment == "" {
			unexplained = append(unexplained, fields[0])
		}
	}
	return direct, unexplained
}
