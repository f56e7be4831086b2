package archive

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/source"
)

// Limits of an image that comes as a file, unpacked once.
const (
	maxPieces  = 20_000
	perPiece   = 4 << 10 // beside its content
	maxSayings = 4 << 20 // of a file that describes the image
)

// The files at the top that say what an image is called: docker load would give it that name,
// and take it away from the image that has it.
const (
	manifestFile = "manifest.json"
	indexFile    = "index.json"
	oldNames     = "repositories"
)

// ImageFile is what an image is kept as, in the directory of its source.
const ImageFile = "image.tar"

// ReceiveImage takes in what docker save wrote, compressed or not, and keeps it as a source
// whose only file is ImageFile. All names in it are replaced by name. Beside those of Receive
// the errors are Invalid image_kind and image_several.
func (d *Door) ReceiveImage(ctx context.Context, body io.Reader, size int64, name string) (src platform.Source, err error) {
	err = d.Keep(ctx, body, size, func(file *os.File) (err error) {
		done, err := d.turn(ctx)
		if err != nil {
			return err
		}
		defer done()
		src.Dir = filepath.Join(d.config.SourcesDir, platform.NewID())
		if err := os.Mkdir(src.Dir, 0o700); err != nil {
			return writing(err)
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, os.RemoveAll(src.Dir))
				src = platform.Source{}
			}
		}()
		out, err := os.OpenFile(filepath.Join(src.Dir, ImageFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return writing(err)
		}
		src.Files = 1
		src.Bytes, err = d.rename(ctx, file, out, name)
		return errors.Join(err, out.Close())
	})
	return src, err
}

func (d *Door) rename(ctx context.Context, file *os.File, out io.Writer, name string) (int64, error) {
	what, err := kindOf(file)
	if e := platform.AsError(err); err != nil && e.Code == "upload_kind" {
		return 0, noImage()
	}
	if err != nil {
		return 0, err
	}
	if what == kindZip {
		return 0, noImage()
	}
	info, err := file.Stat()
	if err != nil {
		return 0, reading(err)
	}
	r, end, err := expand(io.NewSectionReader(file, 0, info.Size()), what)
	if err != nil {
		return 0, err
	}
	defer end()
	whole := &tail{r: source.AtMost(r, d.config.Image+maxPieces*perPiece, tooLarge(d.config.Image))} // what is left out counts too
	p := &pieces{ctx: ctx, door: d, whole: whole, in: tar.NewReader(whole), out: tar.NewWriter(out), name: name, seen: map[string]bool{}}
	err = p.all()
	return p.bytes, err
}

// pieces are the entries of an image on their way from one archive to the other.
type pieces struct {
	ctx       context.Context
	door      *Door
	whole     *tail // what in reads
	in        *tar.Reader
	out       *tar.Writer
	name      string
	seen      map[string]bool
	described bool
	bytes     int64
}

func (p *pieces) all() error {
	for {
		if err := p.ctx.Err(); err != nil {
			return fmt.Errorf("receiving an image: %w", err)
		}
		h, err := p.in.Next()
		switch {
		case errors.Is(err, io.EOF) && !p.whole.ended():
			return damaged(errors.New("the archive has no end"))
		case errors.Is(err, io.EOF) && !p.described:
			return noImage()
		case errors.Is(err, io.EOF):
			return p.out.Close()
		case err != nil && !errors.Is(err, tar.ErrInsecurePath):
			return damaged(err)
		}
		if err := p.one(h); err != nil {
			return err
		}
	}
}

func (p *pieces) one(h *tar.Header) error {
	clean := path.Clean(strings.TrimSuffix(h.Name, "/"))
	if clean == "." {
		return nil
	}
	if !filepath.IsLocal(clean) || strings.ContainsAny(clean, "\\\x00") || len(clean) > 300 {
		return odd(h.Name)
	}
	if p.seen[clean] {
		if h.Typeflag == tar.TypeDir {
			return nil
		}
		return odd(h.Name)
	}
	if p.seen[clean] = true; len(p.seen) > maxPieces {
		return odd(h.Name)
	}
	header := &tar.Header{Name: clean, Mode: 0o644, Typeflag: h.Typeflag}
	switch h.Typeflag {
	case tar.TypeDir:
		header.Name, header.Mode = clean+"/", 0o755
		return p.out.WriteHeader(header)
	case tar.TypeSymlink: // to a layer that is there twice
		if header.Linkname = h.Linkname; !filepath.IsLocal(path.Join(path.Dir(clean), h.Linkname)) || path.IsAbs(h.Linkname) {
			return odd(h.Name)
		}
		return p.out.WriteHeader(header)
	case tar.TypeReg:
	default:
		return odd(h.Name)
	}
	switch clean {
	case oldNames:
		return nil
	case manifestFile, indexFile:
		return p.describe(header)
	}
	header.Size = h.Size
	if header.Size > p.door.config.Image-p.bytes {
		return tooLarge(p.door.config.Image)
	}
	if err := p.out.WriteHeader(header); err != nil {
		return writing(err)
	}
	return p.copy()
}

// copy counts what comes and looks at the disk now and then.
func (p *pieces) copy() error {
	const look = 16 << 20
	for {
		n, err := io.CopyN(p.out, p.in, look)
		p.bytes += n
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && (p.whole.err != nil || errors.Is(err, io.ErrUnexpectedEOF)):
			return damaged(err)
		case err != nil:
			return writing(err)
		}
		if err := p.ctx.Err(); err != nil {
			return fmt.Errorf("receiving an image: %w", err)
		}
		if err := p.door.room(0); err != nil {
			return err
		}
	}
}

// describe writes one of the files that name the image, with our name.
func (p *pieces) describe(header *tar.Header) error {
	text, err := io.ReadAll(io.LimitReader(p.in, maxSayings+1))
	if err != nil {
		return damaged(err)
	}
	if len(text) > maxSayings {
		return odd(header.Name)
	}
	if header.Name == manifestFile {
		text, err = renameManifest(text, p.name)
	} else {
		text, err = renameIndex(text, p.name)
	}
	if err != nil {
		return err
	}
	p.described, header.Size = true, int64(len(text))
	if err := p.out.WriteHeader(header); err != nil {
		return writing(err)
	}
	if _, err := p.out.Write(text); err != nil {
		return writing(err)
	}
	return nil
}

// manifest is what docker save writes of one image. What else stands there is left out.
type manifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func renameManifest(text []byte, name string) ([]byte, error) {
	var all []manifest
	if err := json.Unmarshal(text, &all); err != nil || len(all) == 0 {
		return nil, noImage()
	}
	if len(all) > 1 {
		return nil, several(len(all))
	}
	all[0].RepoTags = []string{name}
	return json.Marshal(all)
}

// renameIndex keeps of an OCI index what it leads to, and none of the names in it.
func renameIndex(text []byte, name string) ([]byte, error) {
	var index struct {
		SchemaVersion int    `json:"schemaVersion"`
		MediaType     string `json:"mediaType,omitempty"`
		Manifests     []struct {
			MediaType   string            `json:"mediaType"`
			Digest      string            `json:"digest"`
			Size        int64             `json:"size"`
			Annotations map[string]string `json:"annotations,omitempty"`
			Platform    json.RawMessage   `json:"platform,omitempty"`
		} `json:"manifests"`
	}
	if err := json.Unmarshal(text, &index); err != nil || len(index.Manifests) == 0 {
		return nil, noImage()
	}
	if len(index.Manifests) > 1 {
		return nil, several(len(index.Manifests))
	}
	_, tag, _ := strings.Cut(name, ":")
	index.Manifests[0].Annotations = map[string]string{"io.containerd.image.name": "docker.io/" + name, "org.opencontainers.image.ref.name": tag}
	return json.Marshal(index)
}

func noImage() error {
	return platform.Errorf(platform.Invalid, "image_kind", "The file is no image that docker save wrote.").
		WithHint("Write one: docker save -o image.tar NAME. To deploy an archive of source code: lugsail deploy FILE")
}

func several(n int) error {
	return platform.Errorf(platform.Invalid, "image_several", "The file holds %d images; an app is made of one.", n).
		WithHint("Write a file with that one alone: docker save -o image.tar NAME:TAG")
}

func odd(name string) error {
	return platform.Errorf(platform.Invalid, "image_entry_refused", "The entry %s does not belong into an image.", quote(name)).
		WithHint("Write the file anew: docker save -o image.tar NAME")
}
