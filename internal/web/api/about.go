package api

import (
	"net/http"
	"reflect"

	"github.com/lugsail/lugsail/internal/web/openapi"
	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
)

// Operations describes every route of the API, once each. A test compares them with the list of routes,
// and every answer that it sees with them. A file with handlers has a list of its own beside them.
func Operations() []openapi.Operation {
	return join(
		accountOperations, serverOperations, doctorOperations, diskOperations, backupOperations, appOperations, configOperations, deploymentOperations, uploadOperations,
		releaseOperations, replicaOperations, metricOperations, domainOperations, volumeOperations, fileOperations, snapshotOperations, blueprintOperations, publicPortOperations, eventOperations, tokenOperations, keyOperations, securityOperations,
		sourceOperations, webhookOperations,
		commandOperations,
		trashOperations, previewOperations, addressOperations, machineOperations,
	)
}

// Groups are the headings of the reference, in order.
func Groups() []string {
	groups, seen := []string{}, map[string]bool{}
	for _, o := range Operations() {
		if !seen[o.Group] {
			seen[o.Group] = true
			groups = append(groups, o.Group)
		}
	}
	return groups
}

func join(lists ...[]openapi.Operation) []openapi.Operation {
	var all []openapi.Operation
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// Paths says what the names in paths mean.
func Paths() map[string]string {
	return map[string]string{
		"app":     "the app's name",
		"number":  "the deployment's number",
		"id":      "its id, as the list gives it",
		"host":    "the domain",
		"volume":  "the volume's name",
		"run":     "the run's name, run.k3f9 for example",
		"replica": "the replica's name, web.1 for example",
	}
}

// Problem is the body of every error.
var Problem = request.Problem{}

// Enums are the values of the types that have few. A test compares them with the constants.
func Enums() map[reflect.Type][]string {
	return map[reflect.Type][]string{
		reflect.TypeFor[platform.Role]():            {"owner", "developer", "viewer"},
		reflect.TypeFor[platform.Scope]():           {"read", "deploy", "admin"},
		reflect.TypeFor[platform.AppState]():        {"active", "trashed", "destroying"},
		reflect.TypeFor[platform.DeploymentKind]():  {"push", "rollback", "config", "scale", "restart", "trash", "restore", "rewind", "copy", "destroy"},
		reflect.TypeFor[platform.DeploymentState](): {"waiting", "running", "live", "failed", "cancelled", "replaced"},
		reflect.TypeFor[platform.StepName]():        {"fetch", "save", "addons", "data", "build", "release", "release-command", "start", "health", "switch", "retire"},
		reflect.TypeFor[platform.Origin]():          {"", "git", "remote", "upload", "image"},
		reflect.TypeFor[platform.VolumeState]():     {"active", "trashed"},
		reflect.TypeFor[platform.SnapshotState]():   {"making", "ready", "failed"},
		reflect.TypeFor[platform.BackupState]():     {"making", "ready", "failed"},
		reflect.TypeFor[platform.FileKind]():        {"directory", "file", "link", "other"},
		reflect.TypeFor[platform.StepState]():       {"waiting", "running", "done", "failed", "skipped", "undone"},
		reflect.TypeFor[platform.DeliveryOutcome](): {"received", "deployed", "ignored", "ping", "refused", "failed", "repeated"},
		reflect.TypeFor[platform.AddressKind]():     {"domain", "ready", "local"},
		reflect.TypeFor[platform.ReplicaState]():    {"created", "running", "restarting", "exited", "paused"},
	}
}

// Shared are the problems that every route of a kind can answer, beside its own.
func Shared(o openapi.Operation) openapi.Codes {
	codes := openapi.Codes{
		http.StatusBadRequest: "bad_request", http.StatusNotFound: "not_set_up", http.StatusTooManyRequests: "too_many_requests",
		http.StatusInternalServerError: "internal config_unreadable",
		http.StatusServiceUnavailable:  "busy database_stopped database_unwritable database_disk database_damaged database_unreachable database_refused database_missing docker_unavailable safe_mode",
	}
	if !o.Access.Public {
		codes[http.StatusUnauthorized] = "not_signed_in token_wrong token_expired session_expired"
		codes[http.StatusForbidden] = "not_allowed forbidden " + request.GuardNeeded
		codes[http.StatusTooManyRequests] += " too_many_tries"
	}
	for _, name := range o.PathParams() {
		switch name {
		case "app":
			codes[http.StatusNotFound] += " app_not_found"
		case "number":
			codes[http.StatusNotFound] += " number_not_found deployment_not_found"
		}
	}
	if o.Method() != http.MethodGet {
		codes[http.StatusForbidden] += " cross_origin"
		codes[http.StatusConflict] = "app_destroying app_trashed disk_full docker_too_old"
	}
	if o.Method() == http.MethodPost && !o.Access.Public {
		codes[http.StatusConflict] += " idempotency_running idempotency_unknown"
		codes[http.StatusUnprocessableEntity] = "idempotency_other idempotency_invalid"
		codes[http.StatusTooManyRequests] += " idempotency_full"
	}
	if o.Body != nil {
		codes[http.StatusBadRequest] += " json_invalid field_unknown field_twice field_invalid body_unreadable"
		codes[http.StatusRequestEntityTooLarge] = "body_too_large"
		codes[http.StatusUnsupportedMediaType] = "not_json"
		codes[http.StatusUnprocessableEntity] += " not_text"
	}
	if len(o.Query) > 0 {
		codes[http.StatusUnprocessableEntity] += " query_invalid"
	}
	if o.Events != nil {
		codes[http.StatusTooManyRequests] += " too_many_streams"
	}
	return codes
}

// pageParams are the parameters of lists that can grow.
var pageParams = []openapi.Param{
	{Name: "limit", Type: "integer", Min: 1, Max: 200, Means: "how many at most; 50 when left out"},
	{Name: "cursor", Type: "string", Means: "next of the page before"},
}

// started are the answers of a route that begins a deployment.
func begins(o openapi.Operation) openapi.Operation {
	o.Status, o.Answer = http.StatusAccepted, StartedAnswer{}
	return o
}
