package hook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// SecretPrefix begins every secret that Lugsail makes.
const SecretPrefix = "whsec_"

// freshness is how far a signed time may be from now.
const freshness = 5 * time.Minute

// verify reports whether the sender knows the secret, and gives what was signed with it: nothing where
// the secret itself was sent.
func verify(provider string, r Request, payload, secret []byte) (signed [][]byte, ok bool) {
	if len(secret) == 0 {
		return nil, false
	}
	switch provider {
	case GitHub:
		return [][]byte{r.Body}, hexMatches(strings.TrimPrefix(r.Header("X-Hub-Signature-256"), "sha256="), sign(secret, r.Body))
	case Bitbucket:
		return [][]byte{r.Body}, hexMatches(strings.TrimPrefix(r.Header("X-Hub-Signature"), "sha256="), sign(secret, r.Body))
	case Gitea:
		given := first(r.Header, []string{"X-Forgejo-Signature", "X-Gitea-Signature", "X-Gogs-Signature"})
		// the form's own bytes, or the JSON in it, as versions differ
		if hexMatches(given, sign(secret, payload)) {
			return [][]byte{payload}, true
		}
		return [][]byte{r.Body}, hexMatches(given, sign(secret, r.Body))
	case GitLab:
		if r.Header("Webhook-Signature") != "" {
			return [][]byte{[]byte(r.Header("Webhook-Id")), {'.'}, r.Body}, standard(r, secret)
		}
		return nil, same([]byte(r.Header("X-Gitlab-Token")), secret)
	}
	return nil, false
}

func sign(key []byte, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(nil)
}

func digest(parts [][]byte) string {
	sum := sha256.New()
	for _, p := range parts {
		sum.Write(p)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func hexMatches(given string, want []byte) bool {
	got, err := hex.DecodeString(given)
	return err == nil && hmac.Equal(got, want)
}

// same compares in a time that tells neither the length nor a part.
func same(a, b []byte) bool {
	x, y := sha256.Sum256(a), sha256.Sum256(b)
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// standard checks a signature of Standard Webhooks, which covers id, time and body.
func standard(r Request, secret []byte) bool {
	stamp := r.Header("Webhook-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || r.Now.Sub(time.Unix(seconds, 0)).Abs() > freshness {
		return false
	}
	keyText, _ := strings.CutPrefix(string(secret), SecretPrefix)
	key, err := base64.StdEncoding.DecodeString(keyText)
	if err != nil || len(key) == 0 {
		key = secret
	}
	want := sign(key, []byte(r.Header("Webhook-Id")+"."+stamp+"."), r.Body)
	ok := false
	for one := range strings.FieldsSeq(r.Header("Webhook-Signature")) {
		given, isV1 := strings.CutPrefix(one, "v1,")
		if got, err := base64.StdEncoding.DecodeString(given); err == nil && isV1 {
			ok = hmac.Equal(got, want) || ok
		}
	}
	return ok
}
