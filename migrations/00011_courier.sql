-- +goose Up
-- Messages to the outside: channels of organisations, and what was sent over them.
-- The journal is the outbox (docs/adr/0010): a cursor for each region says how far
-- it was read; what a channel wants of it becomes deliveries in the transaction
-- that moves the cursor.

-- A channel (消息通道) belongs to an organisation and never gets a case of another subtree.
CREATE TABLE channel (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  org_id      bigint NOT NULL REFERENCES org,
  kind        text NOT NULL CHECK (kind IN ('webhook','smtp','dingtalk','wecom')),
  name        text NOT NULL,
  enabled     boolean NOT NULL DEFAULT true,
  people      boolean NOT NULL DEFAULT false,   -- unmasked people and sensitive cases may leave by it
  drills      boolean NOT NULL DEFAULT false,   -- 演练 too
  events      text[] NOT NULL,                  -- 'incident.dispatched', 'sos.*', …
  tiers       smallint[] NOT NULL DEFAULT '{}', -- of cases; empty = all
  urgencies   text[] NOT NULL DEFAULT '{}',
  category    text NOT NULL DEFAULT '',         -- this category and what lies under it
  settings    jsonb NOT NULL DEFAULT '{}',
  secrets     jsonb NOT NULL DEFAULT '{}',      -- passwords and keys: written, never read back by a reply
  ack_key     bytea NOT NULL,                   -- makes the tokens of receipts
  since       timestamptz NOT NULL,             -- nothing from before it was last enabled is sent
  version     integer NOT NULL DEFAULT 1,
  created_by  bigint REFERENCES account,
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL,
  retired_at  timestamptz
);
CREATE INDEX channel_org ON channel (org_id) WHERE retired_at IS NULL;

-- How far each region's journal has been read; the row is the lock of whoever reads.
CREATE TABLE courier_cursor (region_id bigint PRIMARY KEY REFERENCES region, seq bigint NOT NULL);
INSERT INTO courier_cursor (region_id, seq) SELECT id, seq FROM region;

-- One thing told to one channel. Its content is read from the journal when it is sent: nothing of a case is kept twice.
CREATE TABLE delivery (
  id           uuid PRIMARY KEY,                -- the same at every attempt: a receiver knows a repetition by it
  channel_id   bigint NOT NULL REFERENCES channel,
  region_id    bigint, seq bigint,              -- the journal entry; NULL = a message on trial
  kind         text NOT NULL,
  subject      text NOT NULL DEFAULT '',
  case_no      text NOT NULL DEFAULT '',
  digest       bytea,                           -- of the entry's body: the same fact in two regions is told once
  state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting','failed','sent','acked','dead')), -- failed: will be tried again
  attempts     smallint NOT NULL DEFAULT 0,     -- since it was last asked for
  tries        integer NOT NULL DEFAULT 0,      -- ever
  next_at      timestamptz NOT NULL,
  leased_until timestamptz,                     -- somebody is sending it now
  last_error   text NOT NULL DEFAULT '',        -- a sentence that may be shown
  receipt      text NOT NULL DEFAULT '',        -- the receiver's own number for it
  token_hash   bytea NOT NULL,                  -- SHA-256 of the receipt's token
  created_at   timestamptz NOT NULL,
  tried_at     timestamptz, sent_at timestamptz,
  acked_at     timestamptz, acked_by text NOT NULL DEFAULT '',
  UNIQUE (channel_id, region_id, seq)
);
CREATE UNIQUE INDEX delivery_token ON delivery (token_hash);
CREATE INDEX delivery_due ON delivery (channel_id, attempts, next_at) WHERE state IN ('waiting','failed');
CREATE INDEX delivery_recent ON delivery (channel_id, created_at DESC, id DESC);
CREATE INDEX delivery_digest ON delivery (channel_id, digest);
CREATE INDEX delivery_settled ON delivery (created_at) WHERE state IN ('sent','acked','dead');
