-- +goose Up
-- Visits (走访): who is to be visited and how often, the log of visits (走访日志), what was learnt (信息报送).

-- Three classes of people to be visited, and the four kinds of places. The founding document counts
-- twenty-two kinds and does not name them: these are defaults, to be replaced by the customer's own list.
CREATE TABLE visit_kind (
  code       text PRIMARY KEY CHECK (code ~ '^[a-z][a-z0-9_]{1,29}$'),
  class      text NOT NULL CHECK (class IN ('backbone','service','control','place')), -- 骨干对象 服务对象 管控对象; households, firms, components, checkpoints
  name       text NOT NULL CHECK (name <> ''),
  cycle_n    smallint CHECK (cycle_n BETWEEN 1 AND 366), cycle_unit text CHECK (cycle_unit IN ('day','week','month','quarter','year')), -- NULL: never due by itself
  sort       integer NOT NULL DEFAULT 0,
  retired    boolean NOT NULL DEFAULT false,
  version    integer NOT NULL DEFAULT 1,
  CHECK ((cycle_n IS NULL) = (cycle_unit IS NULL))
);
INSERT INTO visit_kind (code, class, name, cycle_n, cycle_unit, sort) VALUES
('party_member', 'backbone', '党员', 1, 'quarter', 101),
('resident_delegate', 'backbone', '村（居）民代表', 1, 'quarter', 102),
('stair_head', 'backbone', '楼道长、村民小组长', 1, 'month', 103),
('veteran_cadre', 'backbone', '老干部、乡贤', 1, 'quarter', 104),
('volunteer_core', 'backbone', '志愿者骨干', 1, 'quarter', 105),
('property_head', 'backbone', '物业、业委会负责人', 1, 'month', 106),
('low_income', 'service', '低保、困难户', 1, 'month', 201),
('disabled', 'service', '残疾人', 1, 'month', 202),
('elder_alone', 'service', '独居、空巢老人', 1, 'week', 203),
('child_distressed', 'service', '留守、困境儿童', 1, 'month', 204),
('woman_distressed', 'service', '困境妇女', 1, 'month', 205),
('unemployed', 'service', '失业人员', 1, 'quarter', 206),
('veteran', 'service', '退役军人、优抚对象', 1, 'quarter', 207),
('migrant', 'service', '流动人口', 1, 'quarter', 208),
('special_family', 'service', '重病、特殊家庭', 1, 'month', 209),
('correction', 'control', '社区矫正对象', 1, 'week', 301),
('released', 'control', '刑满释放人员', 1, 'month', 302),
('drug_user', 'control', '吸毒人员', 1, 'month', 303),
('mental_illness', 'control', '严重精神障碍患者', 1, 'month', 304),
('petition', 'control', '重点信访人员', 1, 'month', 305),
('key_place', 'control', '重点场所、行业单位', 1, 'month', 306),
('rental', 'control', '出租房、群租房', 1, 'month', 307),
('household', 'place', '住户', 1, 'quarter', 401),
('enterprise', 'place', '企业、商户', 1, 'month', 402),
('component', 'place', '部件、设施', NULL, NULL, 403),
('checkpoint', 'place', '必巡点', 1, 'week', 404);

-- A visit object (走访对象). Its own cycle wins over a plan's, and a plan's over its kind's.
CREATE TABLE visit_object (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  region_id   bigint NOT NULL REFERENCES region,
  org_id      bigint NOT NULL REFERENCES org,
  grid_id     bigint REFERENCES grid,
  code        text NOT NULL DEFAULT '',             -- the customer's own number: what an import finds it by again
  kind        text NOT NULL REFERENCES visit_kind,
  name        text NOT NULL CHECK (name <> ''),
  pinyin      text NOT NULL DEFAULT '',
  address     text NOT NULL DEFAULT '',
  phone       text NOT NULL DEFAULT '',
  geom        geometry(Point, 4326) NOT NULL,
  src_crs     text NOT NULL DEFAULT 'wgs84',
  cycle_n     smallint CHECK (cycle_n BETWEEN 1 AND 366), cycle_unit text CHECK (cycle_unit IN ('day','week','month','quarter','year')),
  guardian_id bigint REFERENCES worker,             -- 包保责任人
  sensitive   boolean NOT NULL DEFAULT false,       -- 管控对象 and whoever is marked so: masked, on no wall, in no export
  active_from date NOT NULL DEFAULT (now() AT TIME ZONE 'Asia/Shanghai')::date,
  active_to   date,
  first_due   date,                                 -- when it is due for the first time; NULL: one cycle after it was entered
  note        text NOT NULL DEFAULT '',
  version     integer NOT NULL DEFAULT 1,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now(),
  CHECK ((cycle_n IS NULL) = (cycle_unit IS NULL)), CHECK (active_to >= active_from)
);
CREATE UNIQUE INDEX visit_object_code ON visit_object (region_id, code) WHERE code <> '';
CREATE INDEX visit_object_grid ON visit_object (grid_id, kind);
CREATE INDEX visit_object_org ON visit_object (org_id);
CREATE INDEX visit_object_guardian ON visit_object (guardian_id) WHERE guardian_id IS NOT NULL;
CREATE INDEX visit_object_geom ON visit_object USING gist (geom);

-- What a region takes for a visit, and when one looks doubtful. Parameters, no standard has numbers.
CREATE TABLE visit_rule (
  region_id      bigint PRIMARY KEY REFERENCES region,
  near_m         integer NOT NULL DEFAULT 100 CHECK (near_m BETWEEN 10 AND 5000),     -- further from its target is doubtful
  min_dwell_s    integer NOT NULL DEFAULT 180 CHECK (min_dwell_s BETWEEN 0 AND 7200), -- shorter is 走过场
  late_h         integer NOT NULL DEFAULT 72 CHECK (late_h BETWEEN 1 AND 720),        -- received later than this
  attempt_counts boolean NOT NULL DEFAULT false,    -- 未遇 and 拒访 are attempts, not visits
  remote_counts  boolean NOT NULL DEFAULT false,    -- 电话 and 视频 keep no cycle
  version        integer NOT NULL DEFAULT 1
);

-- Plans: 五必访 sets a cycle for kinds of objects, 三必清 wants items of information to be known of every grid.
-- org_id NULL: everywhere.
CREATE TABLE visit_plan (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  org_id     bigint REFERENCES org,
  aim        text NOT NULL CHECK (aim IN ('visit','clear')),
  name       text NOT NULL CHECK (name <> ''),
  kinds      text[] NOT NULL DEFAULT '{}',
  items      text[] NOT NULL DEFAULT '{}',
  cycle_n    smallint NOT NULL CHECK (cycle_n BETWEEN 1 AND 366), cycle_unit text NOT NULL CHECK (cycle_unit IN ('day','week','month','quarter','year')),
  valid_from date NOT NULL DEFAULT '2020-01-01', valid_to date,
  note       text NOT NULL DEFAULT '',
  version    integer NOT NULL DEFAULT 1,
  CHECK (valid_to >= valid_from), CHECK (aim = 'clear' OR kinds <> '{}'), CHECK (aim = 'visit' OR items <> '{}')
);

-- Seven categories and thirty-three items of basic information (7大类33项). The founding document counts
-- them and names the seven: the items are defaults, to be replaced.
CREATE TABLE info_item (
  code        text PRIMARY KEY CHECK (code ~ '^[A-Z]{2}(-[0-9]{2,3})?$'),
  parent_code text REFERENCES info_item,
  name        text NOT NULL CHECK (name <> ''),
  answer      text NOT NULL DEFAULT 'state' CHECK (answer IN ('state','yes_no','number','text','choice')), -- 正常或有问题 是否 数值 文字 选项
  choices     text NOT NULL DEFAULT '',             -- one space between
  unit        text NOT NULL DEFAULT '',
  kinds       text[] NOT NULL DEFAULT '{}',         -- asked of these kinds of objects; none: of all
  sort        integer NOT NULL DEFAULT 0,
  retired     boolean NOT NULL DEFAULT false,
  version     integer NOT NULL DEFAULT 1
);
INSERT INTO info_item (code, parent_code, name, answer, choices, unit, kinds, sort) VALUES
('ZZ', NULL, '综合治理', 'state', '', '', '{}', 0),
('AQ', NULL, '公共安全', 'state', '', '', '{}', 100),
('JJ', NULL, '经济管理', 'state', '', '', '{}', 200),
('NY', NULL, '农业管理', 'state', '', '', '{}', 300),
('CJ', NULL, '城建管理', 'state', '', '', '{}', 400),
('DQ', NULL, '党群文化', 'state', '', '', '{}', 500),
('SH', NULL, '社会事务', 'state', '', '', '{}', 600),
('ZZ-01', 'ZZ', '矛盾纠纷', 'state', '', '', '{}', 1),
('ZZ-02', 'ZZ', '治安情况', 'state', '', '', '{}', 2),
('ZZ-03', 'ZZ', '常住人口', 'number', '', '人', '{household}', 3),
('ZZ-04', 'ZZ', '流动人口', 'number', '', '人', '{household,rental,enterprise}', 4),
('ZZ-05', 'ZZ', '出租房屋', 'choice', '自住 整租 群租 空置', '', '{household,rental}', 5),
('ZZ-06', 'ZZ', '人员近况', 'choice', '稳定 有变化 需关注', '', '{correction,released,drug_user,mental_illness,petition}', 6),
('AQ-01', 'AQ', '消防安全', 'state', '', '', '{}', 101),
('AQ-02', 'AQ', '用电用气', 'state', '', '', '{household,enterprise,rental,key_place,elder_alone}', 102),
('AQ-03', 'AQ', '电动车充电停放', 'state', '', '', '{household,rental,checkpoint}', 103),
('AQ-04', 'AQ', '房屋结构安全', 'state', '', '', '{household,rental,enterprise}', 104),
('AQ-05', 'AQ', '安全生产', 'state', '', '', '{enterprise,key_place}', 105),
('AQ-06', 'AQ', '食品药品安全', 'state', '', '', '{enterprise,key_place}', 106),
('JJ-01', 'JJ', '经营状况', 'choice', '正常 歇业 停业 搬离', '', '{enterprise}', 201),
('JJ-02', 'JJ', '用工人数', 'number', '', '人', '{enterprise}', 202),
('JJ-03', 'JJ', '证照情况', 'state', '', '', '{enterprise}', 203),
('JJ-04', 'JJ', '企业诉求', 'text', '', '', '{enterprise}', 204),
('NY-01', 'NY', '耕地利用', 'state', '', '', '{checkpoint,component}', 301),
('NY-02', 'NY', '秸秆焚烧', 'state', '', '', '{checkpoint}', 302),
('NY-03', 'NY', '沟渠水利', 'state', '', '', '{checkpoint,component}', 303),
('NY-04', 'NY', '畜禽养殖', 'number', '', '头（只）', '{household}', 304),
('CJ-01', 'CJ', '环境卫生', 'state', '', '', '{}', 401),
('CJ-02', 'CJ', '市政设施', 'state', '', '', '{checkpoint,component}', 402),
('CJ-03', 'CJ', '违法搭建', 'state', '', '', '{household,enterprise,rental,checkpoint}', 403),
('CJ-04', 'CJ', '园林绿化', 'state', '', '', '{checkpoint,component}', 404),
('CJ-05', 'CJ', '乱停乱放', 'state', '', '', '{checkpoint}', 405),
('DQ-01', 'DQ', '党员情况', 'text', '', '', '{party_member,household}', 501),
('DQ-02', 'DQ', '志愿服务', 'yes_no', '', '', '{party_member,volunteer_core,household}', 502),
('DQ-03', 'DQ', '文体设施', 'state', '', '', '{checkpoint,component}', 503),
('DQ-04', 'DQ', '意见建议', 'text', '', '', '{}', 504),
('SH-01', 'SH', '生活困难', 'state', '', '', '{household,low_income,disabled,elder_alone,child_distressed,woman_distressed,unemployed,special_family}', 601),
('SH-02', 'SH', '身体健康', 'choice', '良好 一般 较差', '', '{elder_alone,disabled,special_family,low_income}', 602),
('SH-03', 'SH', '就业就学', 'choice', '就业 失业 就学 退休 其他', '', '{household,unemployed,child_distressed,veteran}', 603),
('SH-04', 'SH', '服务需求', 'text', '', '', '{}', 604);

INSERT INTO visit_plan (aim, name, kinds, items, cycle_n, cycle_unit, note) VALUES
('visit', '必访困难人群', '{low_income,disabled,special_family}', '{}', 1, 'month', '五必访'),
('visit', '必访流动人员', '{migrant,rental}', '{}', 1, 'month', '五必访'),
('visit', '必访空巢老人', '{elder_alone}', '{}', 1, 'week', '五必访'),
('visit', '必访特殊人群', '{correction,released,drug_user,mental_illness}', '{}', 1, 'month', '五必访'),
('visit', '必访困境妇女儿童', '{woman_distressed,child_distressed}', '{}', 1, 'month', '五必访'),
('clear', '网格情况清', '{}', '{AQ-01,CJ-01,CJ-02,ZZ-02}', 1, 'month', '三必清'),
('clear', '人员情况清', '{}', '{ZZ-03,ZZ-04,ZZ-06,SH-02}', 1, 'quarter', '三必清'),
('clear', '需求问题清', '{}', '{SH-01,SH-04,DQ-04,ZZ-01}', 1, 'month', '三必清');

-- A visit (走访日志). What was written stays; a supervisor's word on it stands beside it.
CREATE TABLE visit (
  id            uuid PRIMARY KEY,
  region_id     bigint NOT NULL REFERENCES region,
  worker_id     bigint NOT NULL REFERENCES worker,
  org_id        bigint NOT NULL REFERENCES org,     -- whose ground it lies on
  grid_id       bigint REFERENCES grid,
  session_id    uuid REFERENCES duty_session,       -- the duty that covers it
  target_id     bigint REFERENCES visit_object,     -- NULL: a place in no register, by name alone
  target_kind   text NOT NULL REFERENCES visit_kind,
  target_name   text NOT NULL DEFAULT '',           -- only where there is no target_id
  target_geom   geometry(Point, 4326),              -- where the target was then
  sensitive     boolean NOT NULL DEFAULT false,
  arrived_at    timestamptz NOT NULL,
  left_at       timestamptz NOT NULL,
  geom          geometry(Point, 4326),
  accuracy      real,
  distance_m    real,                               -- from the target
  method        text NOT NULL CHECK (method IN ('onsite','phone','video','group')), -- 上门 电话 视频 集体走访
  outcome       text NOT NULL CHECK (outcome IN ('normal','no_one_home','refused','problem')), -- 正常 未遇 拒访 发现问题
  activities    text[] NOT NULL DEFAULT '{}',       -- 信息采集 矛盾调解 …: server/patrol.Activities
  content       text NOT NULL DEFAULT '',
  companions    bigint[] NOT NULL DEFAULT '{}',     -- workers
  verified      text NOT NULL CHECK (verified IN ('auto_ok','doubtful','manual_ok','rejected')),
  doubts        text[] NOT NULL DEFAULT '{}',       -- why the check found it doubtful: server/patrol.VisitDoubts
  decided_by    bigint REFERENCES account, decided_name text NOT NULL DEFAULT '', decided_at timestamptz, decided_why text NOT NULL DEFAULT '',
  client_id     text NOT NULL,                      -- the phone's own name for it: sent twice, kept once
  account_id    bigint REFERENCES account,
  received_at   timestamptz NOT NULL,
  version       integer NOT NULL DEFAULT 1,
  CHECK (left_at >= arrived_at), CHECK (target_id IS NOT NULL OR target_name <> ''),
  CHECK (verified IN ('auto_ok','doubtful') OR decided_why <> '')
);
CREATE UNIQUE INDEX visit_client ON visit (region_id, worker_id, client_id);
CREATE INDEX visit_worker ON visit (worker_id, arrived_at);
CREATE INDEX visit_target ON visit (target_id, arrived_at DESC) WHERE target_id IS NOT NULL;
CREATE INDEX visit_grid ON visit (grid_id, arrived_at);
CREATE INDEX visit_org ON visit (org_id, arrived_at DESC, id);
CREATE INDEX visit_doubtful ON visit (org_id, arrived_at DESC) WHERE verified = 'doubtful';

-- Cases that a visit found.
CREATE TABLE visit_incident (
  visit_id uuid NOT NULL REFERENCES visit, incident_id uuid NOT NULL REFERENCES incident, PRIMARY KEY (visit_id, incident_id)
);
CREATE INDEX visit_incident_incident ON visit_incident (incident_id);
ALTER TABLE attachment ADD visit_id uuid REFERENCES visit;
CREATE INDEX attachment_visit ON attachment (visit_id) WHERE visit_id IS NOT NULL;

-- Information that was reported (信息): filed by its item, dispatched to nobody. Insert-only.
CREATE TABLE info_record (
  id          uuid PRIMARY KEY,
  region_id   bigint NOT NULL REFERENCES region,
  org_id      bigint NOT NULL REFERENCES org,
  grid_id     bigint REFERENCES grid,
  worker_id   bigint NOT NULL REFERENCES worker,
  visit_id    uuid REFERENCES visit,                -- an answer of its checklist
  target_id   bigint REFERENCES visit_object,
  item_code   text NOT NULL REFERENCES info_item,
  at          timestamptz NOT NULL,
  value       text NOT NULL DEFAULT '',
  issue       boolean NOT NULL DEFAULT false,       -- 有问题
  note        text NOT NULL DEFAULT '',
  client_id   text, received_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX info_record_client ON info_record (region_id, worker_id, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX info_record_grid ON info_record (grid_id, item_code, at DESC);
CREATE INDEX info_record_visit ON info_record (visit_id) WHERE visit_id IS NOT NULL;
CREATE INDEX info_record_org ON info_record (org_id, at DESC, id);

-- How long a cycle is.
-- +goose StatementBegin
CREATE FUNCTION visit_cycle(n smallint, unit text) RETURNS interval LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE unit WHEN 'day' THEN make_interval(days => n) WHEN 'week' THEN make_interval(weeks => n) WHEN 'month' THEN make_interval(months => n)
    WHEN 'quarter' THEN make_interval(months => 3 * n) WHEN 'year' THEN make_interval(years => n) END
$$;
-- +goose StatementEnd

-- The visits that count as one under their region's rule. A doubtful one counts until somebody rejects it.
CREATE VIEW visit_counted AS
SELECT v.* FROM visit v LEFT JOIN visit_rule r ON r.region_id = v.region_id
WHERE v.verified <> 'rejected' AND (v.method IN ('onsite','group') OR COALESCE(r.remote_counts, false))
  AND (v.outcome IN ('normal','problem') OR COALESCE(r.attempt_counts, false));
