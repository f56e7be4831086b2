package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lugsail/lugsail/internal/web/request"
	"github.com/lugsail/lugsail/platform"
	"github.com/lugsail/lugsail/platform/plan"
)

// Plan is a plan and how often it still fits.
type Plan struct {
	platform.Plan
	Fits    int  `json:"fits"`
	Limited bool `json:"limited"` // capacity.cpus is less than the plan may use
}

// PlansList answers GET /plans.
func (a *API) PlansList(c echo.Context) error {
	replicas, err := request.Int(c, "replicas", 1, 1, platform.MaxAppReplicas)
	if err != nil {
		return err
	}
	capacity, err := a.Apps.Plans(c.Request().Context(), request.Actor(c))
	if err != nil {
		return err
	}
	offers := capacity.OffersOf(int(replicas))
	return c.JSON(http.StatusOK, PlansAnswer{
		Plans:    list(offers, func(o plan.Offer) Plan { return Plan{Plan: o.Plan, Fits: o.Fits, Limited: o.Limited} }),
		Capacity: capacity,
	})
}
