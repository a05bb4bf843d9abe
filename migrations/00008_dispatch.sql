-- +goose Up
-- Dispatch: what people can do, how candidates are ranked and what was shown,
-- commands (指令), notices (通知公告), and what lies around a case (周边资源).

-- What a worker can do beyond the ordinary. The dictionary is data.
CREATE TABLE skill (code text PRIMARY KEY CHECK (code ~ '^[a-z][a-z0-9_]{1,31}$'), name text NOT NULL, sort integer NOT NULL DEFAULT 0, retired boolean NOT NULL DEFAULT false);
INSERT INTO skill (code, name, sort) VALUES
('fire', '消防', 1), ('first_aid', '急救', 2), ('mediate', '调解', 3), ('water', '水域救援', 4), ('power', '电气燃气', 5),
('hazmat', '危化品', 6), ('drone', '无人机', 7), ('psych', '心理疏导', 8), ('dialect', '方言外语', 9);
CREATE TABLE worker_skill (
  worker_id bigint NOT NULL REFERENCES worker, skill text NOT NULL REFERENCES skill, since date NOT NULL DEFAULT current_date,
  PRIMARY KEY (worker_id, skill)
);

-- How a region ranks candidates: server/dispatch.Policy. Without a row the defaults hold.
CREATE TABLE dispatch_policy (
  region_id bigint PRIMARY KEY REFERENCES region, body jsonb NOT NULL, version integer NOT NULL DEFAULT 1,
  updated_at timestamptz NOT NULL DEFAULT now(), updated_by bigint REFERENCES account
);

-- A ranking as it was shown, names and reasons included; the order that came of
-- it names it. Insert-only.
CREATE TABLE ranking (
  id uuid PRIMARY KEY, region_id bigint NOT NULL REFERENCES region, incident_id uuid NOT NULL REFERENCES incident,
  at timestamptz NOT NULL, by_account bigint REFERENCES account, by_name text NOT NULL DEFAULT '', body jsonb NOT NULL
);
CREATE INDEX ranking_incident ON ranking (incident_id, at);

-- Whose hands are full, and who was sent today.
CREATE INDEX dispatch_order_busy ON dispatch_order (worker_id) WHERE worker_id IS NOT NULL AND state IN ('pending','handling');
CREATE INDEX dispatch_order_issued ON dispatch_order (issued_at) WHERE worker_id IS NOT NULL;
CREATE INDEX dispatch_order_org_open ON dispatch_order (org_id) WHERE state IN ('pending','handling');

-- A command (指令) to people or organisations, with or without acknowledgement.
CREATE TABLE command (
  id          uuid PRIMARY KEY,
  region_id   bigint NOT NULL REFERENCES region,
  org_id      bigint NOT NULL REFERENCES org,          -- for which organisation it was given
  by_account  bigint REFERENCES account, by_name text NOT NULL DEFAULT '',
  at          timestamptz NOT NULL,
  text        text NOT NULL,
  incident_id uuid REFERENCES incident,
  need_ack    boolean NOT NULL DEFAULT false,
  ack_due     timestamptz,
  area        geometry(MultiPolygon, 4326),            -- that it was sent to, when it was
  client_id   text
);
CREATE INDEX command_org ON command (org_id, at DESC);
CREATE INDEX command_by ON command (by_account, at DESC);
CREATE UNIQUE INDEX command_client ON command (by_account, client_id) WHERE client_id IS NOT NULL;
CREATE TABLE command_target (
  command_id uuid NOT NULL REFERENCES command, nr smallint NOT NULL,
  org_id     bigint NOT NULL REFERENCES org,           -- the organisation, or the worker's
  worker_id  bigint REFERENCES worker,
  acked_at   timestamptz, acked_by bigint REFERENCES account, acked_name text NOT NULL DEFAULT '', ack_text text NOT NULL DEFAULT '',
  PRIMARY KEY (command_id, nr)
);
CREATE INDEX command_target_worker ON command_target (worker_id, command_id) WHERE worker_id IS NOT NULL;
CREATE INDEX command_target_org ON command_target (org_id, command_id) WHERE worker_id IS NULL;

-- A notice (通知公告) to an organisation and all below it.
CREATE TABLE notice (
  id           uuid PRIMARY KEY,
  region_id    bigint NOT NULL REFERENCES region,
  org_id       bigint NOT NULL REFERENCES org,
  by_account   bigint REFERENCES account, by_name text NOT NULL DEFAULT '',
  at           timestamptz NOT NULL,
  kind         text NOT NULL DEFAULT 'notice' CHECK (kind IN ('notice','announcement','urgent')),  -- 通知 公告 紧急通知
  title        text NOT NULL,
  text         text NOT NULL DEFAULT '',
  need_receipt boolean NOT NULL DEFAULT false,
  top          boolean NOT NULL DEFAULT false,
  valid_until  timestamptz
);
CREATE INDEX notice_org ON notice (org_id, at DESC);
CREATE TABLE notice_read (
  notice_id uuid NOT NULL REFERENCES notice, account_id bigint NOT NULL REFERENCES account, at timestamptz NOT NULL,
  PRIMARY KEY (notice_id, account_id)
);

-- What may be of use near a case (周边资源).
CREATE TABLE resource (
  id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  region_id bigint NOT NULL REFERENCES region,
  org_id    bigint NOT NULL REFERENCES org,
  code      text NOT NULL,                             -- the owner's own number: an import again changes, not doubles
  kind      text NOT NULL CHECK (kind IN ('hydrant','aed','supply','shelter','rescue','party_centre','grid_station','medical','lookout','other')),
  name      text NOT NULL,
  pinyin    text NOT NULL DEFAULT '',
  geom      geometry(Point, 4326) NOT NULL,
  address   text NOT NULL DEFAULT '',
  contact   text NOT NULL DEFAULT '', phone text NOT NULL DEFAULT '',
  hours     text NOT NULL DEFAULT '',                  -- opening hours in words
  note      text NOT NULL DEFAULT '',
  status    text NOT NULL DEFAULT 'active' CHECK (status IN ('active','out_of_order','retired')),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (region_id, code)
);
CREATE INDEX resource_geom ON resource USING gist (geom) WHERE status <> 'retired';
CREATE INDEX resource_org ON resource (org_id);

-- The heat map reads places by time.
CREATE INDEX incident_heat ON incident (reported_at) INCLUDE (org_id) WHERE geom IS NOT NULL AND NOT drill;
