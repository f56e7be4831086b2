package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/api"
	"github.com/lugsail/lugsail/platform"
)

const healthPath = "/healthz"

// health answers GET /healthz: 200 when the database answers.
func (s *Server) health(c echo.Context) error {
	if err := s.ready(c.Request().Context()); err != nil {
		return platform.Errorf(platform.Unavailable, "not_ready", "The database does not answer.").Because(err)
	}
	return c.String(http.StatusOK, "ok\n")
}

// certificate answers GET /ca.crt: what a person trusts so that apps without a public
// certificate show no warning.
func (s *Server) certificate(c echo.Context) error {
	pem, err := s.ca(c.Request().Context())
	if err != nil {
		return platform.Errorf(platform.Unavailable, "ca_not_ready", "The certificate cannot be had just now.").
			WithHint("Try again in a few seconds.").Because(err)
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="lugsail-ca.crt"`)
	return c.Blob(http.StatusOK, "application/x-x509-ca-cert", pem)
}

func robots(c echo.Context) error {
	return c.String(http.StatusOK, "User-agent: *\nDisallow: /\n")
}

func (s *Server) info(ctx context.Context) api.Server {
	server := api.Server{Version: s.config.Version, Hosts: s.config.Hosts(), CAFingerprint: s.fingerprint(ctx)}
	if fingerprint := s.sshFingerprint(); fingerprint != "" {
		server.SSH = &api.SSH{Fingerprint: fingerprint}
	}
	return server
}

// fingerprint is the SHA-256 of the CA's certificate, hex; "" when the proxy does not tell.
func (s *Server) fingerprint(ctx context.Context) string {
	text, err := s.ca(ctx)
	if err != nil {
		return ""
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return ""
	}
	sum := sha256.Sum256(block.Bytes)
	return hex.EncodeToString(sum[:])
}
