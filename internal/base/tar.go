package base

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// added lines, by file.
var added = map[string]string{
	"etc/passwd": fmt.Sprintf("app:x:%d:%d::%s:/bin/sh\n", UserID, UserID, Home),
	"etc/group":  fmt.Sprintf("app:x:%d:\n", UserID),
}

// withUser copies an archive, adds the user and leaves out what is of no use.
func withUser(r io.Reader, w io.Writer) error {
	in, out := tar.NewReader(r), tar.NewWriter(w)
	missing := len(added)
	for {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading the archive: %w", err)
		}
		name := strings.TrimPrefix(path.Clean(header.Name), "/")
		if useless(name, header) {
			continue
		}
		if name == strings.TrimPrefix(Home, "/") {
			header.Uid, header.Gid, header.Uname, header.Gname = UserID, UserID, "", ""
		}
		tail := added[name]
		if tail != "" {
			missing--
		}
		if err := copyEntry(out, header, in, tail); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	if missing > 0 {
		return errors.New("the archive has no /etc/passwd or no /etc/group")
	}
	if _, err := io.Copy(io.Discard, r); err != nil { // padding after the end
		return fmt.Errorf("reading the archive: %w", err)
	}
	return out.Close()
}

func copyEntry(out *tar.Writer, header *tar.Header, in io.Reader, tail string) error {
	header.Size += int64(len(tail))
	header.Format = tar.FormatUnknown
	if err := out.WriteHeader(header); err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	_, err := io.WriteString(out, tail)
	return err
}

// useless are logs and caches, and devices, which the engine brings.
func useless(name string, header *tar.Header) bool {
	if header.Typeflag == tar.TypeChar || header.Typeflag == tar.TypeBlock {
		return true
	}
	if header.Typeflag == tar.TypeDir {
		return false
	}
	for _, dir := range []string{"var/log/", "var/cache/", "var/lib/apt/lists/", "tmp/", "run/"} {
		if strings.HasPrefix(name, dir) {
			return true
		}
	}
	return strings.HasSuffix(name, "-old") && strings.HasPrefix(name, "var/lib/dpkg/")
}
