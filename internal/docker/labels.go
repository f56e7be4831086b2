package docker

import (
	"strconv"

	"github.com/docker/docker/api/types/filters"

	"github.com/lugsail/lugsail/platform"
)

// The labels are all that is needed to adopt a replica again.
const (
	labelInstance   = "lugsail.instance"
	labelApp        = "lugsail.app"
	labelAppName    = "lugsail.app-name"
	labelRelease    = "lugsail.release"
	labelDeployment = "lugsail.deployment"
	labelProcess    = "lugsail.process"
	labelIndex      = "lugsail.index"
	labelPort       = "lugsail.port"
)

func (e *Engine) labelsOf(s platform.ReplicaSpec) map[string]string {
	return withVolumes(map[string]string{
		labelInstance:   e.instance,
		labelApp:        s.AppID,
		labelAppName:    s.App,
		labelRelease:    strconv.Itoa(s.Release),
		labelDeployment: s.Deployment,
		labelProcess:    s.Process,
		labelIndex:      strconv.Itoa(s.Index),
		labelPort:       strconv.Itoa(s.Port),
	}, s.Mounts)
}

// ours selects what this instance made, for one app or for all of them.
func (e *Engine) ours(appID string) filters.Args {
	args := filters.NewArgs(filters.Arg("label", labelInstance+"="+e.instance))
	if appID != "" {
		args.Add("label", labelApp+"="+appID)
	}
	return args
}

// replicas selects the containers among ours that are replicas: builds carry our labels too.
func (e *Engine) replicas(appID string) filters.Args {
	args := e.ours(appID)
	args.Add("label", labelRelease)
	return args
}
