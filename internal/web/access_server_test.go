package web

import "maps"

// The routes of the machine itself, which are its owner's.
func init() {
	maps.Copy(expected, map[string]row{
		"GET /api/v1/server/address": apiOwner, "PUT /api/v1/server/address": apiOwner,
		"POST /api/v1/server/address/check": apiOwner, "POST /api/v1/server/address/confirm": apiOwner,
	})
}
