package web

import "maps"

// The routes of the machine itself, which are its owner's.
func init() {
	maps.Copy(expected, map[string]row{
		"GET /api/v1/server/address": apiOwner, "PUT /api/v1/server/address": apiOwner,
		"POST /api/v1/server/address/check": apiOwner, "POST /api/v1/server/address/confirm": apiOwner,
		"GET /api/v1/server/machine": apiOwner, "GET /api/v1/certificates": apiOwner, "GET /api/v1/copies": apiOwner, "POST /api/v1/copies": apiOwner,
		"GET /api/v1/disk/leftovers": apiOwner, "POST /api/v1/disk/clean": apiOwner, "GET /api/v1/diagnostics": apiOwner,
		"GET /api/v1/backups": apiOwner, "POST /api/v1/backups": apiOwner, "PUT /api/v1/backups/target": apiOwner, "DELETE /api/v1/backups/target": apiOwner, "GET /api/v1/backups/key": apiOwner,
		"DELETE /api/v1/backups/:backup": apiOwner, "POST /api/v1/backups/:backup/rehearse": apiOwner,
		"GET /server/backups": pageOwner, "POST /server/backups": pageOwner, "POST /server/backups/target": pageOwner, "POST /server/backups/off": pageOwner,
		"POST /server/backups/:backup/rehearse": pageOwner, "POST /server/backups/:backup/remove": pageOwner,

		"GET /welcome": pageOwner, "GET /welcome/done": pageOwner, "GET /server/address": pageOwner, "POST /server/address": pageOwner,
		"POST /server/address/check": pageOwner, "POST /server/address/confirm": pageOwner, "GET /server/disk": pageOwner, "POST /server/disk/clean": pageOwner,
		"GET /server/certificates": pageOwner, "GET /server/copies": pageOwner, "POST /server/copies": pageOwner, "GET /server/diagnostics": pageOwner,
	})
}
