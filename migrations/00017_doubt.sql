-- +goose Up
-- Doubtful tracks (存疑轨迹): signals with their evidence, what people said, what
-- people decided. A score is advice; nothing in here is a penalty or leads to one.

-- What is looked for and what it counts. An edit is the next version; where
-- nobody has made one the program's own default (version 0) holds.
CREATE TABLE doubt_policy (
  region_id bigint NOT NULL REFERENCES region,
  version   integer NOT NULL CHECK (version > 0),
  body      jsonb NOT NULL,                     -- patrol.DoubtPolicy
  note      text NOT NULL DEFAULT '',
  made_at   timestamptz NOT NULL,
  made_by   bigint REFERENCES account,
  by_name   text NOT NULL DEFAULT '',
  PRIMARY KEY (region_id, version)
);

-- A worker's day that somebody should look at. One at most: later data change
-- its signals while nobody has decided, or withdraw it.
CREATE TABLE doubt (
  id            uuid PRIMARY KEY,
  region_id     bigint NOT NULL REFERENCES region,
  worker_id     bigint NOT NULL REFERENCES worker,
  org_id        bigint NOT NULL REFERENCES org, -- the worker's, when it was raised
  day           date NOT NULL,
  score         smallint NOT NULL CHECK (score BETWEEN 0 AND 100),
  state         text NOT NULL CHECK (state IN ('raised','explained','decided','appealed','closed','withdrawn')),
  verdict       text NOT NULL DEFAULT '' CHECK (verdict IN ('','cleared','confirmed','needs_talk')),
  rule_version  text NOT NULL,
  raised_at     timestamptz NOT NULL,
  explain_until timestamptz NOT NULL,
  explained_at  timestamptz,
  decided_at    timestamptz,
  first_by      bigint REFERENCES account,      -- who decided first: somebody else decides an appeal
  appeal_until  timestamptz,
  appealed_at   timestamptz,
  closed_at     timestamptz,
  erased_at     timestamptz,                    -- when the places were removed from its evidence
  version       integer NOT NULL DEFAULT 1,
  UNIQUE (region_id, worker_id, day)
);
CREATE INDEX doubt_worker ON doubt (worker_id, day);
CREATE INDEX doubt_org ON doubt (org_id, day);
CREATE INDEX doubt_waiting ON doubt (region_id, raised_at) WHERE state IN ('raised','explained','appealed','decided');

CREATE TABLE doubt_signal (
  doubt_id  uuid NOT NULL REFERENCES doubt,
  seq       smallint NOT NULL,
  code      text NOT NULL,
  points    smallint NOT NULL,
  text      text NOT NULL,
  mitigated text NOT NULL DEFAULT '',
  why       text NOT NULL DEFAULT '',           -- the same as a word: companions, one_order …
  figures   jsonb NOT NULL DEFAULT '{}',
  evidence  jsonb NOT NULL,                     -- patrol.Evidence: times, and places until they are removed
  PRIMARY KEY (doubt_id, seq)
);

-- Everything that happened to a doubt, in words. Insert-only.
CREATE TABLE doubt_step (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  doubt_id   uuid NOT NULL REFERENCES doubt,
  at         timestamptz NOT NULL,
  kind       text NOT NULL CHECK (kind IN ('raised','renewed','withdrawn','explained','decided','appealed','closed','late_data','erased')),
  account_id bigint REFERENCES account,         -- NULL = the system
  by_name    text NOT NULL DEFAULT '',
  verdict    text NOT NULL DEFAULT '',
  text       text NOT NULL DEFAULT '',
  photos     uuid[] NOT NULL DEFAULT '{}',
  score      smallint NOT NULL,
  codes      text[] NOT NULL,
  client_id  text                               -- of the phone that said it: said twice, it counts once
);
CREATE UNIQUE INDEX doubt_step_client ON doubt_step (doubt_id, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX doubt_step_doubt ON doubt_step (doubt_id, id);
ALTER TABLE attachment ADD doubt_id uuid REFERENCES doubt;

-- What the newest look at a worker's day came to, doubtful or not.
CREATE TABLE doubt_check (
  region_id    bigint NOT NULL,
  worker_id    bigint NOT NULL REFERENCES worker,
  day          date NOT NULL,
  score        smallint NOT NULL,
  codes        text[] NOT NULL,
  partners     bigint[] NOT NULL DEFAULT '{}',  -- whose days were found to be the same
  fixes        integer NOT NULL,
  rule_version text NOT NULL,
  checked_at   timestamptz NOT NULL,
  PRIMARY KEY (region_id, worker_id, day)
);
CREATE INDEX doubt_check_day ON doubt_check (region_id, day);

-- A day's track thinned to one place in half a minute, for comparing days and
-- people. A track as well: kept only as far as the comparison looks back.
CREATE TABLE track_signature (
  region_id bigint NOT NULL,
  worker_id bigint NOT NULL REFERENCES worker,
  day       date NOT NULL,
  body      bytea NOT NULL,                     -- patrol.Signature
  PRIMARY KEY (region_id, day, worker_id)
);

-- Which phone reported for whom. phone is a random word that the app made for
-- itself; it says nothing else about the phone.
CREATE TABLE phone_use (
  phone     text NOT NULL,
  worker_id bigint NOT NULL REFERENCES worker,
  region_id bigint NOT NULL,
  day       date NOT NULL,
  first_at  timestamptz NOT NULL,
  last_at   timestamptz NOT NULL,
  PRIMARY KEY (day, phone, worker_id)
);
CREATE INDEX phone_use_worker ON phone_use (worker_id, day);

-- Records of processing: what is held about people, why, on what basis, for how
-- long. The words are the house's own to edit.
CREATE TABLE data_class (
  code           text PRIMARY KEY,
  sort           smallint NOT NULL,
  name           text NOT NULL,
  content        text NOT NULL,                 -- what it consists of
  purpose        text NOT NULL,
  legal_basis    text NOT NULL,
  recipients     text NOT NULL,                 -- who gets to see it
  sensitivity    text NOT NULL CHECK (sensitivity IN ('general','sensitive')),
  retention_days integer CHECK (retention_days > 0), -- NULL = retention_text alone
  retention_text text NOT NULL DEFAULT '',
  version        integer NOT NULL DEFAULT 1,
  updated_at     timestamptz,
  updated_by     bigint REFERENCES account,
  updated_name   text NOT NULL DEFAULT ''
);
CREATE TABLE data_controller (
  one           boolean PRIMARY KEY DEFAULT true CHECK (one),
  name          text NOT NULL DEFAULT '',       -- 个人信息处理者
  contact       text NOT NULL DEFAULT '',       -- whom to ask
  complaint     text NOT NULL DEFAULT '',       -- where to complain
  assessment    text NOT NULL DEFAULT '',       -- number of the impact assessment
  assessed_on   date,
  notice        text NOT NULL DEFAULT '',       -- what else people should know
  version       integer NOT NULL DEFAULT 1,
  updated_at    timestamptz,
  updated_by    bigint REFERENCES account,
  updated_name  text NOT NULL DEFAULT ''
);
INSERT INTO data_controller DEFAULT VALUES;
INSERT INTO data_class (code, sort, name, content, purpose, legal_basis, recipients, sensitivity, retention_days, retention_text) VALUES
 ('track', 1, '行踪轨迹', '在岗期间的定位点：时间、经纬度、精度、速度、方向、电量、所在网格', '巡查走访核实、应急调度、人身安全', '履行法定职责所必需；本人单独同意（上岗时告知）', '本人；有查看轨迹权限的管理人员，每次查看须写明事由并留痕', 'sensitive', 90, '到期删除原始轨迹与轨迹归档，只留统计结果'),
 ('duty', 2, '在岗记录', '上岗、离岗的时间与事由，上岗时同意的告知版本，进出网格的时间', '确认定位只在在岗期间保存；计算巡查时长', '履行法定职责所必需', '本人；所属组织的管理人员', 'general', NULL, '随巡查考核记录保存'),
 ('patrol', 3, '巡查核实结果', '每日有效时长、半天是否合格、覆盖率、里程及其依据', '巡查定额核实、考核', '履行法定职责所必需', '本人；所属组织的管理人员、考核人员', 'general', NULL, '随考核档案保存'),
 ('visit', 4, '走访记录', '走访对象、时间、地点、内容、照片', '走访服务、台账', '履行法定职责所必需', '本人；所属组织的管理人员', 'general', NULL, '随走访台账保存'),
 ('doubt', 5, '存疑轨迹记录', '存疑信号及其证据、本人说明、认定与申诉的经过', '公平核实轨迹；不作自动处罚', '履行法定职责所必需', '本人；有查看轨迹权限的管理人员', 'sensitive', 180, '办结到期后删除证据中的位置，只留文字经过'),
 ('access', 6, '查看记录', '谁在什么时候、以什么事由查看过您的个人数据', '监督对个人数据的使用', '履行法定义务所必需', '本人；审计人员', 'general', NULL, '长期保存，不能删除'),
 ('account', 7, '账号与人员信息', '姓名、工号、电话、岗位、账号，登录会话的时间、来源地址和浏览器', '身份识别、工作联系', '实施人力资源管理所必需', '本人；所属组织的管理人员', 'general', NULL, '在册期间'),
 ('audit', 8, '操作日志', '登录、导出、修改等操作的时间与来源地址', '网络安全', '履行法定义务所必需', '审计人员', 'general', NULL, '不少于 180 天'),
 ('signature', 9, '轨迹特征', '每半分钟一个位置，仅用于比对轨迹是否与往日或他人重合', '公平核实轨迹', '履行法定职责所必需', '仅系统使用，任何人不能查看', 'sensitive', 60, '超过比对天数即删除'),
 ('photo', 10, '照片', '本人上传的走访、事件和说明照片，拍摄时间和位置', '走访和处置的依据', '履行法定职责所必需', '本人；所属组织的管理人员', 'sensitive', NULL, '随所属的走访、事件、存疑记录保存'),
 ('assess', 11, '考核结果', '网格指导员的得分、评分及理由，本人提出的申诉', '考核', '履行法定职责所必需', '本人；考核人员', 'general', NULL, '随考核档案保存'),
 ('work', 12, '事件、任务与指令', '本人上报、承办、核实的事件，收到的任务、指令和通知及回执', '事件办理、指挥调度', '履行法定职责所必需', '本人；办理单位', 'general', NULL, '随案卷保存'),
 ('sos', 13, '一键求助', '求助的时间、位置、接警和处置', '人身安全', '紧急情况下为保护生命健康所必需', '本人；指挥室', 'sensitive', NULL, '随案卷保存'),
 ('roster', 14, '网格分工、排班与请假', '所在网格和角色、排班、请假、技能', '确定巡查职责，请假不计入应完成', '实施人力资源管理所必需', '本人；所属组织的管理人员', 'general', NULL, '在册期间'),
 ('device', 15, '上报设备', '设备登记、最近上报、电量、程序版本和程序自取的随机编号、离岗时丢弃的定位点个数（不含位置）', '接收定位；发现一机多人', '履行法定职责所必需', '本人；设备管理人员', 'general', NULL, '设备登记在册期间；手机使用登记与轨迹特征同期删除'),
 ('taken', 16, '轨迹回放与导出', '谁在什么时候、以什么事由回放或导出过您的轨迹', '监督对轨迹的使用', '履行法定义务所必需', '本人；审批人、审计人员', 'general', NULL, '回放登记、导出登记到期删除，查看记录长期保存'),
 ('acts', 17, '经办署名', '您在反馈、审批、督办、吹哨、值班、考核等事项中的署名', '明确责任', '履行法定职责所必需', '有关单位', 'general', NULL, '随案卷、规则和考核档案保存');
