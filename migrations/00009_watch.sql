-- +goose Up
-- The watch: alarm devices and what they raise, cameras and who looked through them,
-- and the SOS that nobody has taken.

-- Somebody else's system that hands us alarms: a signed webhook, or a broker's topics.
CREATE TABLE alarm_source (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  region_id  bigint NOT NULL REFERENCES region,
  org_id     bigint NOT NULL REFERENCES org,        -- its devices are this organisation's and those below
  name       text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]{1,39}$'),  -- stands in the webhook's path
  kind       text NOT NULL DEFAULT 'webhook' CHECK (kind IN ('webhook','mqtt')),
  note       text NOT NULL DEFAULT '',
  secret     bytea NOT NULL,                        -- as it is: a MAC can be checked by nothing less
  cidr       cidr,                                  -- where it may call from; NULL = anywhere
  enabled    boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(), created_by bigint REFERENCES account,
  last_seen  timestamptz
);
-- A nonce is good once. Kept for as long as its timestamp would be.
CREATE TABLE alarm_nonce (
  source_id bigint NOT NULL REFERENCES alarm_source, nonce text NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (source_id, nonce)
);
CREATE INDEX alarm_nonce_at ON alarm_nonce (at);

CREATE TABLE alarm_device (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  region_id  bigint NOT NULL REFERENCES region,
  org_id     bigint NOT NULL REFERENCES org,
  grid_id    bigint,
  ident      text NOT NULL UNIQUE,                  -- what the device calls itself
  name       text NOT NULL DEFAULT '',
  kind       text NOT NULL CHECK (kind IN ('panic','smoke','door','infrared','gas','water','electric','ai_camera','bracelet')), -- 一键报警 烟感 门磁 红外 燃气 水位 电气火灾 AI摄像头 SOS手环
  protocol   text NOT NULL DEFAULT 'webhook' CHECK (protocol IN ('webhook','mqtt','jt808','gb28181','modbus-gw')),
  place      text NOT NULL DEFAULT '',              -- where it hangs, in words
  geom       geometry(Point, 4326) NOT NULL,
  contact    text NOT NULL DEFAULT '', phone text NOT NULL DEFAULT '', -- of the owner: never on a wall
  mode       text NOT NULL DEFAULT 'armed' CHECK (mode IN ('armed','disarmed','bypassed')),  -- 布防 撤防 旁路
  schedule   jsonb NOT NULL DEFAULT '[]',           -- when an armed device is: server/alarm.Window; [] = always
  interval_s integer NOT NULL DEFAULT 0 CHECK (interval_s >= 0),  -- silent for longer is an alarm; 0 = it speaks only when it has to
  last_seen  timestamptz,
  health     text NOT NULL DEFAULT 'unknown' CHECK (health IN ('unknown','ok','low_battery','fault','offline')),
  battery    smallint,
  settings   jsonb NOT NULL DEFAULT '{}',
  status     text NOT NULL DEFAULT 'active' CHECK (status IN ('active','retired')),
  version    integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX alarm_device_org ON alarm_device (org_id);
CREATE INDEX alarm_device_silent ON alarm_device (last_seen) WHERE interval_s > 0 AND status = 'active' AND health <> 'offline';
CREATE INDEX alarm_device_geom ON alarm_device USING gist (geom);

CREATE TABLE alarm_event (
  id          uuid PRIMARY KEY,
  region_id   bigint NOT NULL REFERENCES region,
  device_id   bigint NOT NULL REFERENCES alarm_device,
  class       text NOT NULL DEFAULT 'alarm' CHECK (class IN ('alarm','offline')),
  at          timestamptz NOT NULL, last_at timestamptz NOT NULL, received_at timestamptz NOT NULL,
  level       text NOT NULL CHECK (level IN ('notice','normal','urgent','critical')),
  code        text NOT NULL,
  text        text NOT NULL DEFAULT '',
  raw         jsonb,                                -- the first message as it came
  count       integer NOT NULL DEFAULT 1,           -- the same device and code within 60 s is one event
  quiet       boolean NOT NULL DEFAULT false,       -- disarmed or bypassed: on record, on nobody's desk
  state       text NOT NULL DEFAULT 'new' CHECK (state IN ('new','acked','verifying','dispatched','resolved','false','test')),
  version     integer NOT NULL DEFAULT 1,
  acked_at    timestamptz, acked_by bigint REFERENCES account, acked_name text NOT NULL DEFAULT '',
  ended_at    timestamptz, ended_by bigint REFERENCES account, ended_name text NOT NULL DEFAULT '',
  note        text NOT NULL DEFAULT '',
  incident_id uuid REFERENCES incident
);
CREATE INDEX alarm_event_time ON alarm_event (region_id, at DESC, id);
CREATE INDEX alarm_event_device ON alarm_event (device_id, code, last_at DESC);
CREATE INDEX alarm_event_open ON alarm_event (region_id) WHERE state IN ('new','acked','verifying');
CREATE UNIQUE INDEX alarm_event_offline ON alarm_event (device_id) WHERE class = 'offline' AND state IN ('new','acked','verifying');
-- What was heard already: a message that comes again (at least once) counts once.
CREATE TABLE alarm_signal (
  device_id bigint NOT NULL REFERENCES alarm_device, key text NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (device_id, key)
);
CREATE INDEX alarm_signal_at ON alarm_signal (at);

-- Good signature, content that can be no alarm: it waits where the devices' records do.
ALTER TABLE quarantine ADD alarm_source bigint REFERENCES alarm_source;

-- A camera (视频点位). gb_id is its GB/T 28181 number, as data: we speak no SIP.
CREATE TABLE camera (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  region_id   bigint NOT NULL REFERENCES region,
  org_id      bigint NOT NULL REFERENCES org,
  gb_id       text NOT NULL UNIQUE CHECK (gb_id ~ '^[0-9]{20}$'),
  name        text NOT NULL,
  kind        text NOT NULL DEFAULT 'bullet' CHECK (kind IN ('ptz','bullet','dome','ai')),  -- 球机 枪机 半球 AI
  place       text NOT NULL DEFAULT '',
  geom        geometry(Point, 4326) NOT NULL,
  heading     real CHECK (heading >= 0 AND heading < 360),   -- degrees from north; NULL = looks everywhere
  fov         real NOT NULL DEFAULT 90 CHECK (fov > 0 AND fov <= 360),
  range_m     real NOT NULL DEFAULT 80 CHECK (range_m > 0 AND range_m <= 5000),
  network     text NOT NULL DEFAULT 'private' CHECK (network IN ('private','internet','government')),  -- 专网 互联网 政务外网
  stream      text NOT NULL DEFAULT '',             -- what the gateway calls it; '' = its gb_id
  status      text NOT NULL DEFAULT 'unknown' CHECK (status IN ('unknown','online','offline','fault','retired')),
  sensitivity text NOT NULL DEFAULT 'normal' CHECK (sensitivity IN ('normal','high')),      -- high: for nobody who may not play it, and on no wall
  version     integer NOT NULL DEFAULT 1,
  created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX camera_geom ON camera USING gist (geom);
CREATE INDEX camera_org ON camera (org_id);

-- Leave to play one camera for some minutes. The secret in its address is kept as SHA-256.
CREATE TABLE video_ticket (
  id          uuid PRIMARY KEY,
  hash        bytea NOT NULL UNIQUE,
  key         bytea NOT NULL,                       -- signs what its playlists refer to; never leaves
  camera_id   bigint NOT NULL REFERENCES camera,
  account_id  bigint NOT NULL REFERENCES account,
  reason      text NOT NULL CHECK (length(btrim(reason)) >= 2),
  incident_id uuid REFERENCES incident,
  issued_at   timestamptz NOT NULL,
  expires_at  timestamptz NOT NULL CHECK (expires_at <= issued_at + interval '10 minutes'),
  revoked_at  timestamptz
);
CREATE INDEX video_ticket_camera ON video_ticket (camera_id, expires_at);
-- Who looked through which camera, and why. Insert-only.
CREATE TABLE video_view (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at          timestamptz NOT NULL,
  ticket_id   uuid NOT NULL REFERENCES video_ticket,
  camera_id   bigint NOT NULL REFERENCES camera,
  account_id  bigint NOT NULL REFERENCES account,
  actor       text NOT NULL,
  reason      text NOT NULL,
  incident_id uuid,
  ip          text NOT NULL DEFAULT ''
);
CREATE INDEX video_view_camera ON video_view (camera_id, at);
CREATE INDEX video_view_at ON video_view (at);

-- Nobody had taken it within a minute: said once.
ALTER TABLE sos ADD unacked_at timestamptz;
