// Package ecr stands in for the module that signs in to Amazon's registry with the machine's
// own AWS identity. The buildpacks libraries import it; Lugsail gives every build its
// credential itself, and a build must not use an identity that the server happens to have.
// The AWS SDK behind the real one was five megabytes of the binary.
package ecr

import (
	"errors"
	"io"
)

// ECRHelper knows no credentials.
type ECRHelper struct{}

// Option is what the real helper takes.
type Option func(*ECRHelper)

// WithLogger has no effect.
func WithLogger(io.Writer) Option { return func(*ECRHelper) {} }

// NewECRHelper makes a helper that knows no credentials.
func NewECRHelper(...Option) *ECRHelper { return &ECRHelper{} }

// Get has nothing for any server, upon which the asker goes on without a credential.
func (*ECRHelper) Get(string) (user, password string, err error) {
	return "", "", errors.New("credentials not found in native keychain")
}
