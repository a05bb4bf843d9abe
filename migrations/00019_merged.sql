-- +goose Up
-- A case that ends hands its result on to those merged into it.
CREATE INDEX incident_merged_into ON incident (merged_into) WHERE merged_into IS NOT NULL;
