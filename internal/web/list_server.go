package web

import (
	"github.com/lugsail/lugsail/internal/web/api"
	"github.com/lugsail/lugsail/internal/web/console"
)

// serverRoutes are those of the machine itself, for its owner.
func serverRoutes(a *api.API, p *console.Console) []route {
	return []route{
		{method: get, path: "/api/v1/server/address", kind: program, action: server, handler: a.AddressGet},
		{method: post, path: "/api/v1/server/address/check", kind: program, action: server, handler: a.AddressCheck},
		{method: put, path: "/api/v1/server/address", kind: program, action: server, handler: a.AddressSet},
		{method: post, path: "/api/v1/server/address/confirm", kind: program, action: server, handler: a.AddressConfirm},
		{method: get, path: "/api/v1/server/machine", kind: program, action: server, handler: a.MachineGet},
		{method: get, path: "/api/v1/certificates", kind: program, action: server, handler: a.CertificatesList},
		{method: get, path: "/api/v1/copies", kind: program, action: server, handler: a.CopiesList},
		{method: post, path: "/api/v1/copies", kind: program, action: server, handler: a.CopyMake},
		{method: get, path: "/api/v1/disk/leftovers", kind: program, action: server, handler: a.LeftoversList},
		{method: post, path: "/api/v1/disk/clean", kind: program, action: server, handler: a.DiskClean},
		{method: get, path: "/api/v1/diagnostics", kind: program, action: server, handler: a.Diagnostics},

		{method: get, path: "/api/v1/backups", kind: program, action: server, handler: a.BackupsList},
		{method: post, path: "/api/v1/backups", kind: program, action: server, handler: a.BackupCreate},
		{method: put, path: "/api/v1/backups/target", kind: program, action: server, handler: a.BackupsSet},
		{method: remove, path: "/api/v1/backups/target", kind: program, action: server, handler: a.BackupsOff},
		{method: get, path: "/api/v1/backups/key", kind: program, action: server, handler: a.BackupKey},
		{method: remove, path: "/api/v1/backups/:backup", kind: program, action: server, handler: a.BackupRemove},
		{method: post, path: "/api/v1/backups/:backup/rehearse", kind: program, action: server, handler: a.BackupRehearse},

		{method: get, path: "/welcome", kind: page, action: server, handler: p.Welcome},
		{method: get, path: "/welcome/done", kind: page, action: server, handler: p.WelcomeDone},
		{method: get, path: "/server/address", kind: page, action: server, handler: p.ServerAddress},
		{method: post, path: "/server/address", kind: page, action: server, handler: p.AddressSet},
		{method: post, path: "/server/address/check", kind: page, action: server, handler: p.AddressCheck},
		{method: post, path: "/server/address/confirm", kind: page, action: server, handler: p.AddressConfirm},
		{method: get, path: "/server/disk", kind: page, action: server, handler: p.ServerDisk},
		{method: post, path: "/server/disk/clean", kind: page, action: server, handler: p.DiskClean},
		{method: get, path: "/server/certificates", kind: page, action: server, handler: p.ServerCertificates},
		{method: get, path: "/server/copies", kind: page, action: server, handler: p.ServerCopies},
		{method: post, path: "/server/copies", kind: page, action: server, handler: p.CopyMake},
		{method: get, path: "/server/backups", kind: page, action: server, handler: p.ServerBackups},
		{method: post, path: "/server/backups", kind: page, action: server, handler: p.BackupCreate},
		{method: post, path: "/server/backups/target", kind: page, action: server, handler: p.BackupsSet},
		{method: post, path: "/server/backups/off", kind: page, action: server, handler: p.BackupsOff},
		{method: post, path: "/server/backups/:backup/rehearse", kind: page, action: server, handler: p.BackupRehearse},
		{method: post, path: "/server/backups/:backup/remove", kind: page, action: server, handler: p.BackupRemove},
		{method: get, path: "/server/diagnostics", kind: page, action: server, handler: p.ServerDiagnostics},
	}
}
