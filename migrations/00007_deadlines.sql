-- +goose Up
-- Deadlines: when people work, how long a step may take, and the clocks that run.
-- The arithmetic is server/workday's, the choice of a rule server/incident's.

-- A working calendar (工作日历). It holds for an organisation and everything below it that has no nearer one;
-- org_id NULL = everybody, org_kind = only organisations of that kind (a 24×7 command room). plan is workday.Plan.
CREATE TABLE calendar (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  org_id     bigint REFERENCES org,
  org_kind   text NOT NULL DEFAULT '',
  name       text NOT NULL,
  plan       jsonb NOT NULL,
  version    integer NOT NULL DEFAULT 1,
  updated_at timestamptz NOT NULL DEFAULT now(),
  updated_by bigint REFERENCES account,
  UNIQUE NULLS NOT DISTINCT (org_id, org_kind)
);
INSERT INTO calendar (org_kind, name, plan) VALUES
('', '机关工作时间', '{"weekdays":[1,2,3,4,5],"periods":[{"from":"08:30","to":"12:00"},{"from":"13:30","to":"17:00"}],"holidays":true}'),
('command_room', '指挥室全天值守', '{"round_the_clock":true}');

-- The holiday and 调休 arrangement of a year, as announced. It may speak of the last days of the year before.
CREATE TABLE holiday_list (
  year        smallint PRIMARY KEY CHECK (year BETWEEN 1990 AND 2200),
  status      text NOT NULL CHECK (status IN ('published','provisional')),
  source      text NOT NULL DEFAULT '',
  days        jsonb NOT NULL,                   -- [{date, off, name}]: ordinary weekends are not listed
  version     integer NOT NULL DEFAULT 1,
  imported_at timestamptz NOT NULL DEFAULT now()
);
-- Every import, and what it moved. Insert-only.
CREATE TABLE holiday_import (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  year       smallint NOT NULL,
  version    integer NOT NULL,
  at         timestamptz NOT NULL,
  by_account bigint REFERENCES account,
  by_name    text NOT NULL DEFAULT '',
  format     text NOT NULL CHECK (format IN ('json','csv','xlsx','bundled')),
  file       text NOT NULL DEFAULT '',
  sha256     bytea NOT NULL,
  status     text NOT NULL,
  days       integer NOT NULL,
  moved      integer NOT NULL DEFAULT 0         -- running clocks whose due instant it moved
);
CREATE INDEX holiday_import_year ON holiday_import (year, id);

-- A limit (时限规则). An edit is a new version valid from now; running clocks keep the one they began with.
-- limit_n counts working days in wd, minutes in wh and h, nothing in same_day.
CREATE SEQUENCE sla_rule_id;
CREATE TABLE sla_rule (
  id         bigint NOT NULL DEFAULT nextval('sla_rule_id'),
  version    integer NOT NULL DEFAULT 1,
  stage      text NOT NULL CHECK (stage IN ('accept','verify','dispatch','sign','handle','rework','check','evaluate','case','return','sos_ack')),
  tier       smallint CHECK (tier BETWEEN 1 AND 4),
  category   text NOT NULL DEFAULT '',          -- this category and those below it
  urgency    text NOT NULL DEFAULT '' CHECK (urgency IN ('','notice','normal','urgent','critical')),
  source     text NOT NULL DEFAULT '',
  org_id     bigint REFERENCES org,             -- this organisation and those below it
  limit_n    integer NOT NULL CHECK (limit_n BETWEEN 0 AND 1000000),
  limit_unit text NOT NULL CHECK (limit_unit IN ('wd','wh','h','same_day')),
  warn_ratio double precision NOT NULL DEFAULT 0.2 CHECK (warn_ratio >= 0 AND warn_ratio < 1),
  priority   integer NOT NULL DEFAULT 0,        -- between equally specific rules the higher wins
  note       text NOT NULL DEFAULT '',
  valid_from timestamptz NOT NULL DEFAULT '2000-01-01 00:00+00',
  valid_to   timestamptz,
  made_at    timestamptz NOT NULL DEFAULT now(),
  made_by    bigint REFERENCES account,
  PRIMARY KEY (id, version),
  CHECK (limit_unit = 'same_day' OR limit_n > 0)
);
CREATE UNIQUE INDEX sla_rule_living ON sla_rule (id) WHERE valid_to IS NULL;

-- What the house begins with. "seed" = in the founding documents; "default" = ours, to be decided by the customer.
INSERT INTO sla_rule (stage, tier, urgency, limit_n, limit_unit, priority, note) VALUES
('accept',   NULL, '',         120, 'wh',       0, '受理(分流)2 工作时，缺省值'),
('accept',   NULL, 'critical', 5,   'h',        0, '特急：5 分钟内响应，缺省值'),
('sos_ack',  NULL, '',         1,   'h',        0, '一键求助：60 秒内响应，缺省值'),
('verify',   NULL, '',         120, 'wh',       0, '核实 2 工作时，缺省值'),
('dispatch', NULL, '',         120, 'wh',       0, '派遣 2 工作时，缺省值'),
('dispatch', NULL, 'critical', 5,   'h',        0, '特急：5 分钟内派遣，缺省值'),
('sign',     NULL, '',         0,   'same_day', 0, '当天签收，缺省值'),
('sign',     1,    '',         0,   'same_day', 0, '一级当天响应'),
('sign',     2,    '',         0,   'same_day', 0, '二级当天响应'),
('sign',     3,    '',         0,   'same_day', 0, '三级当天受理'),
('sign',     4,    '',         0,   'same_day', 0, '四级当天受理，缺省值'),
('sign',     NULL, 'critical', 30,  'h',        0, '特急：30 分钟内到场，缺省值'),
('sign',     1,    'critical', 30,  'h',        0, '特急：30 分钟内到场，缺省值'),
('sign',     2,    'critical', 30,  'h',        0, '特急：30 分钟内到场，缺省值'),
('sign',     3,    'critical', 30,  'h',        0, '特急：30 分钟内到场，缺省值'),
('sign',     4,    'critical', 30,  'h',        0, '特急：30 分钟内到场，缺省值'),
('handle',   1,    '',         1,   'wd',       0, '一级 1 个工作日：缺省值，来源文件没有规定'),
('handle',   2,    '',         3,   'wd',       0, '二级 3 个工作日'),
('handle',   3,    '',         5,   'wd',       0, '三级 5 个工作日'),
('handle',   4,    '',         1,   'wd',       0, '四级 1 个工作日内移交'),
('handle',   NULL, '',         5,   'wd',       0, '未定级按 5 个工作日，缺省值'),
('case',     1,    '',         1,   'wd',       0, '一级 1 个工作日：缺省值，来源文件没有规定'),
('case',     2,    '',         3,   'wd',       0, '二级 3 个工作日'),
('case',     3,    '',         5,   'wd',       0, '三级 5 个工作日'),
('case',     4,    '',         1,   'wd',       0, '四级 1 个工作日内移交'),
('case',     NULL, '',         5,   'wd',       0, '未定级按 5 个工作日，缺省值'),
('rework',   NULL, '',         1,   'wd',       0, '返工 1 个工作日，缺省值'),
('check',    NULL, '',         1,   'wd',       0, '核查 1 个工作日，缺省值'),
('evaluate', NULL, '',         5,   'wd',       0, '评价 5 个工作日，到期按默认评价结案，缺省值'),
('return',   NULL, '',         240, 'wh',       0, '派遣后 4 工作时内可以退回，缺省值');

-- A clock: one promise, while it runs and afterwards. Its rule is frozen when it starts.
-- A clock that was paused runs on from anchor_at with anchor_left microseconds left.
CREATE TABLE clock (
  id           uuid PRIMARY KEY,
  region_id    bigint NOT NULL REFERENCES region,
  incident_id  uuid NOT NULL REFERENCES incident DEFERRABLE INITIALLY DEFERRED, -- a report's clocks start before its row is there
  scope        text NOT NULL CHECK (scope IN ('stage','case')),
  stage        text NOT NULL,
  tier         smallint,
  started_at   timestamptz NOT NULL, effective_at timestamptz NOT NULL,
  due_at       timestamptz NOT NULL, warn_at timestamptz NOT NULL,
  total_us     bigint NOT NULL,                 -- what it counts in all, worked or plain, microseconds
  limit_n      integer NOT NULL, limit_unit text NOT NULL, warn_ratio double precision NOT NULL,
  rule_id      bigint, rule_version integer, layer text NOT NULL, source text NOT NULL,
  calendar_id  bigint REFERENCES calendar,
  provisional  boolean NOT NULL DEFAULT false,
  anchor_at    timestamptz, anchor_left bigint,
  extended     smallint NOT NULL DEFAULT 0,     -- working days granted since the anchor
  paused_at    timestamptz, paused_left bigint, -- microseconds left
  warned_at    timestamptz, rung_at timestamptz,
  ended_at     timestamptz,
  outcome      text NOT NULL DEFAULT '' CHECK (outcome IN ('','met','missed','moved')),
  version      integer NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX clock_running ON clock (incident_id, scope) WHERE ended_at IS NULL;
CREATE INDEX clock_incident ON clock (incident_id, started_at);
CREATE INDEX clock_provisional ON clock (region_id) WHERE provisional AND ended_at IS NULL;

-- Why a due instant is no longer what it was. Insert-only.
CREATE TABLE clock_move (
  clock_id uuid NOT NULL REFERENCES clock, n smallint NOT NULL,
  at timestamptz NOT NULL, from_due timestamptz NOT NULL, to_due timestamptz, -- NULL: it stands still
  why text NOT NULL,
  PRIMARY KEY (clock_id, n)
);

-- The number of the newest change to calendars, lists and rules; what a node remembers of them is dated by it.
CREATE TABLE deadline_epoch (one boolean PRIMARY KEY DEFAULT true CHECK (one), epoch bigint NOT NULL DEFAULT 1);
INSERT INTO deadline_epoch DEFAULT VALUES;
-- +goose StatementBegin
CREATE FUNCTION raise_deadline_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE deadline_epoch SET epoch = epoch + 1;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER deadline_epoch AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON calendar FOR EACH STATEMENT EXECUTE FUNCTION raise_deadline_epoch();
CREATE TRIGGER deadline_epoch AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON holiday_list FOR EACH STATEMENT EXECUTE FUNCTION raise_deadline_epoch();
CREATE TRIGGER deadline_epoch AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON sla_rule FOR EACH STATEMENT EXECUTE FUNCTION raise_deadline_epoch();
-- the paths of organisations and the names of categories are remembered with them
CREATE TRIGGER deadline_epoch AFTER UPDATE OF path, name, kind ON org FOR EACH STATEMENT EXECUTE FUNCTION raise_deadline_epoch();
CREATE TRIGGER deadline_epoch AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON category FOR EACH STATEMENT EXECUTE FUNCTION raise_deadline_epoch();
