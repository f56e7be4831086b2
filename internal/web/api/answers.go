package api

import (
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/app"
	"github.com/lugsail/lugsail/platform/plan"
	"github.com/lugsail/lugsail/platform/release"
)

// The bodies of answers. A list that can grow has next, the cursor of its next page; null means that
// there is none.
type (
	AccountAnswer struct {
		Account Account `json:"account"`
	}
	SignedInAnswer struct {
		Secret  string  `json:"secret" doc:"the token, shown this once"`
		Token   Token   `json:"token"`
		Account Account `json:"account"`
	}
	StartedAnswer struct {
		Deployment *Deployment `json:"deployment" doc:"null when nothing needs to be deployed yet"`
	}
	AppsAnswer struct {
		Apps []App   `json:"apps"`
		Next *string `json:"next"`
	}
	AppAnswer struct {
		App App `json:"app"`
	}
	ConfigNamesAnswer struct {
		Names   []string            `json:"names"`
		Waiting platform.ConfigDiff `json:"waiting" doc:"what the next deployment changes of the config vars that run"`
		Brought []Binding           `json:"brought" doc:"what add-ons bring beside these"`
	}
	ConfigHistoryAnswer struct {
		Changes []ConfigChange `json:"changes"`
		Next    *string        `json:"next"`
	}
	ConfigPreviewAnswer struct {
		Config platform.ConfigDiff `json:"config"`
		Effect app.Effect          `json:"effect" doc:"of deploying it at once"`
	}
	EffectAnswer struct {
		Effect app.Effect `json:"effect"`
	}
	RollbackPreviewAnswer struct {
		Release    Release            `json:"release" doc:"the one that returns"`
		Difference release.Difference `json:"difference" doc:"from what serves to what returns"`
		Effect     app.Effect         `json:"effect"`
		Stays      []string           `json:"stays" doc:"what a roll back does not bring back, in sentences"`
	}
	NameAnswer struct {
		Name    string   `json:"name"`
		Free    bool     `json:"free"`
		Refused *Failure `json:"refused" doc:"why an app cannot be called so; null when it can"`
		Instead string   `json:"instead" doc:"a name near it that is free; empty when it is free itself"`
	}
	ConfigAnswer struct {
		Config map[string]string `json:"config"`
	}
	DeploymentsAnswer struct {
		Deployments []Deployment `json:"deployments"`
		Next        *string      `json:"next"`
	}
	DeploymentAnswer struct {
		Deployment Deployment `json:"deployment"`
	}
	DomainsAnswer struct {
		Domains []Domain `json:"domains"`
		Next    *string  `json:"next"`
	}
	DomainAnswer struct {
		Domain Domain       `json:"domain"`
		Advice DomainAdvice `json:"advice"`
	}
	BlueprintsAnswer struct {
		Blueprints []Blueprint `json:"blueprints"`
	}
	MadeAnswer struct {
		App        App         `json:"app"`
		Deployment *Deployment `json:"deployment"`
		Addons     []string    `json:"addons" doc:"names of the add-ons that were made with it"`
		Note       string      `json:"note" doc:"what the person should know; empty when there is nothing"`
	}
	BindingsAnswer struct {
		Bindings []Binding `json:"bindings"`
	}
	PublicPortsAnswer struct {
		PublicPorts []PublicPort `json:"public_ports"`
	}
	PublicPortAnswer struct {
		PublicPort PublicPort `json:"public_port"`
	}
	StatsAnswer struct {
		Stats Stats `json:"stats"`
	}
	VolumesAnswer struct {
		Volumes []Volume `json:"volumes"`
		Next    *string  `json:"next"`
	}
	SnapshotsAnswer struct {
		Snapshots []Snapshot `json:"snapshots"`
	}
	SnapshotAnswer struct {
		Snapshot Snapshot `json:"snapshot"`
	}
	EventsAnswer struct {
		Events []Event `json:"events"`
		Next   *string `json:"next"`
	}
	PlansAnswer struct {
		Plans    []Plan        `json:"plans"`
		Capacity plan.Capacity `json:"capacity"`
	}
	ReleasesAnswer struct {
		Releases []Release `json:"releases"`
		Next     *string   `json:"next"`
	}
	ReplicasAnswer struct {
		Replicas []Replica `json:"replicas"`
	}
	RunsAnswer struct {
		Runs []Run `json:"runs"`
	}
	RunAnswer struct {
		Run Run `json:"run"`
	}
	LogsAnswer struct {
		Lines []platform.LogLine `json:"lines"`
	}
	KeysAnswer struct {
		Keys []Key `json:"keys"`
	}
	KeyAnswer struct {
		Key Key `json:"key"`
	}
	TokensAnswer struct {
		Tokens []Token `json:"tokens"`
	}
	NewTokenAnswer struct {
		Secret string `json:"secret" doc:"the token, shown this once"`
		Token  Token  `json:"token"`
	}
)
