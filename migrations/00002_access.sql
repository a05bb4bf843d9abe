-- +goose Up
-- Accounts, credentials, what was done and who looked at whom.
CREATE TABLE account (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  login         text NOT NULL UNIQUE,
  name          text NOT NULL,
  password_hash text NOT NULL,              -- argon2id, PHC string
  worker_id     bigint REFERENCES worker,   -- the worker this person is, if any
  status        text NOT NULL DEFAULT 'active' CHECK (status IN ('active','disabled')),
  must_change   boolean NOT NULL DEFAULT false,
  failed_count  integer NOT NULL DEFAULT 0,
  locked_until  timestamptz,
  password_at   timestamptz NOT NULL DEFAULT now(),
  created_at    timestamptz NOT NULL DEFAULT now()
);

-- A position (任职): one account, several posts.
CREATE TABLE account_post (
  account_id bigint NOT NULL REFERENCES account,
  org_id     bigint NOT NULL REFERENCES org,
  role       text NOT NULL,
  valid_from date NOT NULL DEFAULT '1949-10-01',
  valid_to   date,
  PRIMARY KEY (account_id, org_id, role, valid_from)
);

CREATE TABLE device (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  region_id   bigint NOT NULL REFERENCES region,
  worker_id   bigint NOT NULL REFERENCES worker,
  ident       text NOT NULL UNIQUE,       -- what the client calls itself; not a secret
  name        text NOT NULL DEFAULT '',
  protocol    text NOT NULL CHECK (protocol IN ('osmand','owntracks','gpslogger','native','jt808')),
  duty        text NOT NULL DEFAULT 'session' CHECK (duty IN ('session','schedule','always')),
  crs         text NOT NULL DEFAULT 'wgs84' CHECK (crs IN ('wgs84','gcj02','bd09')),
  zone        text NOT NULL DEFAULT 'Asia/Shanghai',   -- for times that come without one
  speed_unit  text NOT NULL DEFAULT '' CHECK (speed_unit IN ('','kn','mps','kmh')),
  interval_s  integer NOT NULL DEFAULT 30 CHECK (interval_s > 0),
  priority    smallint NOT NULL DEFAULT 0,             -- which of a worker's devices moves the marker
  settings    jsonb NOT NULL DEFAULT '{}',
  status      text NOT NULL DEFAULT 'active' CHECK (status IN ('active','revoked')),
  created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX device_worker ON device (worker_id);

-- The screen on the wall, paired once, read-only.
CREATE TABLE kiosk (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  org_id     bigint NOT NULL REFERENCES org,
  name       text NOT NULL,
  cidr       cidr,
  created_by bigint REFERENCES account,
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz,
  last_seen  timestamptz
);
CREATE TABLE kiosk_pairing (
  code_hash  bytea PRIMARY KEY, kiosk_id bigint NOT NULL REFERENCES kiosk,
  expires_at timestamptz NOT NULL, used_at timestamptz, attempts integer NOT NULL DEFAULT 0
);

-- Every bearer secret there is: 32 random bytes, kept as SHA-256.
CREATE TABLE credential (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind       text NOT NULL CHECK (kind IN ('session','device','kiosk','api')),
  hash       bytea NOT NULL UNIQUE,
  prefix     text NOT NULL DEFAULT '',    -- first characters, to recognise it in a list
  account_id bigint REFERENCES account,
  device_id  bigint REFERENCES device,
  kiosk_id   bigint REFERENCES kiosk,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  used_at    timestamptz,
  revoked_at timestamptz,
  ip         text NOT NULL DEFAULT '',
  agent      text NOT NULL DEFAULT ''
);
CREATE INDEX credential_account ON credential (account_id) WHERE revoked_at IS NULL;
CREATE INDEX credential_device ON credential (device_id) WHERE revoked_at IS NULL;

-- Insert-only: the application role may neither change nor delete it.
CREATE TABLE audit (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at         timestamptz NOT NULL DEFAULT now(),
  account_id bigint,
  actor      text NOT NULL DEFAULT '',
  ip         text NOT NULL DEFAULT '',
  action     text NOT NULL,
  object     text NOT NULL DEFAULT '',
  result     text NOT NULL DEFAULT 'ok',
  detail     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_at ON audit (at);

-- Who looked at whose track, and why. Insert-only.
CREATE TABLE access_record (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at         timestamptz NOT NULL DEFAULT now(),
  account_id bigint NOT NULL REFERENCES account,
  worker_id  bigint NOT NULL REFERENCES worker,
  what       text NOT NULL,
  purpose    text NOT NULL CHECK (length(btrim(purpose)) >= 2),
  day        date,
  ip         text NOT NULL DEFAULT ''
);
CREATE INDEX access_record_worker ON access_record (worker_id, at);
