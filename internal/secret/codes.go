package secret

import (
	"crypto/subtle"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/boombuler/barcode/qr"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
)

// codePeriod is how long a code is shown, in seconds; codeDrift how many periods a phone's clock may be off.
const (
	codePeriod = 30
	codeDrift  = 1
)

// Codes makes and checks the codes of authenticator apps, as all of them know it: SHA-1, six digits, 30 seconds.
type Codes struct{}

// Invite makes a secret of 160 bits, and the otpauth address that carries it.
func (Codes) Invite(issuer, account string) (secret, url string, err error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: account, Period: codePeriod, SecretSize: 20, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	if err != nil {
		return "", "", fmt.Errorf("making a secret for codes: %w", err)
	}
	return key.Secret(), key.URL(), nil
}

// Step tells to which period around now a code belongs. The periods are counted from 1970.
func (Codes) Step(secret, code string, now time.Time) (int64, bool) {
	present := int64(math.Floor(float64(now.Unix()) / codePeriod))
	for step := present - codeDrift; step <= present+codeDrift; step++ {
		if step < 0 {
			continue
		}
		right, err := hotp.GenerateCodeCustom(secret, uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(right), []byte(code)) == 1 {
			return step, true
		}
	}
	return 0, false
}

// Draw gives a text as a QR code, row by row: '1' is a dark square.
func (Codes) Draw(text string) ([]string, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("drawing a QR code: %w", err)
	}
	edges := code.Bounds()
	rows := make([]string, 0, edges.Dy())
	for y := edges.Min.Y; y < edges.Max.Y; y++ {
		var row strings.Builder
		for x := edges.Min.X; x < edges.Max.X; x++ {
			square := byte('0')
			if r, _, _, _ := code.At(x, y).RGBA(); r == 0 {
				square = '1'
			}
			_ = row.WriteByte(square) // never fails
		}
		rows = append(rows, row.String())
	}
	return rows, nil
}
