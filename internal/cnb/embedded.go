package cnb

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/lugsail/lugsail/platform"
)

// The programs are made by "make embedded".
//
//go:embed embedded
var embedded embed.FS

// lifecycleVersion is the one of go.mod.
const lifecycleVersion = "0.21.14"

var programs = []string{"lifecycle", "launcher", "buildpack"}

// embeddedDigest changes with any of the programs.
func embeddedDigest() (string, error) {
	sum := sha256.New()
	for _, name := range programs {
		packed, err := embedded.ReadFile("embedded/" + name + ".zst")
		if errors.Is(err, fs.ErrNotExist) {
			return "", platform.Errorf(platform.Unavailable, "builder_missing", "This lugsail was compiled without what builds need.").
				WithHint("Compile it with: make build.").Because(err)
		}
		if err != nil {
			return "", fmt.Errorf("reading the embedded %s: %w", name, err)
		}
		_, _ = sum.Write(packed) // a hash takes everything
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// unpack writes one of the programs to a file.
func unpack(name, file string) (err error) {
	packed, err := embedded.Open("embedded/" + name + ".zst")
	if err != nil {
		return fmt.Errorf("reading the embedded %s: %w", name, err)
	}
	defer func() { _ = packed.Close() }() // read only
	in, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", name, err)
	}
	defer in.Close()
	out, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", name, err)
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("unpacking %s: %w", name, err)
	}
	return nil
}
