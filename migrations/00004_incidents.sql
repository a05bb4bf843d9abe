-- +goose Up
-- Incidents and the numbered record of each region.
CREATE TABLE category (
  code text PRIMARY KEY, parent_code text REFERENCES category, name text NOT NULL, pinyin text NOT NULL DEFAULT '', sort integer NOT NULL DEFAULT 0, retired boolean NOT NULL DEFAULT false
);

-- Case numbers are spoken on the phone: short, by day, unique under concurrency (the row is the lock).
CREATE TABLE case_counter (
  region_id bigint NOT NULL REFERENCES region, day date NOT NULL, seq integer NOT NULL, PRIMARY KEY (region_id, day)
);

CREATE TABLE incident (
  id               uuid PRIMARY KEY,
  region_id        bigint NOT NULL REFERENCES region,   -- for life
  case_no          text NOT NULL,
  version          integer NOT NULL DEFAULT 1,
  state            text NOT NULL DEFAULT 'reported',
  kind             text NOT NULL DEFAULT 'incident' CHECK (kind IN ('incident','info','micro','sos','alarm')),
  source           text NOT NULL DEFAULT 'patrol',
  title            text NOT NULL,
  description      text NOT NULL DEFAULT '',
  category         text NOT NULL DEFAULT '' ,
  tier             smallint CHECK (tier BETWEEN 1 AND 4),
  severity         smallint CHECK (severity BETWEEN 1 AND 4),  -- Ⅰ (1) is worst
  urgency          text NOT NULL DEFAULT 'normal' CHECK (urgency IN ('notice','normal','urgent','critical')),
  org_id           bigint NOT NULL REFERENCES org,      -- whose ground it lies on (ball in court)
  grid_id          bigint, grid_version integer,
  geom             geometry(Point, 4326),
  accuracy         real,
  address          text NOT NULL DEFAULT '',
  src_crs          text NOT NULL DEFAULT 'wgs84',
  reporter_account bigint REFERENCES account,
  reporter_worker  bigint REFERENCES worker,
  reporter_name    text NOT NULL DEFAULT '',
  reporter_phone   text NOT NULL DEFAULT '',
  client_id        text,                                -- makes an offline report idempotent
  drill            boolean NOT NULL DEFAULT false,
  occurred_at      timestamptz,
  reported_at      timestamptz NOT NULL,
  updated_at       timestamptz NOT NULL,
  UNIQUE (region_id, case_no),
  CHECK (geom IS NOT NULL OR address <> '')
);
CREATE UNIQUE INDEX incident_client ON incident (region_id, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX incident_region_time ON incident (region_id, reported_at DESC, id);
CREATE INDEX incident_grid ON incident (grid_id);
CREATE INDEX incident_org ON incident (org_id, reported_at DESC);

-- Organisations other than the owner that may see a case.
CREATE TABLE incident_party (
  incident_id uuid NOT NULL REFERENCES incident, org_id bigint NOT NULL REFERENCES org, role text NOT NULL, since timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (incident_id, org_id, role)
);
CREATE INDEX incident_party_org ON incident_party (org_id);

CREATE TABLE attachment (
  id          uuid PRIMARY KEY,
  region_id   bigint NOT NULL REFERENCES region,
  incident_id uuid REFERENCES incident,
  kind        text NOT NULL DEFAULT 'near' CHECK (kind IN ('near','far','ref','before','after','audio','video','doc')),
  mime        text NOT NULL,
  size        bigint NOT NULL,
  sha256      bytea NOT NULL,
  width       integer, height integer,
  taken_at    timestamptz,
  geom        geometry(Point, 4326),
  uploaded_by bigint REFERENCES account,
  created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX attachment_incident ON attachment (incident_id);

-- The journal of a region: numbered without gaps in the transaction of the change. Insert-only.
-- hash = SHA-256(prev ‖ region ‖ seq ‖ at ‖ kind ‖ subject ‖ digest); digest = SHA-256 of the body,
-- so that a body can be erased by the owner without breaking the chain.
CREATE TABLE journal (
  region_id  bigint NOT NULL REFERENCES region,
  seq        bigint NOT NULL,
  at         timestamptz NOT NULL,
  kind       text NOT NULL,                 -- 'incident.reported', 'sos.opened', …
  subject    text NOT NULL,                 -- the id of what it is about
  org_path   text NOT NULL,                 -- who may see it: organisations on this path and below…
  parties    text[] NOT NULL DEFAULT '{}',  -- …and these paths
  actor      bigint,                        -- account id; NULL = the system
  body       bytea,                         -- NULL = erased
  digest     bytea NOT NULL,
  prev       bytea NOT NULL,
  hash       bytea NOT NULL,
  PRIMARY KEY (region_id, seq)
);
CREATE INDEX journal_subject ON journal (subject, seq);

-- An incident as the API tells it: with the names of its organisation and grid, and its photos.
CREATE VIEW incident_shown AS
SELECT i.id, i.region_id, i.case_no, i.version, i.state, i.kind, i.source, i.title, i.description, i.category, i.tier, i.severity, i.urgency,
  i.org_id, o.path AS org_path, o.name AS org_name, i.grid_id, i.grid_version, COALESCE(v.name, '') AS grid_name,
  i.geom, i.accuracy, i.address, i.src_crs, i.reporter_account, i.reporter_worker, i.reporter_name, i.reporter_phone,
  COALESCE(i.client_id, '') AS client_id, i.drill, i.occurred_at, i.reported_at, i.updated_at,
  (SELECT jsonb_agg(jsonb_build_object('id', a.id, 'kind', a.kind, 'mime', a.mime, 'width', COALESCE(a.width, 0), 'height', COALESCE(a.height, 0), 'taken_at', a.taken_at) ORDER BY a.created_at, a.id)
   FROM attachment a WHERE a.incident_id = i.id) AS photos
FROM incident i JOIN org o ON o.id = i.org_id LEFT JOIN grid_version v ON v.grid_id = i.grid_id AND v.version = i.grid_version;
