package platform

// Plan is a flat limit for each replica of an app.
type Plan struct {
	Name          string  `json:"name"`
	Memory        int64   `json:"memory"`         // bytes, hard
	CPU           float64 `json:"cpu"`            // vCPUs guaranteed
	CPUBurst      float64 `json:"cpu_burst"`      // vCPUs at most
	PIDs          int64   `json:"pids"`           // processes and threads, hard
	Disk          int64   `json:"disk"`           // bytes, writable layer and volumes
	Transfer      int64   `json:"transfer"`       // bytes a month
	MonthlyDollar float64 `json:"monthly_dollar"` // a label: what Amazon Lightsail would ask
	Addon         bool    `json:"addon"`          // for add-ons; the others are for apps
}
