package buildpack

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/buildpacks/libcnb/v2"
)

// Layer is a launch layer in the making.
type Layer struct {
	Path string // empty directory to fill
	env  libcnb.Environment
}

// Prepend puts a directory before the others of a path variable, when the app runs.
func (l Layer) Prepend(name, value string) { l.env.Prepend(name, ":", value) }

// Default sets a variable for the running app, unless it is set already.
func (l Layer) Default(name, value string) { l.env.Default(name, value) }

// Reusable reports whether the previous image has the layer with that key.
func (c Context) Reusable(name, key string) bool {
	layer, err := c.layers.Layer(name)
	return err == nil && layer.Metadata["key"] == key
}

// Path is where a layer will be.
func (c Context) Path(name string) string { return filepath.Join(c.layers.Path, name) }

// Layer contributes a launch layer. When the previous image has it with the same key, it is taken
// over unread and fill is not called. It reports whether it was.
func (c Context) Layer(name, key string, fill func(Layer) error) (reused bool, err error) {
	layer, err := c.layers.Layer(name)
	if err != nil {
		return false, fmt.Errorf("reading the layer %s: %w", name, err)
	}
	reused = layer.Metadata["key"] == key
	if !reused {
		if layer, err = layer.Reset(); err != nil {
			return false, fmt.Errorf("making the layer %s: %w", name, err)
		}
		if err := fill(Layer{Path: layer.Path, env: layer.LaunchEnvironment}); err != nil {
			return false, err
		}
	}
	layer.LayerTypes = libcnb.LayerTypes{Launch: true}
	layer.Metadata = map[string]any{"key": key}
	c.result.Layers = append(c.result.Layers, layer)
	return reused, nil
}

// Process adds a process type that runs a program.
func (c Context) Process(processType, text string, program string, args ...string) {
	c.result.Processes = append(c.result.Processes, libcnb.Process{
		Type: processType, Command: []string{program}, Arguments: args, Default: processType == "web",
	})
	c.report.Processes[processType] = text
}

// Scripts adds process types that run command lines, in one layer.
func (c Context) Scripts(layerName string, lines []Line) error {
	var parts []string
	for _, l := range lines {
		parts = append(parts, l.Type, l.Command)
	}
	_, err := c.Layer(layerName, Key(parts...), func(layer Layer) error {
		for _, l := range lines {
			if err := os.WriteFile(filepath.Join(layer.Path, l.Type), []byte(l.Script()), 0o755); err != nil {
				return fmt.Errorf("writing the command of %s: %w", l.Type, err)
			}
		}
		return nil
	})
	for _, l := range lines {
		c.Process(l.Type, l.Command, filepath.Join(c.Path(layerName), l.Type))
	}
	return err
}
