package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/lugsail/lugsail/platform"
)

// maxTable bounds what the control socket reads.
const maxTable = 32 << 20

type drainRequest struct {
	IDs     []string      `json:"ids"`
	Timeout time.Duration `json:"timeout"`
}

type drainAnswer struct {
	Left int `json:"left"`
}

// failure is how an error crosses the control socket.
type failure struct {
	Kind    platform.Kind `json:"kind"`
	Code    string        `json:"code"`
	Message string        `json:"message"`
	Hint    string        `json:"hint"`
}

// controlServer takes the control plane's commands.
func (s *Server) controlServer() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /table", handle(func(_ context.Context, t platform.RouteTable) (struct{}, error) {
		return struct{}{}, s.publish(t)
	}))
	mux.HandleFunc("POST /probe", handle(func(ctx context.Context, p platform.Probe) (platform.ProbeResult, error) {
		return probe(ctx, p), nil
	}))
	mux.HandleFunc("POST /drain", handle(func(ctx context.Context, d drainRequest) (drainAnswer, error) {
		return drainAnswer{s.drain(ctx, d.IDs, d.Timeout)}, nil
	}))
	mux.HandleFunc("POST /status", handle(func(context.Context, struct{}) (platform.ProxyStatus, error) {
		return s.status(), nil
	}))
	mux.HandleFunc("POST /traffic", handle(func(context.Context, struct{}) (platform.TrafficTotals, error) {
		return s.trafficTotals(), nil
	}))
	mux.HandleFunc("POST /certificates", handle(func(context.Context, struct{}) ([]platform.ServedCertificate, error) {
		return s.served(), nil
	}))
	mux.HandleFunc("POST /ca", handle(func(context.Context, struct{}) ([]byte, error) {
		return s.certs.authority.pem, nil
	}))
	server := s.baseServer(mux)
	server.ReadTimeout = time.Minute
	return server
}

// handle makes a handler of a function from one JSON value to another.
func handle[In, Out any](do func(context.Context, In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxTable)).Decode(&in); err != nil {
			fail(w, platform.Errorf(platform.Invalid, "control_request_invalid", "The proxy does not understand the request.").Because(err))
			return
		}
		out, err := do(r.Context(), in)
		if err != nil {
			fail(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out) // the caller sees a cut answer
	}
}

func fail(w http.ResponseWriter, err error) {
	e := platform.AsError(err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnprocessableEntity)
	_ = json.NewEncoder(w).Encode(failure{e.Kind, e.Code, e.Message, e.Hint}) // the caller sees a cut answer
}

func (f failure) err() error {
	if f.Message == "" {
		return errors.New("the proxy's answer has no message")
	}
	return &platform.Error{Kind: f.Kind, Code: f.Code, Message: f.Message, Hint: f.Hint}
}
