-- +goose Up
-- Patrol proof: what is asked, what was measured, and why it was measured again.

-- A policy (巡查制度) is never changed: an edit is its next version. retired_at is
-- set on the version that another one, or nothing, has followed.
CREATE SEQUENCE patrol_policy_id START 2;
CREATE TABLE patrol_policy (
  id         bigint NOT NULL,
  version    integer NOT NULL,
  name       text NOT NULL,
  org_id     bigint REFERENCES org,             -- for it and those below it; NULL = everybody
  rule       text NOT NULL CHECK (rule IN ('half_day_quota','twice_daily','weekly_sweep','object_cycle','checkpoint_route')),
  cycle      text NOT NULL CHECK (cycle IN ('day','week','month','quarter')),
  params     jsonb NOT NULL DEFAULT '{}',
  holiday    text NOT NULL DEFAULT 'prorate' CHECK (holiday IN ('prorate','fixed')),
  valid_from date NOT NULL,
  valid_to   date,                              -- the last day
  note       text NOT NULL DEFAULT '',
  made_at    timestamptz NOT NULL DEFAULT now(),
  made_by    bigint REFERENCES account,
  retired_at timestamptz,
  PRIMARY KEY (id, version)
);
CREATE UNIQUE INDEX patrol_policy_living ON patrol_policy (id) WHERE retired_at IS NULL;
INSERT INTO patrol_policy (id, version, name, rule, cycle, params, valid_from, note)
VALUES (1, 1, '每周三个半天', 'half_day_quota', 'week', '{"required": 3, "half_day_s": 7200}', '2016-08-01', '每周网格走访不少于 3 个半天，每个半天不少于 2 小时');

-- What a worker's day came to, as it is judged now.
CREATE TABLE patrol_day (
  region_id    bigint NOT NULL,
  worker_id    bigint NOT NULL REFERENCES worker,
  day          date NOT NULL,
  am_ms        integer NOT NULL,
  pm_ms        integer NOT NULL,
  am_ok        boolean NOT NULL,
  pm_ok        boolean NOT NULL,
  twice        boolean NOT NULL,
  night        boolean NOT NULL,
  in_ms        bigint NOT NULL,
  out_ms       bigint NOT NULL,
  distance_m   double precision NOT NULL,
  fixes        integer NOT NULL,
  visits       integer NOT NULL,
  found        integer NOT NULL,
  grid_ids     bigint[] NOT NULL,               -- assigned on the day
  shares       jsonb NOT NULL,                  -- patrol.GridShare, one for each of these
  measure      jsonb NOT NULL,                  -- patrol.DayMeasure with every interval
  rule_version text NOT NULL,
  digest       bytea NOT NULL,                  -- of what it was computed from
  seq          integer NOT NULL,                -- of its newest verdict; 0 while the day is running
  why          text[] NOT NULL,                 -- why it was computed (again)
  computed_at  timestamptz NOT NULL,
  seen_at      timestamptz NOT NULL DEFAULT now(), -- when it was last looked at: the same may have come out
  PRIMARY KEY (region_id, worker_id, day)
);
CREATE INDEX patrol_day_day ON patrol_day (region_id, day);

-- Where somebody's accepted track led on a day: the H3 cells (resolution 11, about 50 m) of a grid's
-- walkable ground near it. As personal as a track and kept as long; what a week came to stays.
CREATE TABLE patrol_walk (
  region_id bigint NOT NULL,
  grid_id   bigint NOT NULL REFERENCES grid,
  day       date NOT NULL,
  worker_id bigint NOT NULL REFERENCES worker,
  cells     bigint[] NOT NULL,
  PRIMARY KEY (region_id, grid_id, day, worker_id)
);
CREATE INDEX patrol_walk_worker ON patrol_walk (region_id, worker_id, day);

-- Every verdict there has been, so that yesterday's can still be explained.
CREATE TABLE patrol_verdict (
  region_id    bigint NOT NULL,
  worker_id    bigint NOT NULL REFERENCES worker,
  day          date NOT NULL,
  seq          integer NOT NULL,
  computed_at  timestamptz NOT NULL,
  rule_version text NOT NULL,
  policy       jsonb NOT NULL,                  -- as it was
  digest       bytea NOT NULL,
  why          text[] NOT NULL,
  am_ms        integer NOT NULL,
  pm_ms        integer NOT NULL,
  qualified    smallint NOT NULL,
  measure      jsonb NOT NULL,
  PRIMARY KEY (region_id, worker_id, day, seq)
);

-- What a grid's week came to.
CREATE TABLE patrol_week (
  region_id    bigint NOT NULL,
  grid_id      bigint NOT NULL REFERENCES grid,
  week         date NOT NULL CHECK (extract(isodow FROM week) = 1),
  working_days smallint NOT NULL,
  required     smallint NOT NULL,
  qualified    smallint NOT NULL,
  state        text NOT NULL CHECK (state IN ('met','unmet','exempt')),
  leader_id    bigint REFERENCES worker,
  workers      integer NOT NULL,
  area_n integer NOT NULL, area_d integer NOT NULL,
  household_n integer NOT NULL, household_d integer NOT NULL,
  object_n integer NOT NULL, object_d integer NOT NULL,
  checkpoint_n integer NOT NULL, checkpoint_d integer NOT NULL,
  visits       integer NOT NULL,
  attempts     integer NOT NULL,
  short_visits integer NOT NULL,
  found        integer NOT NULL,
  in_ms        bigint NOT NULL,
  out_ms       bigint NOT NULL,
  distance_m   double precision NOT NULL,
  night        integer NOT NULL,
  gap_ms       bigint NOT NULL,
  gaps         integer NOT NULL,
  measure      jsonb NOT NULL,                  -- patrol.WeekMeasure
  rule_version text NOT NULL,
  why          text[] NOT NULL,
  computed_at  timestamptz NOT NULL,
  PRIMARY KEY (region_id, grid_id, week)
);
CREATE INDEX patrol_week_week ON patrol_week (week, region_id);

-- Worker-days and grid-weeks to compute again, and why. A day's row is removed
-- by the transaction that computes it, unless another reason came meanwhile.
CREATE TABLE patrol_dirty (
  region_id bigint NOT NULL,
  worker_id bigint NOT NULL,
  day       date NOT NULL,
  why       text[] NOT NULL,
  at        timestamptz NOT NULL DEFAULT now(),
  n         integer NOT NULL DEFAULT 1,         -- how often it was marked
  PRIMARY KEY (region_id, worker_id, day)
);
CREATE INDEX patrol_dirty_at ON patrol_dirty (at);
CREATE TABLE patrol_week_dirty (
  region_id bigint NOT NULL,
  grid_id   bigint NOT NULL,
  week      date NOT NULL,
  why       text[] NOT NULL,
  at        timestamptz NOT NULL DEFAULT now(),
  n         integer NOT NULL DEFAULT 1,
  PRIMARY KEY (region_id, grid_id, week)
);

-- How far the nightly computing has come, and on which ground.
CREATE TABLE patrol_state (one boolean PRIMARY KEY DEFAULT true CHECK (one), epoch bigint NOT NULL DEFAULT 0, grids_at timestamptz NOT NULL DEFAULT now(), terms bigint NOT NULL DEFAULT 0, closed_day date, seen_week date);
INSERT INTO patrol_state DEFAULT VALUES;

-- Approved leave (请假), in half-days, both ends included.
CREATE TABLE leave (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  region_id    bigint NOT NULL REFERENCES region,
  worker_id    bigint NOT NULL REFERENCES worker,
  from_day     date NOT NULL,
  from_half    text NOT NULL CHECK (from_half IN ('am','pm')),
  to_day       date NOT NULL,
  to_half      text NOT NULL CHECK (to_half IN ('am','pm')),
  kind         text NOT NULL DEFAULT 'leave' CHECK (kind IN ('leave','sick','training','secondment','other')),
  reason       text NOT NULL DEFAULT '',
  approved_at  timestamptz NOT NULL,
  approved_by  bigint REFERENCES account,
  cancelled_at timestamptz,
  cancelled_by bigint REFERENCES account,
  CHECK (from_day < to_day OR from_day = to_day AND (from_half = 'am' OR to_half = 'pm'))
);
CREATE INDEX leave_worker ON leave (worker_id, from_day) WHERE cancelled_at IS NULL;
