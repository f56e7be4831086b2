package base

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// listing gives the names of an archive, one a line.
func listing(t *testing.T, file string) string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // read only
	var names strings.Builder
	r := tar.NewReader(f)
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		names.WriteString(header.Name + "\n")
	}
}
