-- +goose Up
-- The closed loop: an incident from report to archive, and the orders it gives rise to.
-- States and steps are the tables in server/incident; here is what is known of a case.

ALTER TABLE incident
  ADD sensitivity    text NOT NULL DEFAULT 'normal' CHECK (sensitivity IN ('normal','high')), -- high: never on a shared wall
  ADD std_code       text NOT NULL DEFAULT '',          -- 标准事项码, of the category when it was accepted
  ADD state_since    timestamptz NOT NULL DEFAULT now(),
  ADD owner_org      bigint REFERENCES org,             -- in whose court the ball is
  ADD owner_worker   bigint REFERENCES worker,
  ADD first_account  bigint REFERENCES account,         -- 首问责任人
  ADD lead_order     uuid,                              -- the order that the state follows
  ADD self_handled   boolean NOT NULL DEFAULT false,
  ADD checked_by_lot boolean,                           -- self-handled: whether the draw asked for a check
  ADD rework_count   smallint NOT NULL DEFAULT 0,
  ADD return_count   smallint NOT NULL DEFAULT 0,
  ADD delay_count    smallint NOT NULL DEFAULT 0,
  ADD urge_count     smallint NOT NULL DEFAULT 0,
  ADD push_count     smallint NOT NULL DEFAULT 0,       -- pushed down: once at the most
  ADD supervise      text NOT NULL DEFAULT '' CHECK (supervise IN ('','yellow','red','listed')), -- 黄牌 红牌 挂牌
  ADD suspended_at   timestamptz,
  ADD review_at      timestamptz,                       -- of a suspended case
  ADD suspend_asked  boolean NOT NULL DEFAULT false,
  ADD delay_asked    boolean NOT NULL DEFAULT false,
  ADD whistles       smallint NOT NULL DEFAULT 0,       -- open ones
  ADD appealed       boolean NOT NULL DEFAULT false,    -- against 不予受理: once
  ADD merged_into    uuid REFERENCES incident,
  ADD reopened_from  uuid REFERENCES incident,
  ADD recurrence     uuid,                              -- the first case of a row of recurring ones
  ADD public_reply   text NOT NULL DEFAULT '',
  ADD accepted_at    timestamptz, ADD dispatched_at timestamptz, ADD signed_at timestamptz, ADD fed_back_at timestamptz, ADD checked_at timestamptz,
  ADD closed_at      timestamptz,
  ADD close_reason   text NOT NULL DEFAULT '' CHECK (close_reason IN ('','evaluated','default','self','forced')),
  ADD satisfaction   smallint CHECK (satisfaction BETWEEN 1 AND 5),  -- 5 非常满意; a default is no satisfaction
  ADD archived_at    timestamptz,
  -- the two clocks as they stand; clock has their history
  ADD stage          text NOT NULL DEFAULT '',
  ADD stage_due      timestamptz, ADD stage_warn timestamptz, ADD stage_from text NOT NULL DEFAULT '',
  ADD case_due       timestamptz, ADD case_warn timestamptz, ADD case_from text NOT NULL DEFAULT '',
  ADD provisional    boolean NOT NULL DEFAULT false,    -- a due instant stands on a day that is not announced yet
  ADD paused         boolean NOT NULL DEFAULT false,
  ADD open           boolean GENERATED ALWAYS AS (state NOT IN ('closed','archived','rejected','void','merged')) STORED;
UPDATE incident SET state_since = reported_at, owner_org = org_id;
ALTER TABLE incident ADD CHECK (state IN ('reported','verifying','accepted','dispatched','returned','handling','suspended','feedback','checking','evaluating','closed','archived','rejected','void','merged'));
CREATE INDEX incident_open_due ON incident (region_id, case_due) WHERE open;
CREATE INDEX incident_open_owner ON incident (owner_org, state) WHERE open;
CREATE INDEX incident_recurrence ON incident (recurrence) WHERE recurrence IS NOT NULL;
CREATE INDEX incident_geom_open ON incident USING gist (geom) WHERE open;

ALTER TABLE category ADD sensitive boolean NOT NULL DEFAULT false, ADD default_tier smallint NOT NULL DEFAULT 2 CHECK (default_tier BETWEEN 1 AND 4),
  ADD std_ref text NOT NULL DEFAULT '', ADD std_kind text NOT NULL DEFAULT '', ADD std_code text NOT NULL DEFAULT '', ADD default_org bigint REFERENCES org,
  ADD keywords text NOT NULL DEFAULT '', ADD photo_after boolean NOT NULL DEFAULT false, ADD version integer NOT NULL DEFAULT 1;

-- An order (派遣任务): somebody is told to act on a case. The case follows its lead order.
CREATE TABLE dispatch_order (
  id            uuid PRIMARY KEY,
  region_id     bigint NOT NULL REFERENCES region,
  incident_id   uuid NOT NULL REFERENCES incident,
  seq           smallint NOT NULL,                      -- 1, 2, … within the case
  mode          text NOT NULL CHECK (mode IN ('lead','assist','inform')),  -- 主办 协办 抄送
  org_id        bigint NOT NULL REFERENCES org,
  worker_id     bigint REFERENCES worker,
  state         text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending','handling','fed_back','done','returned','refused','recalled','reassigned','waived','informed')),
  version       integer NOT NULL DEFAULT 1,
  requirement   text NOT NULL DEFAULT '',
  ranking       uuid,                                   -- the candidates that were shown when it was given
  issued_by     bigint REFERENCES account, issued_name text NOT NULL DEFAULT '', issued_at timestamptz NOT NULL,
  sign_due      timestamptz, handle_due timestamptz,
  signed_at     timestamptz, signed_by bigint REFERENCES account, signed_name text NOT NULL DEFAULT '',
  arrived_at    timestamptz, arrived_geom geometry(Point, 4326), arrived_m real,
  fed_back_at   timestamptz,
  ended_at      timestamptz,
  end_code      text NOT NULL DEFAULT '', end_reason text NOT NULL DEFAULT '',
  rework        smallint NOT NULL DEFAULT 0,
  UNIQUE (incident_id, seq)
);
CREATE UNIQUE INDEX dispatch_order_lead ON dispatch_order (incident_id) WHERE mode = 'lead' AND state IN ('pending','handling','fed_back');
CREATE UNIQUE INDEX dispatch_order_once ON dispatch_order (incident_id, org_id, COALESCE(worker_id, 0)) WHERE state IN ('pending','handling','fed_back');
CREATE INDEX dispatch_order_worker ON dispatch_order (worker_id, issued_at DESC) WHERE worker_id IS NOT NULL;
CREATE INDEX dispatch_order_org ON dispatch_order (org_id, state);

-- What the handler says was done (处置反馈).
CREATE TABLE feedback (
  id          uuid PRIMARY KEY,
  incident_id uuid NOT NULL REFERENCES incident, order_id uuid REFERENCES dispatch_order,
  at          timestamptz NOT NULL, by_account bigint REFERENCES account, by_name text NOT NULL DEFAULT '',
  result      text NOT NULL CHECK (result IN ('solved','partly','cannot','not_exist')),
  text        text NOT NULL DEFAULT '', measures text NOT NULL DEFAULT '',
  client_id   text
);
CREATE INDEX feedback_incident ON feedback (incident_id);
CREATE UNIQUE INDEX feedback_client ON feedback (incident_id, client_id) WHERE client_id IS NOT NULL;

-- Looking: before filing (核实), after handling (核查), by telephone (回访).
CREATE TABLE verification (
  id          uuid PRIMARY KEY,
  incident_id uuid NOT NULL REFERENCES incident,
  kind        text NOT NULL CHECK (kind IN ('verify','check','callback')),
  org_id      bigint REFERENCES org, worker_id bigint REFERENCES worker,
  asked_by    bigint REFERENCES account, asked_name text NOT NULL DEFAULT '', asked_at timestamptz NOT NULL,
  state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending','done','dropped')),
  result      text NOT NULL DEFAULT '' CHECK (result IN ('','pass','fail','not_found','duplicate')),
  text        text NOT NULL DEFAULT '', done_at timestamptz, done_by bigint REFERENCES account, done_name text NOT NULL DEFAULT '',
  geom        geometry(Point, 4326), distance_m real
);
CREATE INDEX verification_incident ON verification (incident_id);
CREATE INDEX verification_worker ON verification (worker_id) WHERE state = 'pending';

-- Asking for more time (延期) and for the clock to stop (挂账).
CREATE TABLE delay_request (
  id          uuid PRIMARY KEY, incident_id uuid NOT NULL REFERENCES incident,
  asked_by    bigint REFERENCES account, asked_name text NOT NULL DEFAULT '', asked_at timestamptz NOT NULL, reason text NOT NULL, days smallint NOT NULL,
  state       text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked','approved','refused')),
  decided_by  bigint REFERENCES account, decided_name text NOT NULL DEFAULT '', decided_at timestamptz, note text NOT NULL DEFAULT '',
  old_due     timestamptz, new_due timestamptz
);
CREATE INDEX delay_request_incident ON delay_request (incident_id);
CREATE TABLE suspension (
  id          uuid PRIMARY KEY, incident_id uuid NOT NULL REFERENCES incident,
  asked_by    bigint REFERENCES account, asked_name text NOT NULL DEFAULT '', asked_at timestamptz NOT NULL, reason text NOT NULL, review_at timestamptz NOT NULL,
  state       text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked','approved','refused','ended')),
  decided_by  bigint REFERENCES account, decided_name text NOT NULL DEFAULT '', decided_at timestamptz, note text NOT NULL DEFAULT '',
  ended_at    timestamptz
);
CREATE INDEX suspension_incident ON suspension (incident_id);

CREATE TABLE evaluation (
  id          uuid PRIMARY KEY, incident_id uuid NOT NULL REFERENCES incident,
  at          timestamptz NOT NULL, by_account bigint REFERENCES account, by_name text NOT NULL DEFAULT '',
  rater       text NOT NULL CHECK (rater IN ('resident','reporter','grid','station','operator','clock')),
  grade       smallint CHECK (grade BETWEEN 1 AND 5),   -- NULL: by timeout, in no rate of satisfaction
  speed       smallint CHECK (speed BETWEEN 1 AND 5), effect smallint CHECK (effect BETWEEN 1 AND 5), attitude smallint CHECK (attitude BETWEEN 1 AND 5),
  text        text NOT NULL DEFAULT ''
);
CREATE INDEX evaluation_incident ON evaluation (incident_id);

-- A nudge (催办) or a formal demand with a reply (督办); by_account NULL = the clock raised it.
CREATE TABLE supervision (
  id          uuid PRIMARY KEY, incident_id uuid NOT NULL REFERENCES incident, order_id uuid REFERENCES dispatch_order,
  kind        text NOT NULL CHECK (kind IN ('urge','supervise')),
  level       text NOT NULL DEFAULT '' CHECK (level IN ('','yellow','red','listed')),
  by_account  bigint REFERENCES account, by_name text NOT NULL DEFAULT '', at timestamptz NOT NULL, requirement text NOT NULL DEFAULT '', reply_due timestamptz,
  reply       text NOT NULL DEFAULT '', replied_at timestamptz, replied_by bigint REFERENCES account, replied_name text NOT NULL DEFAULT ''
);
CREATE INDEX supervision_incident ON supervision (incident_id);

-- What can be defended a year later: everything about a case, gzipped JSON, with its SHA-256. Insert-only.
CREATE TABLE archive (
  incident_id uuid PRIMARY KEY REFERENCES incident, region_id bigint NOT NULL REFERENCES region,
  at timestamptz NOT NULL, number text NOT NULL UNIQUE, keep_until date NOT NULL, sha256 bytea NOT NULL, size integer NOT NULL, package bytea NOT NULL
);

DROP VIEW incident_shown;
CREATE VIEW incident_shown AS
SELECT i.id, i.region_id, i.case_no, i.version, i.state, i.kind, i.source, i.title, i.description, i.category, i.tier, i.severity, i.urgency,
  i.org_id, o.path AS org_path, o.name AS org_name, i.grid_id, i.grid_version, COALESCE(v.name, '') AS grid_name,
  i.geom, i.accuracy, i.address, i.src_crs, i.reporter_account, i.reporter_worker, i.reporter_name, i.reporter_phone,
  COALESCE(i.client_id, '') AS client_id, i.drill, i.occurred_at, i.reported_at, i.updated_at,
  (SELECT jsonb_agg(jsonb_build_object('id', a.id, 'kind', a.kind, 'mime', a.mime, 'width', COALESCE(a.width, 0), 'height', COALESCE(a.height, 0), 'taken_at', a.taken_at) ORDER BY a.created_at, a.id)
   FROM attachment a WHERE a.incident_id = i.id) AS photos,
  i.sensitivity, i.std_code, i.state_since, i.owner_org, COALESCE(w.path, '') AS owner_path, COALESCE(w.name, '') AS owner_name, i.owner_worker, COALESCE(p.name, '') AS owner_worker_name,
  i.first_account, i.lead_order, i.self_handled, i.checked_by_lot, i.rework_count, i.return_count, i.delay_count, i.urge_count, i.push_count, i.supervise,
  i.suspended_at, i.review_at, i.suspend_asked, i.delay_asked, i.whistles, i.appealed, i.merged_into, i.reopened_from, i.recurrence, i.public_reply,
  i.accepted_at, i.dispatched_at, i.signed_at, i.fed_back_at, i.checked_at, i.closed_at, i.close_reason, i.satisfaction, i.archived_at,
  i.stage, i.stage_due, i.stage_warn, i.stage_from, i.case_due, i.case_warn, i.case_from, i.provisional, i.paused, i.open
FROM incident i JOIN org o ON o.id = i.org_id LEFT JOIN grid_version v ON v.grid_id = i.grid_id AND v.version = i.grid_version
  LEFT JOIN org w ON w.id = i.owner_org LEFT JOIN worker p ON p.id = i.owner_worker;
