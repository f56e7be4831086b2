package cnb

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/buildpacks/lifecycle/api"
	"github.com/buildpacks/pack/pkg/buildpack"
	"github.com/buildpacks/pack/pkg/dist"
)

const buildpackAPI = "0.10"

// modules are the buildpacks for the builder, by id. pack makes their layers through archives with
// absolute names, which this program's archive reader refuses as it should; so the layers are made here.
type modules map[string]buildpack.BuildModule

// Download gives one of them.
func (m modules) Download(_ context.Context, id string, _ buildpack.DownloadOptions) (buildpack.BuildModule, []buildpack.BuildModule, error) {
	module, ok := m[id]
	if !ok {
		return nil, nil, fmt.Errorf("there is no buildpack %q", id)
	}
	return module, nil, nil
}

// layerFile is a layer in a file.
type layerFile string

// Open reads the layer.
func (f layerFile) Open() (io.ReadCloser, error) { return os.Open(string(f)) }

// writeBuildpacks makes a layer for each buildpack. All are one program; the first has it, the others
// link there.
func writeBuildpacks(dir string) (modules, error) {
	program := filepath.Join(dir, "buildpack")
	if err := unpack("buildpack", program); err != nil {
		return nil, err
	}
	made := modules{}
	for i, id := range buildpackIDs() {
		file := filepath.Join(dir, id+".tar")
		if err := writeBuildpack(file, id, program, i == 0); err != nil {
			return nil, fmt.Errorf("making the buildpack %s: %w", id, err)
		}
		made[id] = buildpack.FromBlob(&dist.BuildpackDescriptor{
			WithAPI:        api.MustParse(buildpackAPI),
			WithInfo:       dist.ModuleInfo{ID: "lugsail/" + id, Name: "Lugsail " + id, Version: buildpackVersion},
			WithTargets:    []dist.Target{{OS: "linux", Arch: architecture()}},
			WithLinuxBuild: true,
		}, layerFile(file))
	}
	return made, nil
}

func buildpackDir(id string) string { return "cnb/buildpacks/lugsail_" + id + "/" + buildpackVersion }

func writeBuildpack(file, id, program string, first bool) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	out := tar.NewWriter(f)
	err = fillBuildpack(out, id, program, first)
	return errors.Join(err, out.Close(), f.Close())
}

func fillBuildpack(out *tar.Writer, id, program string, first bool) error {
	dir := buildpackDir(id)
	for _, name := range []string{"cnb/", "cnb/buildpacks/", filepath.Dir(dir) + "/", dir + "/", dir + "/bin/"} {
		if err := out.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Typeflag: tar.TypeDir, ModTime: epoch.Time}); err != nil {
			return err
		}
	}
	text := fmt.Sprintf("api = %q\n\n[buildpack]\nid = %q\nname = %q\nversion = %q\n\n[[targets]]\nos = \"linux\"\narch = %q\n",
		buildpackAPI, "lugsail/"+id, "Lugsail "+id, buildpackVersion, architecture())
	if err := out.WriteHeader(&tar.Header{Name: dir + "/buildpack.toml", Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg, ModTime: epoch.Time}); err != nil {
		return err
	}
	if _, err := io.WriteString(out, text); err != nil {
		return err
	}
	if first {
		if err := addProgram(out, program, dir+"/bin/build"); err != nil {
			return err
		}
	} else if err := link(out, dir+"/bin/build", "/"+buildpackDir(buildpackIDs()[0])+"/bin/build"); err != nil {
		return err
	}
	return link(out, dir+"/bin/detect", "build")
}

func link(out *tar.Writer, name, target string) error {
	return out.WriteHeader(&tar.Header{Name: name, Linkname: target, Mode: 0o777, Typeflag: tar.TypeSymlink, ModTime: epoch.Time})
}
