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
	pubbuilder "github.com/buildpacks/pack/builder"
	"github.com/buildpacks/pack/pkg/blob"
	"github.com/buildpacks/pack/pkg/client"
	"github.com/buildpacks/pack/pkg/dist"
	"github.com/buildpacks/pack/pkg/image"
	"github.com/buildpacks/pack/pkg/index"
	"github.com/google/go-containerregistry/pkg/authn"
)

// builderRecipe changes when the same programs would give another builder.
const builderRecipe = "1"

// order is which buildpacks are asked, group by group. The first group that is willing builds.
var order = [][]string{{"node", "procfile"}, {"go", "procfile"}, {"static", "procfile"}, {"procfile"}}

const buildpackVersion = "1.0.0"

func (b *Builder) builderName() string { return b.local() + "/base/builder:" + b.config.Instance }

// ensureBuilder makes the builder: the base image with the lifecycle and the buildpacks.
func (b *Builder) ensureBuilder(ctx context.Context, state *prepared, progress func(string)) error {
	carried, err := embeddedDigest()
	if err != nil {
		return err
	}
	key := short("builder", builderRecipe, carried, state.BaseDigest, b.inner(), b.local())
	id, err := b.has(ctx, b.builderName())
	if err != nil {
		return err
	}
	if id != "" && id == state.BuilderID && key == state.BuilderKey {
		return b.writeStateIf(*state)
	}
	progress("Making the builder")
	if err := b.makeBuilder(ctx, *state); err != nil {
		return err
	}
	old := id
	if state.BuilderID, err = b.has(ctx, b.builderName()); err != nil {
		return err
	}
	state.BuilderKey = key
	if err := b.writeState(*state); err != nil {
		return err
	}
	if old != "" && old != state.BuilderID {
		b.dropImage(ctx, old)
	}
	return nil
}

func (b *Builder) writeStateIf(state prepared) error {
	known, err := b.readState()
	if err != nil || known == state {
		return err
	}
	return b.writeState(state)
}

func (b *Builder) makeBuilder(ctx context.Context, state prepared) error {
	dir, remove, err := b.scratch("builder")
	if err != nil {
		return err
	}
	defer remove()
	if err := writeLifecycle(dir); err != nil {
		return err
	}
	modules, err := writeBuildpacks(dir)
	if err != nil {
		return err
	}
	user, password := b.registry.PullAuth()
	keys := keychain{b.inner(): {Username: user, Password: password}, b.local(): {Username: user, Password: password}}
	log := &packLogger{out: &tail{}}
	pack, err := b.packClient(log, b.engine, keys, dir, client.WithBuildpackDownloader(modules))
	if err != nil {
		return err
	}
	err = pack.CreateBuilder(ctx, client.CreateBuilderOptions{
		BuilderName: b.builderName(), Config: b.builderConfig(dir, state), PullPolicy: image.PullNever,
		RelativeBaseDir: dir, TempDirectory: dir, Labels: map[string]string{labelInstance: b.config.Instance},
	})
	if err != nil {
		return b.engineError("making the builder", err)
	}
	return nil
}

func (b *Builder) builderConfig(dir string, state prepared) pubbuilder.Config {
	config := pubbuilder.Config{
		Description: "Lugsail",
		Lifecycle:   pubbuilder.LifecycleConfig{URI: filepath.Join(dir, "lifecycle.tar")},
		Build:       pubbuilder.BuildConfig{Image: b.local() + "/" + baseRepository + ":" + state.BaseTag},
		Run:         pubbuilder.RunConfig{Images: []pubbuilder.RunImageConfig{{Image: b.inner() + "/" + baseRepository + ":" + state.BaseTag}}},
	}
	for _, id := range buildpackIDs() {
		config.Buildpacks = append(config.Buildpacks, pubbuilder.ModuleConfig{
			ImageOrURI: dist.ImageOrURI{BuildpackURI: dist.BuildpackURI{URI: id}},
		})
	}
	for _, ids := range order {
		var group dist.OrderEntry
		for i, id := range ids {
			group.Group = append(group.Group, dist.ModuleRef{
				ModuleInfo: dist.ModuleInfo{ID: "lugsail/" + id, Version: buildpackVersion}, Optional: i > 0,
			})
		}
		config.Order = append(config.Order, group)
	}
	return config
}

func buildpackIDs() []string {
	var ids []string
	for _, group := range order[:3] {
		ids = append(ids, group[0])
	}
	return append(ids, "procfile")
}

// packClient is pack with everything that it would otherwise look for in a home directory.
func (b *Builder) packClient(log *packLogger, engine client.DockerClient, keys keychain, dir string, more ...client.Option) (*client.Client, error) {
	pack, err := client.NewClient(append([]client.Option{
		client.WithLogger(log), client.WithDockerClient(engine), client.WithKeychain(keys),
		client.WithDownloader(blob.NewDownloader(log, filepath.Join(dir, "downloads"))),
		client.WithIndexFactory(index.NewIndexFactory(keys, filepath.Join(dir, "indexes"))),
	}, more...)...)
	if err != nil {
		return nil, fmt.Errorf("starting pack: %w", err)
	}
	return pack, nil
}

// keychain holds credentials by registry.
type keychain map[string]authn.AuthConfig

// Resolve implements authn.Keychain.
func (k keychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	if auth, ok := k[target.RegistryStr()]; ok {
		return authn.FromConfig(auth), nil
	}
	return authn.Anonymous, nil
}

// writeLifecycle makes lifecycle.tar as pack wants it.
func writeLifecycle(dir string) (err error) {
	for _, name := range []string{"lifecycle", "launcher"} {
		if err := unpack(name, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	f, err := os.Create(filepath.Join(dir, "lifecycle.tar"))
	if err != nil {
		return fmt.Errorf("packing the lifecycle: %w", err)
	}
	out := tar.NewWriter(f)
	err = fillLifecycle(out, dir)
	if err = errors.Join(err, out.Close(), f.Close()); err != nil {
		return fmt.Errorf("packing the lifecycle: %w", err)
	}
	return nil
}

func fillLifecycle(out *tar.Writer, dir string) error {
	descriptor := lifecycleDescriptor()
	if err := out.WriteHeader(&tar.Header{Name: "lifecycle.toml", Mode: 0o644, Size: int64(len(descriptor)), Typeflag: tar.TypeReg}); err != nil {
		return err
	}
	if _, err := io.WriteString(out, descriptor); err != nil {
		return err
	}
	if err := out.WriteHeader(&tar.Header{Name: "lifecycle/", Mode: 0o755, Typeflag: tar.TypeDir}); err != nil {
		return err
	}
	for _, name := range []string{"lifecycle", "launcher"} {
		if err := addProgram(out, filepath.Join(dir, name), "lifecycle/"+name); err != nil {
			return err
		}
	}
	for _, name := range []string{"detector", "analyzer", "restorer", "builder", "exporter", "rebaser", "creator", "extender"} {
		if err := link(out, "lifecycle/"+name, "lifecycle"); err != nil {
			return err
		}
	}
	return nil
}

func addProgram(out *tar.Writer, file, name string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := out.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: info.Size(), Typeflag: tar.TypeReg, ModTime: epoch.Time}); err != nil {
		return err
	}
	_, err = io.Copy(out, f)
	return err
}

func lifecycleDescriptor() string {
	return fmt.Sprintf(`[apis]
[apis.buildpack]
deprecated = []
supported = %s
[apis.platform]
deprecated = []
supported = %s

[api]
platform = "0.7"
buildpack = "0.7"

[lifecycle]
version = %q
`, api.Buildpack.Supported, api.Platform.Supported, lifecycleVersion)
}
