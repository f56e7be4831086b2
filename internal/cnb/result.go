package cnb

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lugsail/lugsail/platform"
)

// report is what the buildpacks say of a build. It comes from where code of the app runs, so it is
// words for people and nothing more.
type report struct {
	Detected  string            `json:"detected"`
	Processes map[string]string `json:"processes"`
	Failure   *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Hint    string `json:"hint"`
	} `json:"failure"`
}

const maxReport = 256 << 10

func (w workspace) report() (report, error) {
	var r report
	root, err := os.OpenRoot(w.inner("report"))
	if err != nil {
		return r, fmt.Errorf("reading the build's report: %w", err)
	}
	defer func() { _ = root.Close() }() // read only
	info, err := root.Lstat("report.json")
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil || !info.Mode().IsRegular() {
		return r, errors.Join(errors.New("reading the build's report: it is no file"), err)
	}
	f, err := root.Open("report.json")
	if err != nil {
		return r, fmt.Errorf("reading the build's report: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	if err := json.NewDecoder(io.LimitReader(f, maxReport)).Decode(&r); err != nil {
		return r, fmt.Errorf("reading the build's report: %w", err)
	}
	return r, nil
}

// describe reads what the image is from the image itself.
func (r *run) describe(image v1.Image) (platform.BuildResult, error) {
	result := platform.BuildResult{Builder: "buildpacks"}
	manifest, err := image.Manifest()
	if err != nil {
		return result, fmt.Errorf("reading the image: %w", err)
	}
	for _, layer := range manifest.Layers {
		result.Bytes += layer.Size
	}
	config, err := image.ConfigFile()
	if err != nil {
		return result, fmt.Errorf("reading the image: %w", err)
	}
	said, err := r.space.report()
	if err != nil {
		return result, err
	}
	result.Detected = plain(said.Detected, 200)
	result.Processes, err = processes(config.Config.Labels["io.buildpacks.build.metadata"], said)
	if err == nil && len(result.Processes) == 0 {
		err = platform.Errorf(platform.Invalid, "no_process", "The build made no process that could be started.").
			WithHint("Add a Procfile with a line such as: web: ./start")
	}
	return result, err
}

// processes are the ones that the launcher of the image knows.
func processes(label string, said report) ([]platform.Process, error) {
	var metadata struct {
		Processes []struct {
			Type    string   `json:"type"`
			Command any      `json:"command"`
			Args    []string `json:"args"`
		} `json:"processes"`
	}
	if err := json.Unmarshal([]byte(label), &metadata); err != nil {
		return nil, fmt.Errorf("reading the processes of the image: %w", err)
	}
	var found []platform.Process
	for _, p := range metadata.Processes {
		if err := platform.ValidateProcessType(p.Type); err != nil {
			return nil, err
		}
		command := plain(said.Processes[p.Type], 500)
		if command == "" {
			command = plain(fmt.Sprint(p.Command, " ", strings.Join(p.Args, " ")), 500)
		}
		found = append(found, platform.Process{Type: p.Type, Command: command, Entrypoint: []string{"/cnb/process/" + p.Type}})
	}
	return found, nil
}

// plain makes one line of printable characters.
func plain(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return strings.TrimSpace(text)
}
