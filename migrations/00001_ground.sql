-- +goose Up
-- Organisations, regions, grids, people: who answers for which piece of ground.
-- Geometry is SRID 4326, lon before lat (WGS-84, equal to CGCS2000 within centimetres).

-- An organisation (组织机构). path is the chain of ids from the root, '1.4.17.',
-- so that a subtree is one prefix: path LIKE '1.4.%'.
CREATE TABLE org (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  region_id   bigint NOT NULL,            -- the nearest ancestor-or-self with a command room
  parent_id   bigint REFERENCES org,
  path        text NOT NULL,
  code        text NOT NULL,              -- 6, 9 or 12 digits, or a department's code
  kind        text NOT NULL CHECK (kind IN ('city','county','street','department','district_dept','village','community','station','command_room','inspection','partner')),
  name        text NOT NULL,
  short_name  text NOT NULL DEFAULT '',
  pinyin      text NOT NULL DEFAULT '',   -- initials of the name, for search
  uscc        text NOT NULL DEFAULT '',
  phone       text NOT NULL DEFAULT '',
  location    geometry(Point, 4326),
  valid_from  date NOT NULL DEFAULT '1949-10-01',
  valid_to    date,
  version     integer NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX org_code_living ON org (code) WHERE valid_to IS NULL;
CREATE INDEX org_path ON org (path text_pattern_ops);
CREATE INDEX org_parent ON org (parent_id);

-- A region has a journal of its own: seq is the number of its newest entry, head that entry's hash.
CREATE TABLE region (
  id     bigint PRIMARY KEY REFERENCES org,
  seq    bigint NOT NULL DEFAULT 0,
  head   bytea  NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
  epoch  uuid   NOT NULL DEFAULT gen_random_uuid()
);

-- A grid (网格) keeps its id for life; its shape and figures are versions.
CREATE TABLE grid (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  region_id  bigint NOT NULL REFERENCES region,
  org_id     bigint NOT NULL REFERENCES org,
  code       text NOT NULL CHECK (code ~ '^[0-9]{15}$'),
  level      text NOT NULL DEFAULT 'grid' CHECK (level IN ('county','street','village_community','grid','micro')),
  kind       text NOT NULL DEFAULT 'base' CHECK (kind IN ('base','exclusive','unit')),
  layer      text NOT NULL DEFAULT 'operative',  -- Locate works in the operative layer alone
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (code, layer)
);
CREATE INDEX grid_org ON grid (org_id);

CREATE TABLE grid_version (
  grid_id        bigint NOT NULL REFERENCES grid,
  version        integer NOT NULL,
  name           text NOT NULL,
  pinyin         text NOT NULL DEFAULT '',
  setting        text NOT NULL CHECK (setting IN ('urban','rural')),
  is_execution   boolean NOT NULL DEFAULT true,
  geom           geometry(MultiPolygon, 4326) NOT NULL,
  label_point    geometry(Point, 4326) NOT NULL,
  area_m2        double precision NOT NULL,
  households     integer NOT NULL DEFAULT 0,
  population     integer NOT NULL DEFAULT 0,
  predecessors   bigint[] NOT NULL DEFAULT '{}',
  src_crs        text NOT NULL DEFAULT 'EPSG:4326',
  valid_from     timestamptz NOT NULL DEFAULT now(),
  valid_to       timestamptz,
  PRIMARY KEY (grid_id, version)
);
CREATE UNIQUE INDEX grid_version_living ON grid_version (grid_id) WHERE valid_to IS NULL;
CREATE INDEX grid_version_geom ON grid_version USING gist (geom) WHERE valid_to IS NULL;

CREATE VIEW grid_now AS
SELECT g.id, g.region_id, g.org_id, g.code, g.level, g.kind, g.layer, o.path AS org_path, o.name AS org_name,
       v.version, v.name, v.pinyin, v.setting, v.is_execution, v.geom, v.label_point, v.area_m2, v.households, v.population
FROM grid g JOIN grid_version v ON v.grid_id = g.id AND v.valid_to IS NULL JOIN org o ON o.id = g.org_id;

-- The number of the newest change to the territory; tiles and fences are dated by it.
CREATE TABLE territory_epoch (one boolean PRIMARY KEY DEFAULT true CHECK (one), epoch bigint NOT NULL DEFAULT 1);
INSERT INTO territory_epoch DEFAULT VALUES;

-- A worker (网格员, 网格长, 网格指导员) or a vehicle (车辆): what reports positions, is dispatched and is drawn.
CREATE TABLE worker (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  region_id  bigint NOT NULL REFERENCES region,
  org_id     bigint NOT NULL REFERENCES org,
  kind       text NOT NULL DEFAULT 'person' CHECK (kind IN ('person','vehicle')),
  role       text NOT NULL DEFAULT 'grid_worker' CHECK (role IN ('grid_worker','grid_leader','grid_guide','volunteer','patrol_car')),
  code       text NOT NULL UNIQUE,       -- 工号 or plate
  name       text NOT NULL,
  pinyin     text NOT NULL DEFAULT '',
  phone      text NOT NULL DEFAULT '',
  status     text NOT NULL DEFAULT 'active' CHECK (status IN ('active','left')),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX worker_org ON worker (org_id);

-- 1+1+1+X: one leader, guides, workers, and volunteers of a grid.
CREATE TABLE grid_assignment (
  grid_id    bigint NOT NULL REFERENCES grid,
  worker_id  bigint NOT NULL REFERENCES worker,
  role       text NOT NULL CHECK (role IN ('leader','guide','worker','volunteer','police','property')),
  is_primary boolean NOT NULL DEFAULT false,
  valid_from date NOT NULL DEFAULT current_date,
  valid_to   date,
  PRIMARY KEY (grid_id, worker_id, role, valid_from)
);
CREATE INDEX grid_assignment_worker ON grid_assignment (worker_id);

-- The base map, from an import of OpenStreetMap or the customer's own survey. 3857, because only tiles read it.
CREATE TABLE base_road (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ref text NOT NULL DEFAULT '', name text NOT NULL DEFAULT '',
  class text NOT NULL, oneway boolean NOT NULL DEFAULT false, geom geometry(LineString, 3857) NOT NULL
);
CREATE INDEX base_road_geom ON base_road USING gist (geom);
CREATE TABLE base_area (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ref text NOT NULL DEFAULT '', name text NOT NULL DEFAULT '',
  class text NOT NULL CHECK (class IN ('building','water','green','residential','school','industrial','other')),
  area_m2 double precision NOT NULL DEFAULT 0, geom geometry(MultiPolygon, 3857) NOT NULL
);
CREATE INDEX base_area_geom ON base_area USING gist (geom);
CREATE TABLE base_place (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ref text NOT NULL DEFAULT '', name text NOT NULL,
  pinyin text NOT NULL DEFAULT '', class text NOT NULL, rank smallint NOT NULL DEFAULT 5, geom geometry(Point, 3857) NOT NULL
);
CREATE INDEX base_place_geom ON base_place USING gist (geom);
CREATE TABLE base_source (
  name text PRIMARY KEY, attribution text NOT NULL, licence text NOT NULL, imported_at timestamptz NOT NULL DEFAULT now()
);
