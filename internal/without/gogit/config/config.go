// Package config has the names that pack compiles against.
package config

// RemoteConfig is what is known of a remote.
type RemoteConfig struct {
	Name string
	URLs []string
}
