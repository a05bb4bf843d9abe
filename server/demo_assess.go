package main

import (
	"context"
	"time"

	"github.com/gridward/gridward/server/access"
	"github.com/gridward/gridward/server/assess"
	"github.com/gridward/gridward/server/incident"
	"github.com/gridward/gridward/server/postgres"
)

const (
	demoAssessor  = "commander"
	demoAppellant = "station1"
	appealDays    = 7
)

// seedAssessment gives a fresh demo the assessment of the month that is over,
// made as a commander makes it: opened, computed, published; and one community
// appeals against its score.
func (h *house) seedAssessment(ctx context.Context) error {
	by, err := h.principal(ctx, demoAssessor)
	if err != nil {
		return err
	}
	p, err := h.desk.OpenPeriod(ctx, by, 0, assess.Month, monthBefore(h.clock()))
	if err != nil {
		return err
	}
	if p, err = h.desk.ComputePeriod(ctx, by, p.ID); err != nil {
		return err
	}
	if p, err = h.desk.PublishPeriod(ctx, by, p.ID, p.Version, appealDays); err != nil {
		return err
	}
	by, err = h.principal(ctx, demoAppellant)
	if err != nil {
		return err
	}
	own, err := postgres.AssessMine(ctx, h.db.Pool, by.Account)
	if err != nil {
		return err
	}
	for _, o := range own {
		if o.Level == assess.Community {
			_, err = h.desk.AppealScore(ctx, by, postgres.AssessAppeal{Period: p.ID, Level: o.Level, Subject: o.Subject, Reason: "有两件案件实际由区里处置，不应计入本社区"})
			break
		}
	}
	return err
}

// principal is who signs in under the name, without signing in.
func (h *house) principal(ctx context.Context, login string) (access.Principal, error) {
	a, err := postgres.AccountByLogin(ctx, h.db.Pool, login)
	if err != nil {
		return access.Principal{}, err
	}
	posts, err := postgres.Posts(ctx, h.db.Pool, a.ID)
	return access.Principal{Account: a.ID, Worker: a.Worker, Login: a.Login, Name: a.Name, Posts: posts}, err
}

// monthBefore is the month before the one of the instant, as a period is called.
func monthBefore(now time.Time) string {
	local := now.In(incident.BusinessZone())
	return time.Date(local.Year(), local.Month(), 1, 0, 0, 0, 0, local.Location()).AddDate(0, 0, -1).Format("2006-01")
}
