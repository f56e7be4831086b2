// Package credhelper stands in for the module that signs in to Azure's registry with the
// machine's own identity. See internal/without/ecr for why.
package credhelper

import "errors"

// ACRCredHelper knows no credentials.
type ACRCredHelper struct{}

// NewACRCredentialsHelper makes a helper that knows no credentials.
func NewACRCredentialsHelper() ACRCredHelper { return ACRCredHelper{} }

// Get has nothing for any server, upon which the asker goes on without a credential.
func (ACRCredHelper) Get(string) (user, password string, err error) {
	return "", "", errors.New("credentials not found in native keychain")
}
