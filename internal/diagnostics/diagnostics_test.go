package diagnostics

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// unpack gives the files of an archive by the last part of their names.
func unpack(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for packed := tar.NewReader(zipped); ; {
		h, err := packed.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(packed)
		if err != nil {
			t.Fatal(err)
		}
		_, name, _ := strings.Cut(h.Name, "/")
		files[name] = string(text)
	}
}

func TestBundle_APartThatFailsKeepsNoOtherBack(t *testing.T) {
	var out bytes.Buffer
	b := Bundle{Now: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC), Parts: []Part{
		{"broken.txt", func(_ context.Context, to io.Writer) error {
			_, _ = io.WriteString(to, "half")
			return errors.New("the disk at postgres://ada:hunter2@db.example.com is gone")
		}},
		{"large.txt", func(_ context.Context, to io.Writer) error {
			_, err := to.Write(make([]byte, 2*partSize))
			return err
		}},
		JSON("facts.json", func(context.Context) (any, error) { return map[string]int{"cores": 2}, nil }),
	}}
	if err := b.Write(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	files := unpack(t, out.Bytes())
	if got := files["broken.txt"]; !strings.HasPrefix(got, "half\nThis could not be told in full: the disk at postgres://[hidden]@db") || strings.Contains(got, "hunter2") {
		t.Errorf("the broken part: %q", got)
	}
	if len(files["large.txt"]) != partSize || files["facts.json"] != "{\n  \"cores\": 2\n}\n" || b.Name() != "lugsail-diagnostics-20261128-120000.tar.gz" {
		t.Errorf("%d bytes, %q, %s", len(files["large.txt"]), files["facts.json"], b.Name())
	}
}

func TestScrub_TakesOutWhatLooksLikeASecret(t *testing.T) {
	for text, lacks := range map[string]string{
		"token=lgs_abcdefgh12345678 used":                                    "lgs_abc",
		`msg="link" url=https://console.example.com/setup/Ab3dEf6hIj9`:       "Ab3dEf6hIj9",
		"postgres://lugsail:pa55word@10.0.0.5/db":                            "pa55word",
		`Authorization: Bearer abc.def.ghi`:                                  "abc.def",
		`{"password":"opensesame"}`:                                          "opensesame",
		"DATABASE_PASSWORD=opensesame":                                       "opensesame",
		"database: sealed:AAECAwQFBgc=":                                      "AAECAwQ",
		"-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----": "MHcC",
		"-----BEGIN PRIVATE KEY-----\nMHcC cut off":                          "MHcC",
	} {
		if got := string(Scrub([]byte(text))); strings.Contains(got, lacks) {
			t.Errorf("%q becomes %q", text, got)
		}
	}
	for _, text := range []string{"Docker 20.10.24 answers", "level=INFO msg=\"deployment ended\" app=shop", "https://console.example.com/apps/shop", "ada@example.com"} {
		if got := string(Scrub([]byte(text))); got != text {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}
