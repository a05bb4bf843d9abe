-- +goose Up
-- Intake (登记), the room's watch log (值班日志), the catalogue's second half, departments, and the whistle (吹哨报到).

-- 地名地址: what callers name when they say where. Imported; found by name, initials or full pinyin.
CREATE TABLE gazetteer (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  region_id  bigint NOT NULL REFERENCES region,
  org_id     bigint NOT NULL REFERENCES org,        -- the community it lies in, or the region itself
  grid_id    bigint REFERENCES grid,
  name       text NOT NULL CHECK (name <> ''),
  aliases    text NOT NULL DEFAULT '',              -- other names, one space between
  address    text NOT NULL DEFAULT '',
  initials   text NOT NULL DEFAULT '',              -- of the name: hyxq
  pinyin     text NOT NULL DEFAULT '',              -- of the name in full: hupanyuanxiaoqu
  search     text GENERATED ALWAYS AS (lower(name || ' ' || aliases || ' ' || address) || ' ' || initials || ' ' || pinyin) STORED, -- one look instead of five
  kind       text NOT NULL DEFAULT '',              -- 小区 楼栋 学校 …: the file's own word
  geom       geometry(Point, 4326) NOT NULL,
  src_crs    text NOT NULL DEFAULT 'wgs84',
  source     text NOT NULL DEFAULT '',
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (region_id, name, address)
);
CREATE INDEX gazetteer_geom ON gazetteer USING gist (geom);
CREATE INDEX gazetteer_org ON gazetteer (org_id);

-- Cases near a place, open or not: what is shown before a new one is saved.
CREATE INDEX IF NOT EXISTS incident_geom ON incident USING gist (geom);

-- 值班日志. Insert-only: a mistake is corrected by another entry.
CREATE TABLE watch_entry (
  id          uuid PRIMARY KEY,
  region_id   bigint NOT NULL REFERENCES region,
  room_org    bigint NOT NULL REFERENCES org,       -- whose log it is
  at          timestamptz NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('call','event','instruction','inspection','note','handover')), -- 来电 事件 指示 查岗 记事 交接班
  text        text NOT NULL,
  incident_id uuid REFERENCES incident,
  by_account  bigint NOT NULL REFERENCES account, by_name text NOT NULL DEFAULT ''
);
CREATE INDEX watch_entry_room ON watch_entry (room_org, at DESC, id);

-- 交接班: what was open when the watch changed hands, signed by the successor. items is kept as it was written: digest covers it.
CREATE TABLE handover (
  id           uuid PRIMARY KEY,
  region_id    bigint NOT NULL REFERENCES region,
  room_org     bigint NOT NULL REFERENCES org,
  at           timestamptz NOT NULL,
  from_account bigint NOT NULL REFERENCES account, from_name text NOT NULL DEFAULT '',
  to_account   bigint NOT NULL REFERENCES account, to_name text NOT NULL DEFAULT '',
  note         text NOT NULL DEFAULT '',
  items        json NOT NULL,
  state        text NOT NULL DEFAULT 'asked' CHECK (state IN ('asked','signed','replaced')),
  signed_by    bigint REFERENCES account, signed_at timestamptz, digest text NOT NULL DEFAULT '',
  CHECK (to_account <> from_account)
);
CREATE UNIQUE INDEX handover_asked ON handover (room_org) WHERE state = 'asked';
CREATE INDEX handover_signed ON handover (room_org, signed_at DESC) WHERE state = 'signed';

-- The catalogue: how near two cases of a kind are taken for one, and the national codes it may refer to.
-- 部件 and 事项 share their numbers, and editions differ: only all three together are a key.
ALTER TABLE category ADD alike_m smallint NOT NULL DEFAULT 200 CHECK (alike_m BETWEEN 10 AND 2000);
CREATE TABLE standard_code (
  standard_ref text NOT NULL CHECK (standard_ref <> ''),
  kind         text NOT NULL CHECK (kind IN ('部件','事项')),
  code5        text NOT NULL CHECK (code5 ~ '^[0-9]{5}$'),
  name         text NOT NULL CHECK (name <> ''),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (standard_ref, kind, code5)
);

-- What an organisation of kind department is beyond its name: who leads it, whom to call, what it does.
CREATE TABLE department (
  org_id        bigint PRIMARY KEY REFERENCES org,
  head          text NOT NULL DEFAULT '',
  contact       text NOT NULL DEFAULT '',
  contact_phone text NOT NULL DEFAULT '',
  duties        text NOT NULL DEFAULT ''
);

-- 吹哨报到: a community calls departments to the scene and rates them afterwards.
-- Limits are parameters, no standard has numbers. They count as sla_rule's: working days in wd, minutes in wh and h.
CREATE TABLE whistle_rule (
  kind         text PRIMARY KEY CHECK (kind IN ('mass','enforcement','emergency')), -- 群众诉求哨 综合执法哨 应急哨
  name         text NOT NULL,
  respond_n    integer NOT NULL CHECK (respond_n BETWEEN 0 AND 1000000), respond_unit text NOT NULL CHECK (respond_unit IN ('wd','wh','h','same_day')),
  arrive_n     integer NOT NULL CHECK (arrive_n BETWEEN 0 AND 1000000), arrive_unit text NOT NULL CHECK (arrive_unit IN ('wd','wh','h','same_day')),
  geofence_m   integer NOT NULL DEFAULT 200 CHECK (geofence_m BETWEEN 20 AND 5000),
  at_once      boolean NOT NULL DEFAULT false,        -- departments are called without waiting for the command room
  version      integer NOT NULL DEFAULT 1
);
INSERT INTO whistle_rule (kind, name, respond_n, respond_unit, arrive_n, arrive_unit, at_once) VALUES
('mass', '群众诉求哨', 1, 'wd', 2, 'wd', false),
('enforcement', '综合执法哨', 120, 'wh', 240, 'wh', false),
('emergency', '应急哨', 10, 'h', 30, 'h', true);

CREATE TABLE whistle_counter (region_id bigint NOT NULL REFERENCES region, day date NOT NULL, seq integer NOT NULL, PRIMARY KEY (region_id, day));

CREATE TABLE whistle (
  id           uuid PRIMARY KEY,
  region_id    bigint NOT NULL REFERENCES region,
  no           text NOT NULL,
  version      integer NOT NULL DEFAULT 1,
  incident_id  uuid REFERENCES incident,
  kind         text NOT NULL REFERENCES whistle_rule,
  state        text NOT NULL DEFAULT 'raised' CHECK (state IN ('raised','confirmed','responded','on_site','working','replied','rated','closed','refused')),
  drill        boolean NOT NULL DEFAULT false,
  sensitivity  text NOT NULL DEFAULT 'normal' CHECK (sensitivity IN ('normal','high')),
  org_id       bigint NOT NULL REFERENCES org,        -- who raised it, and alone may rate
  raised_by    bigint NOT NULL REFERENCES account, raised_by_name text NOT NULL DEFAULT '', raised_at timestamptz NOT NULL,
  reason       text NOT NULL,
  geom         geometry(Point, 4326), address text NOT NULL DEFAULT '',
  geofence_m   integer NOT NULL DEFAULT 200,          -- as the rule stood
  confirmed_by bigint REFERENCES account, confirmed_by_name text NOT NULL DEFAULT '', confirmed_at timestamptz, confirm_note text NOT NULL DEFAULT '',
  respond_due  timestamptz, arrive_due timestamptz, provisional boolean NOT NULL DEFAULT false,
  closed_by    bigint REFERENCES account, closed_by_name text NOT NULL DEFAULT '', closed_at timestamptz, close_note text NOT NULL DEFAULT '',
  client_id    text,
  CHECK (geom IS NOT NULL OR address <> ''),
  UNIQUE (region_id, no)
);
CREATE INDEX whistle_region ON whistle (region_id, raised_at DESC, id);
CREATE INDEX whistle_incident ON whistle (incident_id) WHERE incident_id IS NOT NULL;
CREATE UNIQUE INDEX whistle_client ON whistle (region_id, client_id) WHERE client_id IS NOT NULL;

CREATE TABLE whistle_department (
  whistle_id   uuid NOT NULL REFERENCES whistle,
  org_id       bigint NOT NULL REFERENCES org,
  state        text NOT NULL DEFAULT 'called' CHECK (state IN ('called','responded','on_site','working','replied','rated')),
  responded_at timestamptz, responded_by_name text NOT NULL DEFAULT '',
  checked_in_at timestamptz, checked_in_by_name text NOT NULL DEFAULT '', distance_m real, outside boolean NOT NULL DEFAULT false, outside_reason text NOT NULL DEFAULT '',
  working_at   timestamptz, work_note text NOT NULL DEFAULT '',
  replied_at   timestamptz, replied_by_name text NOT NULL DEFAULT '', reply text NOT NULL DEFAULT '',
  result       text NOT NULL DEFAULT '' CHECK (result IN ('','solved','partly','cannot','not_exist')),
  rated_at     timestamptz, rated_by_name text NOT NULL DEFAULT '', grade smallint CHECK (grade BETWEEN 1 AND 5), rate_note text NOT NULL DEFAULT '',
  PRIMARY KEY (whistle_id, org_id)
);
CREATE INDEX whistle_department_org ON whistle_department (org_id);

-- Who stood on the scene (报到), where, and how far from it. Insert-only.
CREATE TABLE whistle_checkin (
  id         uuid PRIMARY KEY,
  whistle_id uuid NOT NULL REFERENCES whistle, org_id bigint NOT NULL REFERENCES org,
  by_account bigint NOT NULL REFERENCES account, by_name text NOT NULL DEFAULT '',
  at         timestamptz NOT NULL,
  geom       geometry(Point, 4326), accuracy real, distance_m real,
  outside    boolean NOT NULL DEFAULT false, reason text NOT NULL DEFAULT ''
);
CREATE INDEX whistle_checkin_whistle ON whistle_checkin (whistle_id);

-- Words by which the kinds of the first catalogue are suggested, who handles them first, and what is nobody else's business.
UPDATE category c SET keywords = k.keywords, default_tier = k.tier, sensitive = k.sensitive, photo_after = k.photo, alike_m = k.alike
FROM (VALUES
('ZZ-01', '邻里 邻居 吵架 噪音 噪声 扰民 楼上 楼下 漏水 渗水 纠纷', 1, false, false, 50),
('ZZ-02', '物业 物业费 业主 业委会 停车费 维修基金 保洁', 2, false, false, 100),
('ZZ-03', '欠薪 工资 讨薪 劳资 农民工 拖欠 辞退 工伤', 3, true, false, 100),
('ZZ-04', '家庭 家暴 夫妻 离婚 赡养 抚养 婆媳 打骂', 2, true, false, 50),
('ZZ-05', '治安 打架 斗殴 盗窃 偷 可疑 聚众 赌博 醉酒 诈骗', 2, false, false, 200),
('ZZ-06', '出租房 群租 租客 租户 房东 流动人口 隔断', 2, false, false, 50),
('AQ-01', '消防通道 堵塞 占用通道 生命通道 安全出口 楼道堆物', 1, false, true, 50),
('AQ-02', '消防栓 灭火器 消防设施 烟感 喷淋 消防箱 应急灯', 2, false, true, 50),
('AQ-03', '飞线 充电 电线 电动车 燃气 煤气 漏气 漏电 触电 电气', 2, false, true, 100),
('AQ-04', '危房 裂缝 倾斜 坍塌 脱落 墙体 外墙 险情', 3, false, true, 50),
('AQ-05', '交通 事故 车祸 乱停 违停 红绿灯 信号灯 标线 拥堵 机动车 非机动车', 3, false, false, 200),
('AQ-06', '食品 药品 过期 变质 食物中毒 餐饮 卫生许可 假药', 3, false, false, 100),
('JJ-01', '无照 无证 游商 流动摊贩 黑作坊', 3, false, false, 100),
('JJ-02', '店外 出店 外摆 店外经营 越门', 2, false, true, 50),
('JJ-03', '占道 摆摊 占道经营 夜市 地摊 摊位', 2, false, true, 100),
('JJ-04', '企业 营商 政策 审批 办照 用工', 3, false, false, 100),
('NY-01', '耕地 农田 抛荒 占地 非农化', 3, false, true, 300),
('NY-02', '秸秆 焚烧 冒烟 烧荒', 1, false, true, 500),
('NY-03', '水渠 沟渠 河道 排灌 水利 堤坝 淤积', 2, false, true, 300),
('NY-04', '畜禽 养殖 鸡 鸭 猪 病死 防疫 疫苗 犬 狗', 2, false, false, 200),
('CJ-01', '垃圾 满溢 堆积 渣土 建筑垃圾 臭味 清运 暴露垃圾', 1, false, true, 100),
('CJ-02', '路面 破损 坑洼 塌陷 人行道 地砖 道路', 3, false, true, 100),
('CJ-03', '井盖 路灯 护栏 下水道 堵塞 积水 管道 市政 公厕', 2, false, true, 100),
('CJ-04', '违建 搭建 私搭 违法建筑 加盖 棚', 3, false, true, 50),
('CJ-05', '绿化 树 倒伏 修剪 草坪 毁绿 病虫害 树枝', 2, false, true, 100),
('DQ-01', '党员 党组织 党费 党群 组织关系', 2, false, false, 100),
('DQ-02', '志愿 志愿者 义工 公益', 1, false, false, 100),
('DQ-03', '健身 器材 球场 广场舞 文化室 图书', 2, false, true, 100),
('DQ-04', '文明 宣传 小广告 乱张贴 乱涂写 横幅 创建', 1, false, true, 100),
('SH-01', '老人 独居 残疾 孤寡 走失 助老 轮椅 空巢', 1, true, false, 50),
('SH-02', '低保 救助 困难 补助 五保 特困', 2, true, false, 50),
('SH-03', '就业 失业 招聘 培训 求职', 2, false, false, 100),
('SH-04', '学校 入学 幼儿园 医保 疫苗 卫生院 看病', 3, false, false, 100)
) AS k(code, keywords, tier, sensitive, photo, alike) WHERE c.code = k.code;
