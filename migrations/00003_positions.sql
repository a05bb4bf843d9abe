-- +goose Up
-- Positions: fixes, what is newest, who is in which grid, and what could not be kept.

-- A duty session (在岗会话). The client names it, so its start and end are idempotent.
CREATE TABLE duty_session (
  id              uuid PRIMARY KEY,
  region_id       bigint NOT NULL REFERENCES region,
  worker_id       bigint NOT NULL REFERENCES worker,
  org_id          bigint NOT NULL REFERENCES org,   -- the leaf organisation the worker is on duty for
  device_id       bigint REFERENCES device,
  purpose         text NOT NULL CHECK (purpose IN ('patrol','visit','emergency','event_task','window')),
  started_at      timestamptz NOT NULL,
  ended_at        timestamptz,
  auto_closed     boolean NOT NULL DEFAULT false,   -- provisional: late fixes before an explicit end reopen it
  covers_until    timestamptz,                      -- of an automatic close: the last fix time that still reopens it
  consent_version text NOT NULL DEFAULT '',
  source          text NOT NULL DEFAULT 'app',
  created_at      timestamptz NOT NULL DEFAULT now(),
  CHECK (ended_at IS NULL OR ended_at >= started_at)
);
CREATE INDEX duty_session_worker ON duty_session (worker_id, started_at);
CREATE INDEX duty_session_open ON duty_session (region_id) WHERE ended_at IS NULL;

-- An imported shift (排班); covers devices whose duty is "schedule".
CREATE TABLE shift (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  worker_id  bigint NOT NULL REFERENCES worker,
  org_id     bigint NOT NULL REFERENCES org,
  post       text NOT NULL DEFAULT 'grid' CHECK (post IN ('window','grid','command','patrol_team')),
  starts_at  timestamptz NOT NULL,
  ends_at    timestamptz NOT NULL,
  CHECK (ends_at > starts_at),
  UNIQUE (worker_id, starts_at)
);

-- One fix. speed m/s, course degrees from north, accuracy and altitude m; NULL = the device did not say.
CREATE TABLE fix (
  region_id    bigint NOT NULL,
  worker_id    bigint NOT NULL,
  device_id    bigint NOT NULL,
  at           timestamptz NOT NULL,
  received_at  timestamptz NOT NULL,
  grid_id      bigint,
  session_id   uuid,
  grid_version integer,
  flags        integer NOT NULL DEFAULT 0,
  speed        real,
  course       real,
  accuracy     real,
  altitude     real,
  battery      smallint,
  source       smallint NOT NULL DEFAULT 0,
  geom         geometry(Point, 4326) NOT NULL,
  PRIMARY KEY (region_id, worker_id, at, device_id)
) PARTITION BY RANGE (at);

-- Fixes whose time lies outside the partitions kept: a wrong clock, or a very old archive.
CREATE TABLE fix_outside (LIKE fix INCLUDING ALL);

-- keep_fix_partitions makes one partition per UTC day from keep days back to ahead days forward.
-- +goose StatementBegin
CREATE FUNCTION keep_fix_partitions(keep integer, ahead integer, today date DEFAULT (now() AT TIME ZONE 'UTC')::date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE d date; made integer := 0; part text;
BEGIN
  FOR d IN SELECT generate_series(today - keep, today + ahead, '1 day')::date LOOP
    part := 'fix_' || to_char(d, 'YYYYMMDD');
    IF to_regclass(part) IS NULL THEN
      EXECUTE format('CREATE TABLE %I PARTITION OF fix FOR VALUES FROM (%L) TO (%L)', part, d::text || ' 00:00:00+00', (d + 1)::text || ' 00:00:00+00');
      EXECUTE format('CREATE INDEX %I ON %I USING brin (at)', part || '_at', part);
      made := made + 1;
    END IF;
  END LOOP;
  RETURN made;
END $$;
-- +goose StatementEnd

-- drop_fix_partitions drops the partitions older than keep days and names them.
-- +goose StatementBegin
CREATE FUNCTION drop_fix_partitions(keep integer, today date DEFAULT (now() AT TIME ZONE 'UTC')::date) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE part text;
BEGIN
  FOR part IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = 'fix'::regclass AND c.relname ~ '^fix_[0-9]{8}$' AND to_date(substr(c.relname, 5), 'YYYYMMDD') < today - keep LOOP
    EXECUTE format('DROP TABLE %I', part);
    RETURN NEXT part;
  END LOOP;
END $$;
-- +goose StatementEnd

-- The newest plausible fix of each worker: what the board is rebuilt from.
CREATE TABLE last_fix (
  region_id    bigint NOT NULL,
  worker_id    bigint NOT NULL,
  device_id    bigint NOT NULL,
  org_id       bigint NOT NULL,
  at           timestamptz NOT NULL,
  received_at  timestamptz NOT NULL,
  grid_id      bigint,
  session_id   uuid,
  flags        integer NOT NULL DEFAULT 0,
  speed        real, course real, accuracy real,
  battery      smallint,
  still_since  timestamptz,              -- since when the worker has not moved; idle is judged by it
  still_geom   geometry(Point, 4326),    -- and where: moving a step at a time is moving
  geom         geometry(Point, 4326) NOT NULL,
  updated_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (region_id, worker_id)
);
CREATE INDEX last_fix_updated ON last_fix (updated_at);

-- In and out of a grid, with hysteresis. The one open interval of a worker is where he is.
CREATE TABLE grid_presence (
  region_id    bigint NOT NULL,
  worker_id    bigint NOT NULL,
  grid_id      bigint NOT NULL REFERENCES grid,
  grid_version integer NOT NULL,
  entered_at   timestamptz NOT NULL,
  last_at      timestamptz NOT NULL,
  left_at      timestamptz,
  fixes        integer NOT NULL DEFAULT 1,
  -- a candidate that is not yet long or deep enough to count as a move
  next_grid_id bigint, next_version integer, next_since timestamptz, next_fixes integer,
  PRIMARY KEY (region_id, worker_id, entered_at, grid_id)
);
CREATE UNIQUE INDEX grid_presence_open ON grid_presence (region_id, worker_id) WHERE left_at IS NULL;
CREATE INDEX grid_presence_grid ON grid_presence (grid_id, entered_at);

-- What arrived, was acknowledged and could not be stored as a fix. Visible and re-playable.
CREATE TABLE quarantine (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  received_at  timestamptz NOT NULL DEFAULT now(),
  device_id    bigint REFERENCES device,
  region_id    bigint,
  protocol     text NOT NULL,
  reason       text NOT NULL,            -- a word from the dictionary in server/fleet
  detail       text NOT NULL DEFAULT '',
  method       text NOT NULL DEFAULT '', query text NOT NULL DEFAULT '', content_type text NOT NULL DEFAULT '',
  body         bytea,
  digest       bytea NOT NULL,           -- the same record sent again adds to seen, not a row
  seen         integer NOT NULL DEFAULT 1,
  last_at      timestamptz NOT NULL DEFAULT now(),
  state        text NOT NULL DEFAULT 'held' CHECK (state IN ('held','replayed','discarded')),
  decided_at   timestamptz, decided_by bigint REFERENCES account,
  outcome      text NOT NULL DEFAULT '',
  UNIQUE (protocol, digest)
);
CREATE INDEX quarantine_held ON quarantine (received_at) WHERE state = 'held';

-- Off duty means not tracked: only that something came is counted, never where.
CREATE TABLE off_duty_count (
  device_id bigint NOT NULL REFERENCES device, day date NOT NULL, fixes bigint NOT NULL DEFAULT 0, PRIMARY KEY (device_id, day)
);

-- What a device last told us about itself.
CREATE TABLE device_seen (
  device_id bigint PRIMARY KEY REFERENCES device, at timestamptz NOT NULL, fix_at timestamptz, battery smallint, client text NOT NULL DEFAULT '', fixes bigint NOT NULL DEFAULT 0, late bigint NOT NULL DEFAULT 0
);

-- SOS calls. At most two hours of positions are stored off duty under one.
CREATE TABLE sos (
  id         uuid PRIMARY KEY,
  region_id  bigint NOT NULL REFERENCES region,
  worker_id  bigint NOT NULL REFERENCES worker,
  device_id  bigint REFERENCES device,
  at         timestamptz NOT NULL,
  geom       geometry(Point, 4326),
  state      text NOT NULL DEFAULT 'open' CHECK (state IN ('open','acked','closed')),
  acked_at   timestamptz, acked_by bigint REFERENCES account,
  closed_at  timestamptz, closed_by bigint REFERENCES account,
  incident_id uuid,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX sos_open ON sos (worker_id) WHERE state <> 'closed';
